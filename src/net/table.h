/*
 * table.h
 *	  A hash table of things that embed its nodes, found by their names.
 *
 * The hash is seeded at random by the prober, since strangers choose the names.
 */
#ifndef EV_TABLE_H
#define EV_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ev_node
{
	struct ev_node *next;
	uint64_t hash;
	const char *name; /* the thing's own, NUL-terminated */
};

struct ev_table
{
	struct ev_node **slots;
	size_t n_slots; /* a power of two */
	size_t n;
	uint64_t seed;
};

/* False when there is no memory. */
extern bool ev_table_init(struct ev_table *table, uint64_t seed);
extern void ev_table_free(struct ev_table *table);

extern struct ev_node *ev_table_find(const struct ev_table *table, const char *name);

/* node->name is set and not in the table. */
extern void ev_table_insert(struct ev_table *table, struct ev_node *node);
extern void ev_table_remove(struct ev_table *table, struct ev_node *node);

#endif
