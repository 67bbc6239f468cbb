/*
 * list.h
 *	  A doubly linked list of things that embed its links.
 */
#ifndef EV_LIST_H
#define EV_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct ev_list
{
	struct ev_list *prev;
	struct ev_list *next;
};

#define EV_ENTRY(link, type, member) ((type *) (void *) ((char *) (link) -offsetof(type, member)))

/* An empty list, or the link of a thing that is in none. */
static inline void
ev_list_init(struct ev_list *list)
{
	list->prev = list->next = list;
}

static inline bool
ev_list_empty(const struct ev_list *list)
{
	return list->next == list;
}

/* Append; with an entry in place of the list: insert before it. */
static inline void
ev_list_push(struct ev_list *list, struct ev_list *link)
{
	link->prev = list->prev;
	link->next = list;
	list->prev->next = link;
	list->prev = link;
}

/* Take out of whatever list it is in, if any. */
static inline void
ev_list_remove(struct ev_list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	ev_list_init(link);
}

/* Take the first one, NULL when there is none. */
static inline struct ev_list *
ev_list_shift(struct ev_list *list)
{
	struct ev_list *first = list->next;

	if (first == list)
		return NULL;
	ev_list_remove(first);
	return first;
}

#endif
