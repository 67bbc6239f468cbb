/*
 * mime.h
 *	  The structure of a message (RFC 5322, 2045, 2046) without copying it, and its encodings.
 *
 * One pass over the bytes, whatever the nesting.  What is malformed is read as far as it makes
 * sense: missing end boundaries, a Content-Type without subtype, bare LF or CR as line ends.
 */
#ifndef EV_MIME_H
#define EV_MIME_H

#include <stdint.h>

#include "engine/slice.h"

#define EV_MIME_DEPTH_MAX    16  /* parts within parts; what is deeper is text of the innermost */
#define EV_MIME_PARTS_MAX    256 /* later ones are not told of */
#define EV_MIME_BOUNDARY_MAX 200 /* RFC 2046 5.1.1 says 70 */
#define EV_MIME_HEADERS_MAX                                                                        \
	(256u * 1024) /* bytes of headers that are told of: each look-up walks them */

enum ev_mime_encoding
{
	EV_MIME_IDENTITY, /* 7bit, 8bit, binary, and what is not known */
	EV_MIME_BASE64,
	EV_MIME_QUOTED_PRINTABLE
};

enum ev_mime_charset
{
	EV_MIME_UTF8, /* also US-ASCII, and what is not named */
	EV_MIME_LATIN1,
	EV_MIME_LATIN9,
	EV_MIME_WINDOWS_1252,
	EV_MIME_OTHER /* bytes stay what they are */
};

struct ev_mime_part
{
	struct ev_slice
		headers; /* with their line ends, without the empty line; cut to EV_MIME_HEADERS_MAX */
	struct ev_slice body; /* without the line end that belongs to a boundary */
	struct ev_slice
		type; /* "text/plain": of the header, or what stands for it when there is none */
	enum ev_mime_encoding encoding;
	enum ev_mime_charset charset;
	uint8_t depth;
	int16_t parent; /* -1: the message itself */
	bool message;   /* the headers are those of a message, not of a part */
};

struct ev_mime
{
	size_t n;
	struct ev_mime_part parts[EV_MIME_PARTS_MAX];
};

/*
 * Take a message apart: part 0 is the message itself, parts stand in the order of their beginnings.
 * A message/rfc822 or message/global part is followed by the message in it, as a part of its own.
 * It ends early when *stop is not 0 (stop may be NULL).
 */
extern void ev_mime_parse(struct ev_slice message, const volatile int *stop, struct ev_mime *out);

/*
 * Value of the first header of that name (without colon), its folded lines included as they stand;
 * false when absent.
 */
extern bool ev_mime_header(struct ev_slice headers, const char *name, struct ev_slice *value);

/*
 * Decode the body of a part into out: transfer encoding undone, single-byte charsets that are known to
 * UTF-8, line ends to LF, NUL to '?'.  What does not fit is left out.  Returns the length; no NUL is
 * added.
 */
extern size_t ev_mime_decode(const struct ev_mime_part *part, char *out, size_t size);

/* Text of HTML: tags left out or made line ends, entities resolved, in place.  Returns the length. */
extern size_t ev_mime_strip_html(char *text, size_t n);

/*
 * Decode the encoded words (RFC 2047) of a header value, unfolding it; the rest is copied.  Returns
 * the length, which is less than size; no NUL is added.
 */
extern size_t ev_mime_decode_words(struct ev_slice value, char *out, size_t size);

/* The charset of that name, any case. */
extern enum ev_mime_charset ev_mime_charset_of(struct ev_slice name);

/*
 * A parameter of a Content-Type or Content-Disposition value (RFC 2045 5.1, RFC 2231), quotes and
 * continuations undone, into out with a NUL.  False when it is not there.
 */
extern bool ev_mime_parameter(struct ev_slice value, const char *name, char *out, size_t size);

#endif
