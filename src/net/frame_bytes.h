/*
 * frame_bytes.h
 *	  Fields of a frame, one after the other: writing and reading.
 *
 * A writer trusts its caller that all fits; a reader trusts nobody: after the first fault it gives
 * zeros and empty texts, and remembers what was wrong.
 */
#ifndef EV_FRAME_BYTES_H
#define EV_FRAME_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct ev_writer
{
	uint8_t *start;
	uint8_t *at;
};

struct ev_reader
{
	const uint8_t *at;
	const uint8_t *end;
	const char *fault; /* NULL: none yet */
};

/* What may stand in a text. */
enum ev_charset
{
	EV_CHARS_ANY,       /* all but NUL */
	EV_CHARS_PRINTABLE, /* ASCII from space to tilde */
	EV_CHARS_WORD,      /* the same without space */
	EV_CHARS_HOST       /* a-z 0-9 - _ . */
};

static inline void
put_bytes(struct ev_writer *w, const void *bytes, size_t n)
{
	memcpy(w->at, bytes, n);
	w->at += n;
}

static inline void
put_u8(struct ev_writer *w, uint8_t value)
{
	*w->at++ = value;
}

static inline void
put_u16(struct ev_writer *w, uint16_t value)
{
	put_bytes(w, &value, sizeof(value));
}

static inline void
put_u32(struct ev_writer *w, uint32_t value)
{
	put_bytes(w, &value, sizeof(value));
}

static inline void
put_u64(struct ev_writer *w, uint64_t value)
{
	put_bytes(w, &value, sizeof(value));
}

/* A text in a field of `size` bytes, without its NUL. */
static inline void
put_text(struct ev_writer *w, const char *text, size_t size)
{
	size_t n = strnlen(text, size - 1);

	put_u16(w, (uint16_t) n);
	put_bytes(w, text, n);
}

/* Note a fault unless `fine`; returns fine. */
static inline bool
demand(struct ev_reader *r, bool fine, const char *fault)
{
	if (!fine && r->fault == NULL)
		r->fault = fault;
	return fine;
}

static inline void
get_bytes(struct ev_reader *r, void *to, size_t n)
{
	if (demand(r, r->fault == NULL && (size_t) (r->end - r->at) >= n, "a frame is too short"))
	{
		memcpy(to, r->at, n);
		r->at += n;
	}
	else
		memset(to, 0, n);
}

static inline uint8_t
get_u8(struct ev_reader *r)
{
	uint8_t value;

	get_bytes(r, &value, sizeof(value));
	return value;
}

static inline uint16_t
get_u16(struct ev_reader *r)
{
	uint16_t value;

	get_bytes(r, &value, sizeof(value));
	return value;
}

static inline uint32_t
get_u32(struct ev_reader *r)
{
	uint32_t value;

	get_bytes(r, &value, sizeof(value));
	return value;
}

static inline uint64_t
get_u64(struct ev_reader *r)
{
	uint64_t value;

	get_bytes(r, &value, sizeof(value));
	return value;
}

/* A number below `limit`; what says what it is. */
static inline uint8_t
get_below(struct ev_reader *r, unsigned limit, const char *what)
{
	uint8_t value = get_u8(r);

	return demand(r, value < limit, what) ? value : 0;
}

static inline bool
get_bool(struct ev_reader *r)
{
	return get_below(r, 2, "a truth value is neither 0 nor 1") == 1;
}

static inline bool
fits_charset(unsigned char c, enum ev_charset charset)
{
	switch (charset)
	{
		case EV_CHARS_PRINTABLE: return c >= ' ' && c <= '~';
		case EV_CHARS_WORD: return c > ' ' && c <= '~';
		case EV_CHARS_HOST:
			return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
			       c == '.';
		case EV_CHARS_ANY: break;
	}
	return c != '\0';
}

/* Into a field of `size` bytes, which is a NUL-terminated text in any case; returns its length. */
static inline size_t
get_text(struct ev_reader *r, char *to, size_t size, enum ev_charset charset)
{
	size_t n = get_u16(r);

	to[0] = '\0';
	if (!demand(r, n < size, "a text is too long") ||
	    !demand(r, (size_t) (r->end - r->at) >= n, "a frame is too short") || r->fault != NULL)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!demand(r, fits_charset(r->at[i], charset), "a text has a byte that it must not have"))
			return 0;
	memcpy(to, r->at, n);
	to[n] = '\0';
	r->at += n;
	return n;
}

/* Nothing may be left.  NULL, or the first fault. */
static inline const char *
finish_reading(struct ev_reader *r)
{
	demand(r, r->at == r->end, "a frame is too long");
	return r->fault;
}

#endif
