/*
 * bounce_json.h
 *	  JSON (RFC 8259), as much of it as events of mail providers need: one value into a bounded table
 *	  of tokens, without recursion and without copying.
 *
 * What is malformed is refused; text is not checked to be UTF-8.
 */
#ifndef EV_BOUNCE_JSON_H
#define EV_BOUNCE_JSON_H

#include <stdint.h>

#include "engine/slice.h"

#define EV_JSON_TOKENS_MAX 16384
#define EV_JSON_DEPTH_MAX  24
#define EV_JSON_NONE       (-1)

enum ev_json_type
{
	EV_JSON_OBJECT,
	EV_JSON_ARRAY,
	EV_JSON_STRING,
	EV_JSON_OTHER /* number, true, false, null */
};

/* The token behind an object or array is its first member; in an object, keys and values take turns. */
struct ev_json_token
{
	uint32_t start; /* of a string: behind its quote */
	uint32_t end;
	uint16_t next; /* token behind it and all that is in it */
	uint8_t type;  /* enum ev_json_type */
};

struct ev_json
{
	struct ev_slice text;
	uint16_t n;
	struct ev_json_token tokens[EV_JSON_TOKENS_MAX];
};

/*
 * Read the value that text begins with; token 0 is it.  *used is what it takes.  False: malformed,
 * too much or stopped, and *used is how far it was read.  Within a long string, reading stops soon after the
 * number that stop points to (NULL for none) is no longer 0.
 */
extern bool ev_json_parse(struct ev_slice text, const volatile int *stop, struct ev_json *json,
                          size_t *used);

/* The value of a key (any case) of an object; EV_JSON_NONE when it is not there or `object` is none. */
extern int ev_json_get(const struct ev_json *json, int object, const char *key);

/* The same for a key of n bytes. */
extern int ev_json_get_n(const struct ev_json *json, int object, const char *key, size_t n);

/* The first and the next key of an object, the value being the token behind it; EV_JSON_NONE at its end. */
extern int ev_json_first_key(const struct ev_json *json, int object);
extern int ev_json_next_key(const struct ev_json *json, int object, int key);

/* What a token is; false when it is EV_JSON_NONE. */
extern bool ev_json_is_object(const struct ev_json *json, int token);
extern bool ev_json_is_array(const struct ev_json *json, int token);
extern bool ev_json_is_number(const struct ev_json *json, int token);
extern bool ev_json_is_null(const struct ev_json *json, int token);

/* The first and the next element of an array; EV_JSON_NONE at its end. */
extern int ev_json_first(const struct ev_json *json, int array);
extern int ev_json_next(const struct ev_json *json, int array, int element);

/* The bytes of a string (escapes in them) or number; empty for everything else and for null. */
extern struct ev_slice ev_json_raw(const struct ev_json *json, int token);

/* Undo the escapes of a string into out; what does not fit is left out.  Returns the length. */
extern size_t ev_json_unescape(struct ev_slice raw, char *out, size_t size);

#endif
