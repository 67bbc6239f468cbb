/*
 * pipe_list.c
 *	  Lists, frame by frame; see pipe_list.h.
 */
#include "net/pipe_list.h"

#include <stdlib.h>
#include <string.h>

#define POLICIES_MAX 1000000

static size_t
write_policy(uint8_t *frame, const void *item)
{
	return ev_frame_policy(frame, item);
}

static const char *
read_policy(const uint8_t *body, size_t n, void *item)
{
	return ev_frame_read_policy(body, n, item);
}

static size_t
write_rule(uint8_t *frame, const void *item)
{
	return ev_frame_rule(frame, item);
}

static const char *
read_rule(const uint8_t *body, size_t n, void *item)
{
	return ev_frame_read_rule(body, n, item);
}

static const struct kind
{
	enum ev_frame_type begins;
	size_t size;
	size_t max;
	size_t (*write)(uint8_t *frame, const void *item);
	const char *(*read)(const uint8_t *body, size_t n, void *item);
	const char *list_fault;
	const char *item_fault;
} kinds[EV_N_LIST] = {
	[EV_LIST_POLICIES] = {EV_FRAME_POLICIES, sizeof(struct ev_mx_policy), POLICIES_MAX,
                          write_policy, read_policy, "a list of policies out of order",
                          "a policy out of order"},
	[EV_LIST_RULES] = {EV_FRAME_RULES, sizeof(struct ev_site_rule), EV_SITE_RULES_MAX, write_rule,
                       read_rule, "a list of rules out of order", "a rule out of order"},
};

static void *
item_at(const struct ev_pipe_list *list, const struct kind *kind, size_t i)
{
	return (char *) list->items + i * kind->size;
}

bool
ev_pipe_list_set(struct ev_pipe_list *list, enum ev_list_of of, const void *items, size_t n)
{
	const struct kind *kind = &kinds[of];
	size_t kept = n < kind->max ? n : kind->max;
	void *copy = calloc(kept > 0 ? kept : 1, kind->size);

	if (copy == NULL)
		return false;
	if (kept > 0)
		memcpy(copy, items, kept * kind->size);
	ev_pipe_list_clear(list);
	list->items = copy;
	list->n = kept;
	return true;
}

bool
ev_pipe_list_send(const struct ev_pipe_list *list, enum ev_list_of of, struct ev_pipe *pipe)
{
	const struct kind *kind = &kinds[of];
	uint8_t *frame = ev_pipe_reserve(pipe);

	if (frame == NULL)
		return false;
	ev_pipe_add(pipe, ev_frame_number(frame, kind->begins, (uint32_t) list->n));
	for (size_t i = 0; i < list->n; i++)
	{
		frame = ev_pipe_reserve(pipe);
		if (frame == NULL)
			return false;
		ev_pipe_add(pipe, kind->write(frame, item_at(list, kind, i)));
	}
	return true;
}

const char *
ev_pipe_list_begin(struct ev_pipe_list *list, enum ev_list_of of, const uint8_t *body, size_t n,
                   bool *whole)
{
	const struct kind *kind = &kinds[of];
	uint32_t number;
	const char *fault = ev_frame_read_number(body, n, &number);

	*whole = false;
	if (fault == NULL && (list->told > 0 || number > kind->max))
		fault = kind->list_fault;
	if (fault != NULL)
		return fault;
	*whole = number == 0;
	if (number > 0)
		list->items = calloc(number, kind->size);
	list->told = number;
	return NULL;
}

const char *
ev_pipe_list_add(struct ev_pipe_list *list, enum ev_list_of of, const uint8_t *body, size_t n,
                 bool *whole)
{
	const struct kind *kind = &kinds[of];
	const char *fault;

	*whole = false;
	if (list->items == NULL)
		return kind->item_fault;
	fault = kind->read(body, n, item_at(list, kind, list->n));
	if (fault == NULL)
		*whole = ++list->n == list->told;
	return fault;
}

bool
ev_pipe_list_failed(const struct ev_pipe_list *list)
{
	return list->told > 0 && list->items == NULL;
}

void
ev_pipe_list_clear(struct ev_pipe_list *list)
{
	free(list->items);
	*list = (struct ev_pipe_list){NULL, 0, 0};
}
