/*
 * peer_rules.c
 *		What is said about one recipient.
 *
 * In this order: rules added at run time (the latest first), self-describing local parts, rules of
 * the file, the listener's grey-listing, its catch-all, its known users, "User unknown".
 *
 * A rule's reply is a text, or
 *		first N TEXT | TEXT		the first N times this, then that (per listener and recipient)
 *		greylist S [TEXT]		TEXT until S seconds after the first try of (client, sender, rcpt)
 *		slow MS TEXT			TEXT, so much later
 *		close, rst, hang		no text at all
 *
 * A local part may say the same, so that a test needs no rule:
 *		r.CODE[.X.Y.Z][.word]...	f.N.CODE[.X.Y.Z][.word]...	g.S[.tag]	s.MS[.tag]
 *		close[.tag]  rst[.tag]  hang[.tag]
 */
#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "peer.h"

#define STATE_BUCKETS 65536
#define STATE_MAX     200000 /* beyond it everything is forgotten, rather than memory filled */

#define TEXT_OK "250 2.1.5 Ok"
#define TEXT_GREY                                                                                  \
	"450 4.2.0 <%r>: Recipient address rejected: Greylisted, please try again in a few seconds"
#define TEXT_UNKNOWN "550 5.1.1 <%r>: Recipient address rejected: User unknown"

typedef struct Rule
{
	struct Rule *next;
	bool runtime;
	char listener[64];
	char rcpt[256];
	char reply[PEER_TEXT];
} Rule;

typedef struct State
{
	struct State *next;
	uint64_t first_ms;
	int count;
	char key[];
} State;

static Rule *rules;
static State *states[STATE_BUCKETS];
static size_t nstates;

bool
peer_rule_add(const char *listener, const char *rcpt, const char *reply, bool runtime)
{
	Rule *r = calloc(1, sizeof(*r));
	Rule **at = &rules;

	if (!r || strlen(listener) >= sizeof(r->listener) || strlen(rcpt) >= sizeof(r->rcpt) ||
	    strlen(reply) >= sizeof(r->reply))
	{
		free(r);
		return false;
	}
	r->runtime = runtime;
	strcpy(r->listener, listener);
	strcpy(r->rcpt, rcpt);
	strcpy(r->reply, reply);
	if (!runtime)
		while (*at)
			at = &(*at)->next;
	r->next = *at;
	*at = r;
	return true;
}

void
peer_rules_restore(void)
{
	for (Rule **at = &rules; *at;)
	{
		Rule *r = *at;

		if (!r->runtime)
		{
			at = &r->next;
			continue;
		}
		*at = r->next;
		free(r);
	}
	peer_rules_reset_state();
}

void
peer_rules_reset_state(void)
{
	for (size_t i = 0; i < STATE_BUCKETS; i++)
		while (states[i])
		{
			State *st = states[i];

			states[i] = st->next;
			free(st);
		}
	nstates = 0;
}

/* The memory of a stateful reply; keys compare without case.  NULL only if out of memory. */
static State *
state_of(const char *key)
{
	uint32_t h = 2166136261u;
	State *st;

	for (const char *p = key; *p; p++)
		h = (h ^ (uint32_t) tolower((unsigned char) *p)) * 16777619u;
	for (st = states[h % STATE_BUCKETS]; st; st = st->next)
		if (strcasecmp(st->key, key) == 0)
			return st;
	if (nstates >= STATE_MAX)
		peer_rules_reset_state();
	st = malloc(sizeof(*st) + strlen(key) + 1);
	if (!st)
		return NULL;
	st->first_ms = uv_now(peer.loop);
	st->count = 0;
	strcpy(st->key, key);
	st->next = states[h % STATE_BUCKETS];
	states[h % STATE_BUCKETS] = st;
	nstates++;
	return st;
}

static void
set_text(PeerVerdict *v, const char *text)
{
	snprintf(v->text, sizeof(v->text), "%s", text);
}

static void
greylist(PeerSession *s, const char *rcpt, int seconds, const char *text, PeerVerdict *v)
{
	char key[1200];
	State *st;

	snprintf(key, sizeof(key), "g|%s|%s|%s|%s", s->l->name, s->client, s->mail, rcpt);
	st = state_of(key);
	if (st && uv_now(peer.loop) - st->first_ms >= (uint64_t) seconds * 1000)
		set_text(v, TEXT_OK);
	else
		set_text(v, text && *text ? text : TEXT_GREY);
}

static bool
is_among_first(PeerSession *s, const char *rcpt, int n)
{
	char key[1200];
	State *st;

	snprintf(key, sizeof(key), "f|%s|%s", s->l->name, rcpt);
	st = state_of(key);
	return st && st->count++ < n;
}

