/*
 * bounce_event_path.c
 *	  Paths, conditions and patterns of event formats, held against a JSON value.
 */
#include <string.h>

#include "engine/ascii.h"
#include "engine/bounce_event.h"

/* The next of some pieces divided by a character; false at the end. */
static bool
next_piece(const char **rest, char divider, struct ev_slice *piece)
{
	const char *end;

	if (*rest == NULL)
		return false;
	end = strchr(*rest, divider);
	*piece = (struct ev_slice){*rest, end == NULL ? strlen(*rest) : (size_t) (end - *rest)};
	*rest = end == NULL ? NULL : end + 1;
	return true;
}

static bool
next_in(struct ev_slice *rest, char divider, struct ev_slice *piece)
{
	const char *end;

	if (rest->n == 0)
		return false;
	end = memchr(rest->s, divider, rest->n);
	*piece = ev_slice_to(*rest, end == NULL ? rest->n : (size_t) (end - rest->s));
	*rest = ev_slice_from(*rest, piece->n + 1);
	return true;
}

/* --- patterns --------------------------------------------------------------------------------- */

static bool
fits(struct ev_slice pattern, struct ev_slice text)
{
	size_t p = 0;
	size_t t = 0;
	size_t star = SIZE_MAX;
	size_t again = 0;

	while (t < text.n)
	{
		if (p < pattern.n && pattern.s[p] == '*')
		{
			star = p++;
			again = t;
		}
		else if (p < pattern.n &&
		         (pattern.s[p] == '?' || ev_lower(pattern.s[p]) == ev_lower(text.s[t])))
		{
			p++;
			t++;
		}
		else if (star != SIZE_MAX)
		{
			p = star + 1;
			t = ++again;
		}
		else
			return false;
	}
	while (p < pattern.n && pattern.s[p] == '*')
		p++;
	return p == pattern.n;
}

bool
ev_event_pattern_fits(const char *pattern, const char *text, size_t n)
{
	size_t len;

	/* most patterns of a format end here */
	if (n > 0 && pattern[0] != '*' && pattern[0] != '?' &&
	    ev_lower(pattern[0]) != ev_lower(text[0]))
		return false;
	len = strlen(pattern);
	if (n > 0 && len > 0 && pattern[len - 1] != '*' && pattern[len - 1] != '?' &&
	    ev_lower(pattern[len - 1]) != ev_lower(text[n - 1]))
		return false;
	return fits((struct ev_slice){pattern, len}, (struct ev_slice){text, n});
}

/* --- paths ------------------------------------------------------------------------------------ */

/* Cut "!" off a step: an array there must have exactly one element. */
static bool
take_single(struct ev_slice *step)
{
	if (step->n == 0 || step->s[step->n - 1] != '!')
		return false;
	step->n--;
	return true;
}

static int
first_of(const struct ev_json *json, int token, bool single)
{
	for (int depth = 0; ev_json_is_array(json, token) && depth < EV_JSON_DEPTH_MAX; depth++)
	{
		int first = ev_json_first(json, token);

		if (single && first != EV_JSON_NONE && ev_json_next(json, token, first) != EV_JSON_NONE)
			return EV_JSON_NONE;
		token = first;
	}
	return token;
}

/* Where one path leads to from a token. */
static int
follow(const struct ev_json *json, int token, struct ev_slice path)
{
	struct ev_slice step;

	while (token != EV_JSON_NONE && next_in(&path, '.', &step))
	{
		bool single = take_single(&step);

		token = first_of(json, token, false);
		token = ev_json_get_n(json, token, step.s, step.n);
		if (single)
			token = first_of(json, token, true);
	}
	return token;
}

static bool
is_filled(const struct ev_json *json, int token)
{
	return token != EV_JSON_NONE &&
	       (ev_json_is_object(json, token) || ev_json_raw(json, token).n > 0);
}

static int
look_up_one(const struct ev_event *event, struct ev_slice path)
{
	for (size_t i = event->depth; i > 0; i--)
	{
		int token = event->scopes[i - 1];

		if (path.n != 1 || path.s[0] != '.')
			token = follow(event->json, token, path);
		token = first_of(event->json, token, false);
		if (is_filled(event->json, token))
			return token;
		if (path.n == 1 && path.s[0] == '.')
			break;
	}
	return EV_JSON_NONE;
}

int
ev_event_look_up(const struct ev_event *event, struct ev_slice paths)
{
	struct ev_slice path;

	while (next_in(&paths, '|', &path))
	{
		int token = look_up_one(event, path);

		if (token != EV_JSON_NONE)
			return token;
	}
	return EV_JSON_NONE;
}

/* --- keys that an object may have --------------------------------------------------------------- */

static uint64_t
bit_of(const char *key, size_t n)
{
	return n == 0 ? 0 : (uint64_t) 1 << (((unsigned char) ev_lower(key[0]) * 5 + n) & 63);
}

uint64_t
ev_event_keys(const struct ev_event *event, int object)
{
	uint64_t keys = 0;

	for (int i = ev_json_first_key(event->json, object); i != EV_JSON_NONE;
	     i = ev_json_next_key(event->json, object, i))
	{
		struct ev_slice key = ev_json_raw(event->json, i);

		keys |= bit_of(key.s, key.n);
	}
	return keys;
}

bool
ev_event_may_hold(uint64_t keys, const char *conditions)
{
	while (*conditions != '\0')
	{
		bool may = false;

		while (*conditions != '\0' && *conditions != ' ')
		{
			size_t n = strcspn(conditions, ".=#!| ");

			may = may || (keys & bit_of(conditions, n)) != 0;
			conditions += strcspn(conditions, "| ");
			if (*conditions == '|')
				conditions++;
		}
		if (!may)
			return false;
		if (*conditions == ' ')
			conditions++;
	}
	return true;
}

