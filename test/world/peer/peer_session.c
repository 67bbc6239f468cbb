/*
 * peer_session.c
 *		The SMTP conversation: command lines in, replies queued.
 *
 * Every answer goes through peer_answer(), which is where a listener's misbehaviour overrides the
 * natural reply of a stage.  The state follows the reply that is really sent: a MAIL that the
 * configuration refuses opens no transaction.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "peer.h"

/* Does the EHLO list of this listener have the keyword? */
static bool
offers(const PeerSession *s, const char *keyword)
{
	size_t klen = strlen(keyword);

	if (strcmp(keyword, "STARTTLS") == 0 && s->ssl)
		return false;
	for (const char *p = s->l->conf.ext; *p;)
	{
		size_t len = strcspn(p, ",");

		if (strncasecmp(p, keyword, klen) == 0 && (len == klen || (len > klen && p[klen] == ' ')))
			return true;
		p += len + (p[len] == ',');
	}
	return false;
}

void
peer_session_start(PeerSession *s)
{
	PeerListener *l = s->l;
	const char *text = l->conf.reply[ST_BANNER];

	uv_update_time(peer.loop);
	s->group_due = uv_now(peer.loop) + (uint64_t) l->conf.latency_ms;
	if (l->fail_left > 0)
	{
		l->fail_left--;
		text = "421 4.3.2 %h Service not available, try again later";
	}
	else if (l->conf.max_conn > 0 && l->stats.current > (uint64_t) l->conf.max_conn)
		text = "421 4.7.0 %h Error: too many connections from %c";
	l->stats.cmd[ST_BANNER]++;
	peer.total.cmd[ST_BANNER]++;
	peer_answer(s, ST_BANNER, NULL, text, 0, ACT_NONE);
	peer_out_run(s);
}

static void
cmd_hello(PeerSession *s, PeerStage st, const char *arg)
{
	char text[1024];
	size_t n;

	snprintf(s->ehlo, sizeof(s->ehlo), "%s", arg);
	s->mail_done = s->helo_done = false;
	if (*arg == '\0')
	{
		peer_answer(s, st, NULL, "501 5.5.4 Syntax: EHLO hostname", 0, ACT_NONE);
		return;
	}
	if (st == ST_EHLO && !s->l->conf.ehlo)
	{
		peer_answer(s, st, NULL, "502 5.5.1 Error: command not implemented", 0, ACT_NONE);
		return;
	}
	n = (size_t) snprintf(text, sizeof(text), "%%h");
	for (const char *p = st == ST_EHLO ? s->l->conf.ext : ""; *p;)
	{
		size_t len = strcspn(p, ",");

		if (!(s->ssl && len == 8 && strncasecmp(p, "STARTTLS", 8) == 0) &&
		    n + len + 3 < sizeof(text))
			n += (size_t) snprintf(text + n, sizeof(text) - n, "\\n%.*s", (int) len, p);
		p += len + (p[len] == ',');
	}

	/* "250-" for all lines but the last */
	{
		char reply[1200];
		size_t r = 0;

		for (char *p = text; p;)
		{
			char *nl = strstr(p, "\\n");
			int len = nl ? (int) (nl - p) : (int) strlen(p);

			if (r >= sizeof(reply))
				break;
			r += (size_t) snprintf(reply + r, sizeof(reply) - r, "250%c%.*s%s", nl ? '-' : ' ', len,
			                       p, nl ? "\\n" : "");
			p = nl ? nl + 2 : NULL;
		}
		s->helo_done = peer_answer(s, st, NULL, reply, 0, ACT_NONE) == '2';
	}
}

static void
cmd_starttls(PeerSession *s)
{
	const PeerConf *c = &s->l->conf;
	const char *forced = c->reply[ST_STARTTLS];
	PeerAction after = ACT_STARTTLS;
	const char *text = "220 2.0.0 Ready to start TLS";

	if (!offers(s, "STARTTLS") && !forced[0])
	{
		peer_answer(s, ST_STARTTLS, NULL, "502 5.5.1 Error: command not implemented", 0, ACT_NONE);
		return;
	}
	if (forced[0] && strncmp(forced, "220", 3) != 0)
	{
		peer_answer(s, ST_STARTTLS, NULL, forced, 0, ACT_NONE);
		return;
	}
	switch (c->tls)
	{
		case TLSM_OK: break;
		case TLSM_BROKEN: after = ACT_TLS_BROKEN; break;
		case TLSM_INJECT:
			text = "220 2.0.0 Ready to start TLS\\n250 2.0.0 injected before the handshake";
			break;
		case TLSM_HANG:
			after = ACT_NONE;
			s->mute = true;
			break;
		case TLSM_CLOSE: after = peer_ending(s); break;
	}
	s->await_tls = after == ACT_STARTTLS || after == ACT_TLS_BROKEN;
	if (peer_answer(s, ST_STARTTLS, NULL, text, 0, after) == 0)
		s->await_tls = false;
}

