/*
 * bounce_json.c
 *	  JSON (RFC 8259) into a table of tokens.
 */
#include "engine/bounce_json.h"

#include <string.h>

#include "engine/ascii.h"
#include "engine/utf8.h"

/* --- reading ---------------------------------------------------------------------------------- */

/* After how many bytes of a string one looks whether to stop. */
#define BYTES_PER_LOOK 65536

struct parser
{
	const volatile int *stop; /* of the caller, or NULL */
	struct ev_slice text;
	size_t at;
	struct ev_json *json;
	unsigned depth;
	uint16_t open[EV_JSON_DEPTH_MAX]; /* tokens of the objects and arrays that are not closed */
};

static void
skip_blanks(struct parser *p)
{
	while (p->at < p->text.n && ev_slice_is_blank(p->text.s[p->at]))
		p->at++;
}

static struct ev_json_token *
add_token(struct parser *p, enum ev_json_type type)
{
	struct ev_json_token *token;

	if (p->json->n >= EV_JSON_TOKENS_MAX)
		return NULL;
	token = &p->json->tokens[p->json->n++];
	*token = (struct ev_json_token){(uint32_t) p->at, 0, p->json->n, (uint8_t) type};
	return token;
}

static bool
read_string(struct parser *p)
{
	struct ev_json_token *token;

	p->at++;
	token = add_token(p, EV_JSON_STRING);
	if (token == NULL)
		return false;
	for (size_t look = p->at + BYTES_PER_LOOK; p->at < p->text.n && p->text.s[p->at] != '"';)
	{
		p->at += p->text.s[p->at] == '\\' ? 2 : 1;
		if (p->at < look)
			continue;
		if (p->stop != NULL && *p->stop != 0)
			return false;
		look = p->at + BYTES_PER_LOOK;
	}
	if (p->at >= p->text.n)
		return false;
	token->end = (uint32_t) p->at++;
	return true;
}

static bool
read_other(struct parser *p)
{
	struct ev_json_token *token = add_token(p, EV_JSON_OTHER);
	size_t start = p->at;

	if (token == NULL)
		return false;
	while (p->at < p->text.n && !ev_slice_is_blank(p->text.s[p->at]) && p->text.s[p->at] != '\0' &&
	       strchr(",:]}[{\"", p->text.s[p->at]) == NULL)
		p->at++;
	token->end = (uint32_t) p->at;
	return p->at > start && p->at - start <= 40;
}

static bool
open_value(struct parser *p, enum ev_json_type type)
{
	if (p->depth >= EV_JSON_DEPTH_MAX || add_token(p, type) == NULL)
		return false;
	p->open[p->depth++] = (uint16_t) (p->json->n - 1);
	p->at++;
	return true;
}

static bool
close_value(struct parser *p, enum ev_json_type type)
{
	struct ev_json_token *token;

	if (p->depth == 0)
		return false;
	token = &p->json->tokens[p->open[--p->depth]];
	if (token->type != type)
		return false;
	p->at++;
	token->end = (uint32_t) p->at;
	token->next = p->json->n;
	return true;
}

static bool
in_object(const struct parser *p)
{
	return p->depth > 0 && p->json->tokens[p->open[p->depth - 1]].type == EV_JSON_OBJECT;
}

/* One value or the beginning of one; in an object the key before it as well. */
static bool
read_value(struct parser *p)
{
	skip_blanks(p);
	if (p->at >= p->text.n)
		return false;
	if (in_object(p))
	{
		if (p->text.s[p->at] != '"' || !read_string(p))
			return false;
		skip_blanks(p);
		if (p->at >= p->text.n || p->text.s[p->at] != ':')
			return false;
		p->at++;
		skip_blanks(p);
		if (p->at >= p->text.n)
			return false;
	}
	switch (p->text.s[p->at])
	{
		case '{': return open_value(p, EV_JSON_OBJECT);
		case '[': return open_value(p, EV_JSON_ARRAY);
		case '"': return read_string(p);
		default: return read_other(p);
	}
}

/* After a value: its end, that of what it is in, and so on.  True when another value follows. */
static bool
read_ends(struct parser *p, bool *malformed)
{
	while (p->depth > 0)
	{
		skip_blanks(p);
		if (p->at >= p->text.n)
			break;
		switch (p->text.s[p->at])
		{
			case ',': p->at++; return true;
			case '}':
				if (!close_value(p, EV_JSON_OBJECT))
					goto bad;
				continue;
			case ']':
				if (!close_value(p, EV_JSON_ARRAY))
					goto bad;
				continue;
			default: goto bad;
		}
	}
	if (p->depth == 0)
		return false;
bad:
	*malformed = true;
	return false;
}

/* Is the object or array that was opened last empty? */
static bool
is_empty(struct parser *p)
{
	skip_blanks(p);
	return p->at < p->text.n && (p->text.s[p->at] == '}' || p->text.s[p->at] == ']');
}

bool
ev_json_parse(struct ev_slice text, const volatile int *stop, struct ev_json *json, size_t *used)
{
	struct parser p = {.text = text, .json = json, .stop = stop};
	bool malformed = false;

	json->text = text;
	json->n = 0;
	*used = 0;
	if (text.n > UINT32_MAX - 8)
		return false;
	do
	{
		unsigned depth = p.depth;

		if (!read_value(&p))
		{
			malformed = true;
			break;
		}
		if (p.depth > depth && !is_empty(&p))
			continue;
		if (!read_ends(&p, &malformed))
			break;
	} while (true);
	*used = p.at;
	return !malformed;
}