/* The reply of a rule, see above. */
static void
apply(PeerSession *s, const char *rcpt, const char *reply, PeerVerdict *v)
{
	char text[PEER_TEXT];
	char *end;
	long n;

	if (strcmp(reply, "close") == 0)
		v->close = true;
	else if (strcmp(reply, "rst") == 0)
		v->rst = true;
	else if (strcmp(reply, "hang") == 0)
		v->hang = true;
	else if (strncmp(reply, "first ", 6) == 0)
	{
		char *bar;

		n = strtol(reply + 6, &end, 10);
		snprintf(text, sizeof(text), "%s", end + strspn(end, " "));
		bar = strstr(text, " | ");
		if (bar)
			*bar = '\0';
		if (is_among_first(s, rcpt, (int) n))
			apply(s, rcpt, text, v);
		else
			apply(s, rcpt, bar ? bar + 3 : TEXT_OK, v);
	}
	else if (strncmp(reply, "greylist ", 9) == 0)
	{
		n = strtol(reply + 9, &end, 10);
		greylist(s, rcpt, (int) n, end + strspn(end, " "), v);
	}
	else if (strncmp(reply, "slow ", 5) == 0)
	{
		n = strtol(reply + 5, &end, 10);
		v->delay_ms += (int) n;
		snprintf(text, sizeof(text), "%s", end + strspn(end, " "));
		apply(s, rcpt, *text ? text : TEXT_OK, v);
	}
	else
		set_text(v, reply);
}

/* "550.5.1.1.user.unknown" -> "550 5.1.1 user unknown".  False if it does not begin as a reply. */
static bool
reply_from_words(const char *p, char *out, size_t size)
{
	size_t n = 3;
	int a;
	int b;
	int c;
	int used = 0;

	if (strspn(p, "0123456789") != 3 || size < 128 || (p[3] != '\0' && p[3] != '.'))
		return false;
	memcpy(out, p, 3);
	p += 3;
	if (sscanf(p, ".%1d.%3d.%3d%n", &a, &b, &c, &used) == 3 && (p[used] == '\0' || p[used] == '.'))
	{
		n += (size_t) snprintf(out + n, size - n, " %d.%d.%d", a, b, c);
		p += used;
	}
	while (*p && n + 1 < size)
	{
		out[n++] = *p == '.' ? ' ' : *p;
		p++;
	}
	out[n] = '\0';
	return true;
}

static bool
word_is(const char *local, const char *word)
{
	size_t len = strlen(word);

	return strncasecmp(local, word, len) == 0 && (local[len] == '\0' || local[len] == '.');
}

/* Local parts that say what they want. */
static bool
self_described(PeerSession *s, const char *rcpt, const char *local, PeerVerdict *v)
{
	char reply[PEER_TEXT];
	char *end;
	long n;

	if (word_is(local, "close") || word_is(local, "rst") || word_is(local, "hang"))
	{
		v->close = word_is(local, "close");
		v->rst = word_is(local, "rst");
		v->hang = word_is(local, "hang");
		return true;
	}
	if (local[0] == '\0' || local[1] != '.')
		return false;
	n = strtol(local + 2, &end, 10);
	switch (tolower((unsigned char) local[0]))
	{
		case 'r':
			if (!reply_from_words(local + 2, reply, sizeof(reply)))
				return false;
			set_text(v, reply);
			return true;
		case 'f':
			if (end == local + 2 || *end != '.' || !reply_from_words(end + 1, reply, sizeof(reply)))
				return false;
			set_text(v, is_among_first(s, rcpt, (int) n) ? reply : TEXT_OK);
			return true;
		case 'g':
			if (end == local + 2 || (*end != '\0' && *end != '.'))
				return false;
			greylist(s, rcpt, (int) n, NULL, v);
			return true;
		case 's':
			if (end == local + 2 || (*end != '\0' && *end != '.'))
				return false;
			v->delay_ms = (int) n;
			set_text(v, TEXT_OK);
			return true;
		default: return false;
	}
}

static bool
is_user(const PeerConf *c, const char *local)
{
	char users[sizeof(c->users)];
	char *save;

	strcpy(users, c->users);
	for (char *g = strtok_r(users, ",", &save); g; g = strtok_r(NULL, ",", &save))
		if (fnmatch(g, local, FNM_CASEFOLD) == 0)
			return true;
	return false;
}

static bool
by_rule(PeerSession *s, const char *rcpt, bool runtime, PeerVerdict *v)
{
	for (Rule *r = rules; r; r = r->next)
		if (r->runtime == runtime && fnmatch(r->listener, s->l->name, FNM_CASEFOLD) == 0 &&
		    fnmatch(r->rcpt, rcpt, FNM_CASEFOLD) == 0)
		{
			apply(s, rcpt, r->reply, v);
			return true;
		}
	return false;
}

void
peer_rules_verdict(PeerSession *s, const char *rcpt, PeerVerdict *v)
{
	const PeerConf *c = &s->l->conf;
	char local[256];
	const char *at = strrchr(rcpt, '@');
	size_t len = at ? (size_t) (at - rcpt) : strlen(rcpt);

	snprintf(local, sizeof(local), "%.*s", (int) len, rcpt);
	if (by_rule(s, rcpt, true, v) || self_described(s, rcpt, local, v) ||
	    by_rule(s, rcpt, false, v))
		return;
	local[strcspn(local, "+")] = '\0';
	if (c->catch_all || is_user(c, local))
	{
		if (c->greylist_s > 0)
			greylist(s, rcpt, c->greylist_s, NULL, v);
		else
			set_text(v, TEXT_OK);
	}
	else
		set_text(v, TEXT_UNKNOWN);
}
