/*
 * pipe_list.h
 *	  What a prober's process is told as a whole: the site's policies, its rules for replies.  A
 *	  frame says how many follow in place of all earlier ones, then there is one frame for each.
 */
#ifndef EV_PIPE_LIST_H
#define EV_PIPE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/pipe.h"

enum ev_list_of
{
	EV_LIST_POLICIES, /* of struct ev_mx_policy */
	EV_LIST_RULES,    /* of struct ev_site_rule */
	EV_N_LIST
};

/* Zeroed, a list is empty.  It owns its items. */
struct ev_pipe_list
{
	void *items;
	size_t n;
	size_t told; /* while it is being told: so many there will be */
};

/*
 * --- who tells ---------------------------------------------------------------------------------
 *
 * A copy of n items takes the list's place, of no more than may be told.  False without memory.
 */
extern bool ev_pipe_list_set(struct ev_pipe_list *list, enum ev_list_of of, const void *items,
                             size_t n);

/* All of it or, if there is no room, an unfinished list (false): then the process is of no more use. */
extern bool ev_pipe_list_send(const struct ev_pipe_list *list, enum ev_list_of of,
                              struct ev_pipe *pipe);

/*
 * --- who is told -------------------------------------------------------------------------------
 *
 * The body of the frame that begins a list, or of one of its items.  NULL, or what is wrong.  *whole:
 * that was all of it; the caller uses the list and clears it.
 */
extern const char *ev_pipe_list_begin(struct ev_pipe_list *list, enum ev_list_of of,
                                      const uint8_t *body, size_t n, bool *whole);
extern const char *ev_pipe_list_add(struct ev_pipe_list *list, enum ev_list_of of,
                                    const uint8_t *body, size_t n, bool *whole);

/* A list that has begun has found no memory. */
extern bool ev_pipe_list_failed(const struct ev_pipe_list *list);

extern void ev_pipe_list_clear(struct ev_pipe_list *list);

#endif