/*
 * The path of MAIL or RCPT: between '<' and '>', with quoted strings respected.  params gets what
 * follows.  False if there is none.
 */
static bool
parse_path(const char *arg, const char *keyword, char *path, size_t size, const char **params)
{
	size_t klen = strlen(keyword);
	size_t n = 0;
	bool quoted = false;

	if (strncasecmp(arg, keyword, klen) != 0)
		return false;
	arg += klen;
	while (*arg == ' ')
		arg++;
	if (*arg++ != '<')
		return false;
	for (; *arg && (quoted || *arg != '>'); arg++)
	{
		if (*arg == '"')
			quoted = !quoted;
		if (n + 2 < size && *arg == '\\' && quoted && arg[1])
			path[n++] = *arg++;
		if (n + 1 < size)
			path[n++] = *arg;
	}
	path[n] = '\0';
	if (*arg != '>')
		return false;
	*params = arg + 1;
	return true;
}

static void
cmd_mail(PeerSession *s, const char *arg)
{
	const char *params;
	char from[sizeof(s->mail)];

	if (!s->helo_done)
		peer_answer(s, ST_MAIL, NULL, "503 5.5.1 Error: send HELO/EHLO first", 0, ACT_NONE);
	else if (s->l->conf.tls_require && !s->tls_up)
		peer_answer(s, ST_MAIL, NULL, "530 5.7.0 Must issue a STARTTLS command first", 0, ACT_NONE);
	else if (s->mail_done)
		peer_answer(s, ST_MAIL, NULL, "503 5.5.1 Error: nested MAIL command", 0, ACT_NONE);
	else if (!parse_path(arg, "FROM:", from, sizeof(from), &params))
		peer_answer(s, ST_MAIL, NULL, "501 5.5.4 Syntax: MAIL FROM:<address>", 0, ACT_NONE);
	else
	{
		s->smtputf8 = strcasestr(params, "SMTPUTF8") != NULL;
		if (s->smtputf8 && !offers(s, "SMTPUTF8"))
		{
			peer_answer(s, ST_MAIL, NULL, "555 5.5.4 Unsupported option: SMTPUTF8", 0, ACT_NONE);
			return;
		}
		strcpy(s->mail, from);
		s->rcpts = 0;
		s->mail_done = peer_answer(s, ST_MAIL, NULL, "250 2.1.0 Ok", 0, ACT_NONE) == '2';
		if (s->mail_done)
			PEER_COUNT(s->l, transactions);
	}
}

/* Silence, a close or a verdict for one recipient. */
static void
answer_rcpt(PeerSession *s, const char *rcpt, const PeerVerdict *v)
{
	const char *text = s->l->conf.reply[ST_RCPT][0] ? s->l->conf.reply[ST_RCPT] : v->text;
	char shown[PEER_EXPANDED];
	size_t len;
	char digit = 0;

	if (v->hang)
		s->mute = true;
	else if (v->close || v->rst)
	{
		s->mute = true;
		peer_out_push(s, "", 0, v->delay_ms, v->rst ? ACT_RST : peer_ending(s));
	}
	else
		digit = peer_answer(s, ST_RCPT, rcpt, text, v->delay_ms, ACT_NONE);
	if (digit == '2')
		PEER_COUNT(s->l, rcpt_accepted);
	else if (digit == '4')
		PEER_COUNT(s->l, rcpt_tempfail);
	else if (digit == '5')
		PEER_COUNT(s->l, rcpt_refused);
	len = digit ? peer_text_expand(s, rcpt, text, shown, sizeof(shown) - 1) : 0;
	shown[len] = '\0';
	peer_log_rcpt(s, rcpt, shown);
}