/* --- conditions ------------------------------------------------------------------------------- */

static bool
holds_one(const struct ev_event *event, struct ev_slice condition)
{
	const char *equals = memchr(condition.s, '=', condition.n);
	struct ev_slice path = condition;
	struct ev_slice pattern = {"", 0};
	struct ev_slice value;
	bool number;
	int token;

	if (equals != NULL)
	{
		path = ev_slice_to(condition, (size_t) (equals - condition.s));
		pattern = ev_slice_from(condition, path.n + 1);
	}
	number = path.n > 0 && path.s[path.n - 1] == '#';
	if (number)
		path.n--;
	for (size_t i = event->depth; i > 0; i--)
	{
		token = follow(event->json, event->scopes[i - 1], path);
		if (token == EV_JSON_NONE || ev_json_is_null(event->json, token))
			continue;
		value = ev_json_raw(event->json, token);
		if (number)
			return ev_json_is_number(event->json, token);
		return equals == NULL || fits(pattern, value);
	}
	return false;
}

bool
ev_event_holds(const struct ev_event *event, const char *conditions)
{
	struct ev_slice condition;
	struct ev_slice one;

	while (next_piece(&conditions, ' ', &condition))
	{
		bool holds = false;

		while (!holds && next_in(&condition, '|', &one))
			holds = holds_one(event, one);
		if (!holds)
			return false;
	}
	return true;
}

bool
ev_event_has_only(const struct ev_event *event, int object, const char *keys)
{
	for (int i = ev_json_first_key(event->json, object); i != EV_JSON_NONE;
	     i = ev_json_next_key(event->json, object, i))
	{
		struct ev_slice key = ev_json_raw(event->json, i);
		const char *rest = keys;
		struct ev_slice one;
		bool known = false;

		while (!known && next_piece(&rest, ' ', &one))
			known = fits(one, key);
		if (!known)
			return false;
	}
	return true;
}

/* --- parts that tell of one recipient each ---------------------------------------------------- */

static bool
push(struct ev_event *event, int token)
{
	if (event->depth >= EV_EVENT_SCOPES_MAX)
		return false;
	event->scopes[event->depth++] = token;
	return true;
}

static size_t
walk(struct ev_event *event, int token, struct ev_slice path, ev_event_part part)
{
	const struct ev_json *json = event->json;
	size_t depth = event->depth;
	struct ev_slice step;
	size_t n = 0;

	if (ev_json_is_array(json, token))
	{
		for (int i = ev_json_first(json, token); i != EV_JSON_NONE;
		     i = ev_json_next(json, token, i))
			n += walk(event, i, path, part);
		return n;
	}
	if (!is_filled(json, token) || !push(event, token))
		return 0;
	if (path.n == 0)
	{
		part(event);
		n = 1;
	}
	else if (next_in(&path, '.', &step))
	{
		bool single = take_single(&step);
		int next = ev_json_get_n(json, token, step.s, step.n);

		n = walk(event, single ? first_of(json, next, true) : next, path, part);
	}
	event->depth = depth;
	return n;
}

size_t
ev_event_each(struct ev_event *event, int object, const char *paths, ev_event_part part)
{
	struct ev_slice path = {"", 0};
	size_t n = 0;

	event->depth = 0;
	if (paths == NULL)
		n = walk(event, object, path, part);
	while (n == 0 && next_piece(&paths, '|', &path))
		n = walk(event, object, path, part);
	event->depth = 0;
	return n;
}

/* --- what a site writes ----------------------------------------------------------------------- */

static const char *
path_fault(struct ev_slice path)
{
	struct ev_slice step;
	size_t steps = 0;

	if (path.n > 1 && path.s[0] == '~')
		path = ev_slice_from(path, 1);
	if (path.n == 1 && path.s[0] == '.')
		return NULL;
	if (path.n == 0 || path.s[path.n - 1] == '.')
		return "a path is empty or ends with a dot";
	while (next_in(&path, '.', &step))
	{
		if (step.n == 0 || (step.n == 1 && step.s[0] == '!'))
			return "a key of a path is empty";
		if (++steps > EV_EVENT_STEPS_MAX)
			return "a path has more than 8 keys";
	}
	return NULL;
}

const char *
ev_event_paths_fault(const char *paths)
{
	const char *fault = NULL;
	struct ev_slice path;

	if (strlen(paths) > EV_EVENT_PATHS_MAX)
		return "the paths have more than 200 bytes";
	while (fault == NULL && next_piece(&paths, '|', &path))
		fault = path_fault(path);
	return fault;
}

const char *
ev_event_marks_fault(const char *marks)
{
	const char *fault = NULL;
	struct ev_slice condition;
	struct ev_slice one;

	if (strlen(marks) > EV_EVENT_PATHS_MAX)
		return "the conditions have more than 200 bytes";
	while (fault == NULL && next_piece(&marks, ' ', &condition))
	{
		if (condition.n == 0 || condition.s[condition.n - 1] == '|')
			return "a condition is empty";
		while (fault == NULL && next_in(&condition, '|', &one))
		{
			const char *equals = one.n == 0 ? NULL : memchr(one.s, '=', one.n);

			if (equals != NULL)
				one = ev_slice_to(one, (size_t) (equals - one.s));
			if (one.n > 0 && one.s[one.n - 1] == '#')
				one.n--;
			fault = path_fault(one);
		}
	}
	return fault;
}

const char *
ev_event_pattern_fault(const char *pattern)
{
	if (pattern[0] == '\0')
		return "a pattern is empty";
	return strlen(pattern) > EV_EVENT_PATTERN_MAX ? "a pattern has more than 100 bytes" : NULL;
}
