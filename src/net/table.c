/*
 * table.c
 *	  Chained hashing; grows by doubling.  If there is no memory to grow, chains get longer and
 *	  nothing else happens.
 */
#include "net/table.h"

#include <stdlib.h>
#include <string.h>

#include "engine/hash.h"

#define FIRST_SLOTS 256

bool
ev_table_init(struct ev_table *table, uint64_t seed)
{
	table->slots = calloc(FIRST_SLOTS, sizeof(*table->slots));
	table->n_slots = FIRST_SLOTS;
	table->n = 0;
	table->seed = seed;
	return table->slots != NULL;
}

void
ev_table_free(struct ev_table *table)
{
	free(table->slots);
	table->slots = NULL;
}

static uint64_t
hash_name(const struct ev_table *table, const char *name)
{
	return ev_hash(EV_HASH_INIT ^ table->seed, name, strlen(name));
}

static struct ev_node **
slot_of(const struct ev_table *table, uint64_t hash)
{
	return &table->slots[(hash ^ hash >> 32) & (table->n_slots - 1)];
}

struct ev_node *
ev_table_find(const struct ev_table *table, const char *name)
{
	uint64_t hash = hash_name(table, name);

	for (struct ev_node *node = *slot_of(table, hash); node != NULL; node = node->next)
	{
		if (node->hash == hash && strcmp(node->name, name) == 0)
			return node;
	}
	return NULL;
}

static void
grow(struct ev_table *table)
{
	struct ev_table bigger = *table;

	bigger.n_slots *= 2;
	bigger.slots = calloc(bigger.n_slots, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return;
	for (size_t i = 0; i < table->n_slots; i++)
	{
		struct ev_node *next;

		for (struct ev_node *node = table->slots[i]; node != NULL; node = next)
		{
			struct ev_node **slot = slot_of(&bigger, node->hash);

			next = node->next;
			node->next = *slot;
			*slot = node;
		}
	}
	free(table->slots);
	*table = bigger;
}

void
ev_table_insert(struct ev_table *table, struct ev_node *node)
{
	struct ev_node **slot;

	if (table->n >= table->n_slots)
		grow(table);
	node->hash = hash_name(table, node->name);
	slot = slot_of(table, node->hash);
	node->next = *slot;
	*slot = node;
	table->n++;
}

void
ev_table_remove(struct ev_table *table, struct ev_node *node)
{
	struct ev_node **slot = slot_of(table, node->hash);

	while (*slot != node)
		slot = &(*slot)->next;
	*slot = node->next;
	table->n--;
}