static void
cmd_rcpt(PeerSession *s, const char *arg)
{
	const PeerConf *c = &s->l->conf;
	const char *params;
	char rcpt[512];
	PeerVerdict v = {0};

	if (!s->mail_done)
	{
		peer_answer(s, ST_RCPT, NULL, "503 5.5.1 Error: need MAIL command", 0, ACT_NONE);
		return;
	}
	if (!parse_path(arg, "TO:", rcpt, sizeof(rcpt), &params) || rcpt[0] == '\0')
	{
		peer_answer(s, ST_RCPT, NULL, "501 5.1.3 Bad recipient address syntax", 0, ACT_NONE);
		return;
	}
	s->rcpts++;
	s->rcpts_session++;
	PEER_MAX(s->l, max_rcpt, s->rcpts);
	PEER_MAX(s->l, max_session, s->rcpts_session);
	if (c->rcpt_421_after > 0 && s->rcpts_session > c->rcpt_421_after)
		strcpy(v.text, "421 4.7.0 %h Error: too many errors");
	else if (c->max_rcpt > 0 && s->rcpts > c->max_rcpt)
		strcpy(v.text, "452 4.5.3 Error: too many recipients");
	else
		peer_rules_verdict(s, rcpt, &v);
	answer_rcpt(s, rcpt, &v);
}

static PeerStage
stage_of(const char *verb, size_t len)
{
	for (int i = ST_EHLO; i < ST_OTHER; i++)
		if (strlen(peer_stage_word[i]) == len && strncasecmp(peer_stage_word[i], verb, len) == 0)
			return (PeerStage) i;
	return len == 4 && strncasecmp(verb, "BDAT", 4) == 0 ? ST_DATA : ST_OTHER;
}

static void
command(PeerSession *s, const char *line)
{
	size_t vlen = strcspn(line, " ");
	const char *arg = line + vlen + (line[vlen] == ' ');
	PeerStage st = stage_of(line, vlen);

	s->commands++;
	s->group++;
	PEER_COUNT(s->l, commands);
	s->l->stats.cmd[st]++;
	peer.total.cmd[st]++;
	switch (st)
	{
		case ST_EHLO:
		case ST_HELO: cmd_hello(s, st, arg); break;
		case ST_STARTTLS: cmd_starttls(s); break;
		case ST_MAIL: cmd_mail(s, arg); break;
		case ST_RCPT: cmd_rcpt(s, arg); break;
		case ST_RSET:
			s->mail_done = false;
			peer_answer(s, st, NULL, "250 2.0.0 Ok", 0, ACT_NONE);
			break;
		case ST_NOOP: peer_answer(s, st, NULL, "250 2.0.0 Ok", 0, ACT_NONE); break;
		case ST_VRFY:
			peer_answer(s, st, NULL, "252 2.0.0 send some mail, I will try my best", 0, ACT_NONE);
			break;
		case ST_QUIT:
			s->quit = true;
			PEER_COUNT(s->l, quits);
			peer_answer(s, st, NULL, "221 2.0.0 Bye", 0, ACT_NONE);
			break;
		case ST_DATA:
			/* never 354: nothing may follow it, and no test may depend on it */
			peer_answer(s, st, NULL, "554 5.5.1 Error: no messages are taken here", 0, ACT_NONE);
			break;
		default: peer_answer(s, st, NULL, "500 5.5.2 Error: command not recognized", 0, ACT_NONE);
	}
}

static void
end_of_line(PeerSession *s)
{
	/* silence is not deafness: a client that gives up politely shall be seen to have done so */
	if (s->mute)
	{
		if (!s->quit && s->line_len >= 4 && strncasecmp(s->line, "QUIT", 4) == 0)
		{
			s->quit = true;
			PEER_COUNT(s->l, quits);
		}
	}
	else if (s->line_skip)
	{
		s->line_skip = false;
		PEER_COUNT(s->l, overlong);
		peer_answer(s, ST_OTHER, NULL, "500 5.5.2 Error: line too long", 0, ACT_NONE);
	}
	else
	{
		if (s->line_len > 0 && s->line[s->line_len - 1] == '\r')
			s->line_len--;
		s->line[s->line_len] = '\0';
		command(s, s->line);
	}
	s->line_len = 0;
}

/* Plain text from the client, in whatever portions it came. */
void
peer_session_input(PeerSession *s, const char *data, size_t len)
{
	uv_update_time(peer.loop);
	s->group_due = uv_now(peer.loop) + (uint64_t) s->l->conf.latency_ms;
	s->group = 0;
	if (!s->greeted && !s->mute && s->commands == 0 && s->line_len == 0)
		PEER_COUNT(s->l, early);
	for (size_t i = 0; i < len && !s->await_tls; i++)
	{
		if (data[i] == '\n')
			end_of_line(s);
		else if (s->line_len + 1 < sizeof(s->line))
			s->line[s->line_len++] = data[i];
		else
			s->line_skip = true;
	}
	if (s->group > 0)
	{
		PEER_COUNT(s->l, groups);
		if (s->group > 1)
			PEER_COUNT(s->l, pipelined);
		PEER_MAX(s->l, max_group, s->group);
	}
	peer_out_run(s);
	peer_session_pace(s);
}
