/*
 * id_set.h
 *	  A set of numbers: the requests that have no result yet.
 */
#ifndef EV_ID_SET_H
#define EV_ID_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ev_id_slot
{
	uint64_t id;
	bool used;
};

struct ev_id_set
{
	struct ev_id_slot *slots; /* NULL: empty, as is a struct of zeros */
	size_t n_slots;           /* a power of two, at least twice as many as there are ids */
	size_t n;
};

/* False when it is there already, or without memory. */
extern bool ev_id_set_add(struct ev_id_set *set, uint64_t id);

/* False when it is not there. */
extern bool ev_id_set_remove(struct ev_id_set *set, uint64_t id);
extern void ev_id_set_clear(struct ev_id_set *set);

#endif
