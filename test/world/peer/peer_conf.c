/*
 * peer_conf.c
 *		The peer's configuration file and the key=value settings of a listener.
 *
 * One statement a line; '#' at the start of a word begins a comment; a backslash at the end of a
 * line continues it; words may be quoted with "..." wholly or after the '='.
 *
 *		default KEY=VALUE...				settings of all listeners that follow
 *		listener NAME ADDRESS KEY=VALUE...
 *		range NAME FIRST-ADDRESS N KEY=VALUE...		NAME001 .. at N consecutive addresses
 *		rule LISTENER-GLOB RECIPIENT-GLOB REPLY...
 *
 * The same assignments are taken by the control command "set", so that a test can say at run time
 * whatever the file can say.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

#define MAX_WORDS 48

const char *const peer_stage_word[ST_COUNT] = {
#define X(sym, word) #word,
	PEER_STAGES(X)
#undef X
};

typedef enum KeyKind
{
	KEY_INT,
	KEY_TEXT,
	KEY_STAGES
} KeyKind;

typedef struct Key
{
	const char *name;
	KeyKind kind;
	size_t off;
	size_t size;
} Key;

#define INT(k)                                                                                     \
	{                                                                                              \
#k, KEY_INT, offsetof(PeerConf, k), 0                                                      \
	}
#define TEXT(k)                                                                                    \
	{                                                                                              \
#k, KEY_TEXT, offsetof(PeerConf, k), sizeof(((PeerConf *) 0)->k)                           \
	}
#define STAGES(k)                                                                                  \
	{                                                                                              \
#k, KEY_STAGES, offsetof(PeerConf, k), 0                                                   \
	}

static const Key keys[] = {
	TEXT(host),
	TEXT(ext),
	TEXT(users),
	INT(latency_ms),
	INT(ehlo),
	INT(catch_all),
	INT(tls_require),
	INT(max_rcpt),
	INT(max_conn),
	INT(fail_conns),
	INT(greylist_s),
	INT(close_after),
	INT(rcpt_421_after),
	INT(drip_ms),
	INT(chunk),
	INT(chunk_ms),
	INT(lf),
	INT(rst),
	INT(blackhole),
	INT(optional),
	STAGES(hang),
	STAGES(close),
	STAGES(flood_line),
	STAGES(garbage),
	STAGES(flood_reply),
};

/* Split a line into words in place; quotes may open anywhere in a word.  Returns the number. */
int
peer_conf_words(char *line, char **words, int max)
{
	int n = 0;
	char *p = line;

	for (;;)
	{
		char *out;
		bool quoted = false;

		while (*p == ' ' || *p == '\t')
			p++;
		if (*p == '\0' || *p == '#' || n == max)
			return n;
		words[n++] = out = p;
		while (*p && (quoted || (*p != ' ' && *p != '\t')))
		{
			if (*p == '"')
			{
				quoted = !quoted;
				p++;
				continue;
			}
			/* escapes stay as they are, they are expanded when sent */
			if (*p == '\\' && p[1])
				*out++ = *p++;
			*out++ = *p++;
		}
		if (*p)
			p++;
		*out = '\0';
	}
}

static int
stage_by_word(const char *word, size_t len)
{
	for (int i = 0; i < ST_COUNT; i++)
		if (strlen(peer_stage_word[i]) == len && strncmp(peer_stage_word[i], word, len) == 0)
			return i;
	return -1;
}

static bool
parse_stages(const char *value, unsigned *mask)
{
	*mask = 0;
	if (strcmp(value, "none") == 0)
		return true;
	while (*value)
	{
		size_t len = strcspn(value, ",");
		int st = stage_by_word(value, len);

		if (st < 0)
			return false;
		*mask |= 1u << st;
		value += len + (value[len] == ',');
	}
	return true;
}

static bool
copy_text(char *dst, size_t size, const char *src)
{
	size_t len = strlen(src);

	if (len >= size)
		return false;
	memcpy(dst, src, len + 1);
	return true;
}

/* reply_STAGE, unsolicited_STAGE, delay_STAGE_ms, banner.  Returns -1 if it is none of them. */
static int
set_stage_key(PeerConf *c, const char *name, size_t nlen, const char *value)
{
	int st;

	if (nlen == 6 && strncmp(name, "banner", 6) == 0)
		return copy_text(c->reply[ST_BANNER], sizeof(c->reply[0]), value);
	if (nlen > 6 && strncmp(name, "reply_", 6) == 0)
	{
		st = stage_by_word(name + 6, nlen - 6);
		return st < 0 ? -1 : copy_text(c->reply[st], sizeof(c->reply[0]), value);
	}
	if (nlen > 12 && strncmp(name, "unsolicited_", 12) == 0)
	{
		st = stage_by_word(name + 12, nlen - 12);
		return st < 0 ? -1 : copy_text(c->unsolicited[st], sizeof(c->unsolicited[0]), value);
	}
	if (nlen > 9 && strncmp(name, "delay_", 6) == 0 && strncmp(name + nlen - 3, "_ms", 3) == 0)
	{
		st = stage_by_word(name + 6, nlen - 9);
		if (st < 0)
			return -1;
		c->delay_ms[st] = atoi(value);
		return 1;
	}
	return -1;
}

