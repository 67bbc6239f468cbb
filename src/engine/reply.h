/*
 * reply.h
 *	  SMTP replies (RFC 5321 4.2): a bounded incremental reader, and enhanced status codes (RFC
 *	  3463).
 *
 * The reader does not care how the bytes are cut into chunks: any chunking of the same bytes gives
 * the same replies.
 */
#ifndef EV_REPLY_H
#define EV_REPLY_H

#include "engine/verdict.h"

#define EV_REPLY_LINE_MAX  2048  /* RFC 5321 says 512; real servers exceed it */
#define EV_REPLY_LINES_MAX 128   /* an EHLO reply has some 15 */
#define EV_REPLY_TEXT_MAX  2048  /* text that is kept; what exceeds it is counted and dropped */
#define EV_REPLY_BYTES_MAX 65536 /* all bytes of one reply */

/* class.subject.detail; klass 0 means that there is none. */
struct ev_enhanced
{
	uint8_t klass;
	uint16_t subject;
	uint16_t detail;
};

struct ev_reply
{
	uint16_t code; /* 200 to 599, of the last line; 0 when there was no reply */
	bool mixed;    /* the lines' codes differ in their first digit; RFC 5321 4.2.1 forbids it */
	struct ev_enhanced enhanced; /* of the first line that has one, if its class fits the code */
	uint16_t lines;
	uint16_t text_len;
	char text[EV_REPLY_TEXT_MAX + 1]; /* all lines without codes, separated by '\n', NUL-terminated;
									   * bytes as they came (NULs replaced by '?') */
};

enum ev_read
{
	EV_READ_MORE,  /* all input used, the reply has not ended */
	EV_READ_REPLY, /* *out holds a whole reply */
	EV_READ_GARBAGE, /* a line that is not a reply; the session cannot go on.  reader->reply has the line
					  * as its text, with code 0 */
	EV_READ_TOO_LONG /* a bound was exceeded; the session cannot go on */
};

struct ev_reply_reader
{
	struct ev_reply reply; /* the one being read */
	uint32_t bytes;
	uint16_t line_len;
	char line[EV_REPLY_LINE_MAX + 1];
};

extern void ev_reply_reader_init(struct ev_reply_reader *reader);

/*
 * Feed n bytes.  *used tells how many were taken: with EV_READ_REPLY the rest belongs to the next
 * reply. Both CRLF and a bare LF end a line.  out is written only with EV_READ_REPLY.
 */
extern enum ev_read ev_reply_feed(struct ev_reply_reader *reader, const char *bytes, size_t n,
                                  size_t *used, struct ev_reply *out);

/*
 * Read "x.y.z" at the start of text (RFC 3463 2: class 2, 4, 5; at most three digits each).  True
 * when found; *len tells its length.
 */
extern bool ev_enhanced_parse(const char *text, size_t n, struct ev_enhanced *out, size_t *len);

/* "5.1.1" into buf (EV_ENHANCED_MAX + 1 bytes); "" when there is none. */
extern void ev_enhanced_format(struct ev_enhanced enhanced, char *buf);

#endif
