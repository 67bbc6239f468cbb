/*
 * id_set.c
 *	  A set of numbers by open addressing; see id_set.h.
 */
#include "net/id_set.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 256

static size_t
home_of(const struct ev_id_set *set, uint64_t id)
{
	return (size_t) ((id * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (set->n_slots - 1);
}

/* Where it is, or where it would have to go. */
static size_t
find(const struct ev_id_set *set, uint64_t id)
{
	size_t i = home_of(set, id);

	while (set->slots[i].used && set->slots[i].id != id)
		i = (i + 1) & (set->n_slots - 1);
	return i;
}

static bool
grow(struct ev_id_set *set)
{
	struct ev_id_set larger = {.n_slots = set->n_slots > 0 ? set->n_slots * 2 : FIRST_SLOTS,
	                           .n = set->n};

	larger.slots = calloc(larger.n_slots, sizeof(larger.slots[0]));
	if (larger.slots == NULL)
		return false;
	for (size_t i = 0; i < set->n_slots; i++)
		if (set->slots[i].used)
			larger.slots[find(&larger, set->slots[i].id)] = set->slots[i];
	free(set->slots);
	*set = larger;
	return true;
}

bool
ev_id_set_add(struct ev_id_set *set, uint64_t id)
{
	size_t i;

	if (2 * (set->n + 1) > set->n_slots && !grow(set))
		return false;
	i = find(set, id);
	if (set->slots[i].used)
		return false;
	set->slots[i] = (struct ev_id_slot){.id = id, .used = true};
	set->n++;
	return true;
}

bool
ev_id_set_remove(struct ev_id_set *set, uint64_t id)
{
	size_t mask = set->n_slots - 1;
	size_t hole, i;

	if (set->n == 0)
		return false;
	hole = find(set, id);
	if (!set->slots[hole].used)
		return false;
	set->n--;

	/* those behind it that are not at home move up, so that no search ends too early */
	for (i = (hole + 1) & mask; set->slots[i].used; i = (i + 1) & mask)
	{
		size_t away = (i - home_of(set, set->slots[i].id)) & mask;

		if (away >= ((i - hole) & mask))
		{
			set->slots[hole] = set->slots[i];
			hole = i;
		}
	}
	set->slots[hole].used = false;
	return true;
}

void
ev_id_set_clear(struct ev_id_set *set)
{
	free(set->slots);
	memset(set, 0, sizeof(*set));
}