/* --- looking ---------------------------------------------------------------------------------- */

static bool
is_type(const struct ev_json *json, int token, enum ev_json_type type)
{
	return token >= 0 && token < json->n && json->tokens[token].type == type;
}

int
ev_json_get_n(const struct ev_json *json, int object, const char *key, size_t n)
{
	if (!is_type(json, object, EV_JSON_OBJECT))
		return EV_JSON_NONE;
	for (int i = object + 1; i + 1 < json->tokens[object].next; i = json->tokens[i + 1].next)
	{
		const struct ev_json_token *token = &json->tokens[i];
		const char *s = json->text.s + token->start;
		size_t k = 0;

		if (token->end - token->start != n)
			continue;
		while (k < n && ev_lower(s[k]) == ev_lower(key[k]))
			k++;
		if (k == n)
			return i + 1;
	}
	return EV_JSON_NONE;
}

int
ev_json_get(const struct ev_json *json, int object, const char *key)
{
	return ev_json_get_n(json, object, key, strlen(key));
}

int
ev_json_first_key(const struct ev_json *json, int object)
{
	if (!is_type(json, object, EV_JSON_OBJECT) || object + 2 >= json->tokens[object].next)
		return EV_JSON_NONE;
	return object + 1;
}

int
ev_json_next_key(const struct ev_json *json, int object, int key)
{
	int next = json->tokens[key + 1].next;

	return next + 1 < json->tokens[object].next ? next : EV_JSON_NONE;
}

bool
ev_json_is_object(const struct ev_json *json, int token)
{
	return is_type(json, token, EV_JSON_OBJECT);
}

bool
ev_json_is_array(const struct ev_json *json, int token)
{
	return is_type(json, token, EV_JSON_ARRAY);
}

bool
ev_json_is_number(const struct ev_json *json, int token)
{
	struct ev_slice raw = ev_json_raw(json, token);

	return is_type(json, token, EV_JSON_OTHER) && raw.n > 0 &&
	       (raw.s[0] == '-' || (raw.s[0] >= '0' && raw.s[0] <= '9'));
}

bool
ev_json_is_null(const struct ev_json *json, int token)
{
	return is_type(json, token, EV_JSON_OTHER) && ev_json_raw(json, token).n == 0;
}

int
ev_json_first(const struct ev_json *json, int array)
{
	if (!is_type(json, array, EV_JSON_ARRAY) || array + 1 >= json->tokens[array].next)
		return EV_JSON_NONE;
	return array + 1;
}

int
ev_json_next(const struct ev_json *json, int array, int element)
{
	int next = json->tokens[element].next;

	return next < json->tokens[array].next ? next : EV_JSON_NONE;
}

struct ev_slice
ev_json_raw(const struct ev_json *json, int token)
{
	struct ev_slice s = {"", 0};

	if (is_type(json, token, EV_JSON_STRING) || is_type(json, token, EV_JSON_OTHER))
		s = (struct ev_slice){json->text.s + json->tokens[token].start,
		                      json->tokens[token].end - json->tokens[token].start};
	if (is_type(json, token, EV_JSON_OTHER) && ev_slice_is(s, "null"))
		s.n = 0;
	return s;
}

/* --- escapes ---------------------------------------------------------------------------------- */

/* "XXXX" at s[at]; -1 when it is none. */
static long
read_hex(struct ev_slice s, size_t at)
{
	long value = 0;

	if (at + 4 > s.n)
		return -1;
	for (size_t i = at; i < at + 4; i++)
	{
		char c = s.s[i];
		int digit = c >= '0' && c <= '9'                     ? c - '0'
		            : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
		                                                     : -1;

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

/* "uXXXX" at s[at], with its second half if it is a pair: the character's bytes; *used of the input. */
static size_t
undo_unicode(struct ev_slice s, size_t at, char *out, size_t *used)
{
	long c = read_hex(s, at + 1);
	long low;

	*used = c < 0 ? 1 : 5;
	if (c >= 0xd800 && c < 0xdc00 && at + 6 < s.n && s.s[at + 5] == '\\' && s.s[at + 6] == 'u')
	{
		low = read_hex(s, at + 7);
		if (low >= 0xdc00 && low < 0xe000)
		{
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			*used = 11;
		}
	}
	if (c <= 0 || (c >= 0xd800 && c < 0xe000))
		c = '?';
	return ev_utf8_put((unsigned long) c, out);
}

size_t
ev_json_unescape(struct ev_slice raw, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < raw.n;)
	{
		char unit[4] = {raw.s[i]};
		size_t len = 1;
		size_t used = 1;

		if (raw.s[i] == '\\' && i + 1 < raw.n)
		{
			i++;
			switch (raw.s[i])
			{
				case 'n': unit[0] = '\n'; break;
				case 'r':
				case 't':
				case 'b':
				case 'f': unit[0] = ' '; break;
				case 'u': len = undo_unicode(raw, i, unit, &used); break;
				default: unit[0] = raw.s[i]; break;
			}
		}
		if (unit[0] == '\0')
			unit[0] = '?';
		if (n + len > size)
			break;
		memcpy(out + n, unit, len);
		n += len;
		i += used;
	}
	return n;
}