static bool
set_tls_mode(PeerConf *c, const char *value)
{
	static const char *const modes[] = {"ok", "broken", "inject", "hang", "close"};

	for (int i = 0; i < 5; i++)
		if (strcmp(value, modes[i]) == 0)
		{
			c->tls = (PeerTlsMode) i;
			return true;
		}
	return false;
}

/* One KEY=VALUE.  On failure err says why and *c is unchanged. */
bool
peer_conf_set(PeerConf *c, const char *assignment, char *err, size_t errlen)
{
	const char *eq = strchr(assignment, '=');
	size_t nlen;
	const char *value;
	int rc;

	if (!eq)
	{
		snprintf(err, errlen, "not KEY=VALUE: %.100s", assignment);
		return false;
	}
	nlen = (size_t) (eq - assignment);
	value = eq + 1;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
	{
		char *field = (char *) c + keys[i].off;
		bool ok = true;

		if (strlen(keys[i].name) != nlen || strncmp(keys[i].name, assignment, nlen) != 0)
			continue;
		if (keys[i].kind == KEY_INT)
			*(int *) (void *) field = atoi(value);
		else if (keys[i].kind == KEY_TEXT)
			ok = copy_text(field, keys[i].size, value);
		else
			ok = parse_stages(value, (unsigned *) (void *) field);
		if (!ok)
			snprintf(err, errlen, "bad value: %.100s", assignment);
		return ok;
	}
	if (nlen == 3 && strncmp(assignment, "tls", 3) == 0)
		rc = set_tls_mode(c, value);
	else
		rc = set_stage_key(c, assignment, nlen, value);
	if (rc != 1)
		snprintf(err, errlen, "%s: %.100s", rc < 0 ? "unknown key" : "bad value", assignment);
	return rc == 1;
}

static bool
add_listener(const char *name, const char *addr, char **set, int nset, char *err, size_t errlen)
{
	static PeerListener *last = NULL;
	PeerListener *l = calloc(1, sizeof(*l));

	if (!l || !copy_text(l->name, sizeof(l->name), name) ||
	    !copy_text(l->addr, sizeof(l->addr), addr))
	{
		snprintf(err, errlen, "name or address too long");
		free(l);
		return false;
	}
	l->conf = peer.defaults;
	if (l->conf.host[0] == '\0')
		snprintf(l->conf.host, sizeof(l->conf.host), "%s.mx.deliver.com", name);
	for (int i = 0; i < nset; i++)
		if (!peer_conf_set(&l->conf, set[i], err, errlen))
		{
			free(l);
			return false;
		}
	l->original = l->conf;
	l->fail_left = l->conf.fail_conns;
	if (last)
		last->next = l;
	else
		peer.listeners = l;
	last = l;
	return true;
}

static bool
add_range(char **w, int n, char *err, size_t errlen)
{
	struct in_addr a;
	int count = atoi(w[3]);

	if (inet_pton(AF_INET, w[2], &a) != 1 || count < 1 || count > 4096)
	{
		snprintf(err, errlen, "bad range");
		return false;
	}
	for (int i = 0; i < count; i++)
	{
		char name[48];
		char addr[INET_ADDRSTRLEN];
		struct in_addr this = {htonl(ntohl(a.s_addr) + (uint32_t) i)};

		snprintf(name, sizeof(name), "%.32s%03d", w[1], i + 1);
		inet_ntop(AF_INET, &this, addr, sizeof(addr));
		if (!add_listener(name, addr, w + 4, n - 4, err, errlen))
			return false;
	}
	return true;
}

static bool
statement(char *line, char *err, size_t errlen)
{
	char *w[MAX_WORDS];
	int n = peer_conf_words(line, w, MAX_WORDS);

	if (n == 0)
		return true;
	if (strcmp(w[0], "default") == 0)
	{
		for (int i = 1; i < n; i++)
			if (!peer_conf_set(&peer.defaults, w[i], err, errlen))
				return false;
		return true;
	}
	if (strcmp(w[0], "listener") == 0 && n >= 3)
		return add_listener(w[1], w[2], w + 3, n - 3, err, errlen);
	if (strcmp(w[0], "range") == 0 && n >= 4)
		return add_range(w, n, err, errlen);
	if (strcmp(w[0], "rule") == 0 && n >= 4)
	{
		char text[PEER_TEXT] = "";
		size_t used = 0;

		for (int i = 3; i < n; i++)
			used += (size_t) snprintf(text + used, used < sizeof(text) ? sizeof(text) - used : 0,
			                          "%s%s", i > 3 ? " " : "", w[i]);
		if (used < sizeof(text) && peer_rule_add(w[1], w[2], text, false))
			return true;
	}
	snprintf(err, errlen, "cannot use this \"%.40s\" statement", w[0]);
	return false;
}

bool
peer_conf_load(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[8192];
	size_t len = 0;
	int lineno = 0;
	char err[256];

	if (!f)
	{
		perror(path);
		return false;
	}
	while (fgets(line + len, (int) (sizeof(line) - len), f))
	{
		lineno++;
		len += strcspn(line + len, "\r\n");
		line[len] = '\0';
		if (len > 0 && line[len - 1] == '\\' && len + 2 < sizeof(line))
		{
			len--;
			continue;
		}
		if (!statement(line, err, sizeof(err)))
		{
			fprintf(stderr, "%s:%d: %s\n", path, lineno, err);
			fclose(f);
			return false;
		}
		len = 0;
	}
	fclose(f);
	return true;
}
