/*
 * peer_reply.c
 *		Queues the reply of a stage, or what the listener does instead of replying.
 *
 * This is where the misbehaviour of a listener overrides the natural reply.  A 421 and the reply
 * to QUIT end the session.
 */
#include <string.h>

#include "peer.h"

/* How this listener ends a session. */
PeerAction
peer_ending(const PeerSession *s)
{
	return s->l->conf.rst ? ACT_RST : ACT_END;
}

/* The ways of not answering.  True if the stage has one. */
static bool
misbehave(PeerSession *s, PeerStage st)
{
	static const char garbage[] =
		"\x00\xff\xfe\x7f\x80 \x01\x02 not smtp \xc3\x28\x00\xf0\x9f\r\n\x16\x03\x01\r\n";
	const PeerConf *c = &s->l->conf;
	unsigned bit = 1u << st;

	if (c->hang & bit)
	{
		s->mute = true;
		return true;
	}
	if (c->close & bit)
	{
		s->mute = true;
		peer_out_push(s, "", 0, c->delay_ms[st], peer_ending(s));
		return true;
	}
	if (c->flood_line & bit)
	{
		s->mute = true;
		peer_out_push(s, "250-", 4, c->delay_ms[st], ACT_FLOOD_LINE);
		return true;
	}
	if (c->flood_reply & bit)
	{
		s->mute = true;
		peer_out_push(s, "", 0, c->delay_ms[st], ACT_FLOOD_REPLY);
		return true;
	}
	if (c->garbage & bit)
	{
		peer_out_push(s, garbage, sizeof(garbage) - 1, c->delay_ms[st], ACT_NONE);
		return true;
	}
	return false;
}

/*
 * Queue the reply of a stage.  Returns the first digit of what is sent, 0 if nothing is. 
 */
char
peer_answer(PeerSession *s, PeerStage st, const char *rcpt, const char *natural, int delay_ms,
            PeerAction after)
{
	const PeerConf *c = &s->l->conf;
	const char *text = c->reply[st][0] && st != ST_BANNER ? c->reply[st] : natural;
	char out[PEER_EXPANDED];
	size_t len;

	if (misbehave(s, st))
		return 0;
	len = peer_text_expand(s, rcpt, text, out, sizeof(out));
	if (c->unsolicited[st][0])
		len += peer_text_expand(s, rcpt, c->unsolicited[st], out + len, sizeof(out) - len);
	if (after == ACT_NONE && (strncmp(out, "421", 3) == 0 || st == ST_QUIT ||
	                          (c->close_after > 0 && s->commands >= c->close_after)))
	{
		after = st == ST_QUIT ? ACT_END : peer_ending(s);
		s->mute = true;
	}
	peer_out_push(s, out, len, c->delay_ms[st] + delay_ms, after);
	return len > 0 ? out[0] : 0;
}
