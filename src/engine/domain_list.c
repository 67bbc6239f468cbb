/*
 * domain_list.c
 *	  The lists of data/ as a perfect hash in read-only memory, shared by all processes.
 */
#include "engine/domain_list.h"

#include <string.h>

#include "engine/ascii.h"
#include "engine/domain_hash.h"

struct typo
{
	const char *typed;
	const char *meant;
};

/* made by the build */
#include "generated/domain_table.h"

/* What holds below a domain too, where it says so. */
#define INHERITED (EV_DOMAIN_DISPOSABLE | EV_DOMAIN_ALIAS | EV_DOMAIN_CARRIER)

/* Longest local part of a function that is looked for. */
#define ROLE_MAX 32

static struct ev_domain_entry
entry_of(uint64_t steps)
{
	static const struct ev_domain_entry none = {0, 0};
	uint64_t hash = ev_domain_hash_end(steps);
	uint32_t slot = ev_domain_slot(hash, displacements[ev_domain_bucket(hash, N_BUCKETS)], N_SLOTS);

	return prints[slot] == ev_domain_print(hash) ? entries[slot] : none;
}

struct ev_domain_entry
ev_domain_look_up(const char *domain, size_t n)
{
	uint64_t h = EV_HASH_INIT;
	struct ev_domain_entry above = {0, 0};
	struct ev_domain_entry own;
	bool dotted = false; /* a top-level domain alone is never listed */

	for (size_t i = n; i-- > 0;)
	{
		if (domain[i] == '.')
		{
			struct ev_domain_entry entry = {0, 0};

			if (dotted)
				entry = entry_of(h);
			dotted = true;
			if (entry.classes & EV_DOMAIN_SUBDOMAINS)
			{
				above.classes |= entry.classes & INHERITED;
				above.family = entry.family;
			}
		}
		h = ev_domain_hash_step(h, (unsigned char) ev_lower(domain[i]));
	}
	own = entry_of(h);
	own.classes |= above.classes;
	if (own.family == 0)
		own.family = above.family;
	return own;
}

const struct ev_mailbox_family *
ev_mailbox_family(uint8_t family)
{
	return family == 0 ? NULL : &families[family];
}

bool
ev_is_role(const char *local, size_t n)
{
	const char *tag = memchr(local, '+', n);
	uint64_t hash = EV_HASH_INIT;

	if (tag != NULL && tag != local)
		n = (size_t) (tag - local);
	if (n == 0 || n > ROLE_MAX)
		return false;
	for (size_t i = n; i-- > 0;)
		hash = ev_domain_hash_step(hash, (unsigned char) ev_lower(local[i]));
	hash = ev_domain_hash_end(hash);
	for (uint32_t slot = ev_role_slot(hash); roles[slot] != 0; slot = (slot + 1) % EV_ROLE_SLOTS)
		if (roles[slot] == ev_domain_print(hash))
			return true;
	return false;
}

/* --- suggestions ---------------------------------------------------------------------------------- */

#define NAME_MAX_SUGGESTED 24 /* longer names are nobody's typing error of a popular one */

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/*
 * Letters to change, add, leave out or swap with their neighbour to come from a to b (optimal string
 * alignment).  Both are at most NAME_MAX_SUGGESTED long.
 */
static unsigned
distance(const char *a, size_t n, const char *b, size_t m)
{
	unsigned rows[3][NAME_MAX_SUGGESTED + 1];
	unsigned *before = rows[0];
	unsigned *last = rows[1];
	unsigned *now = rows[2];

	for (size_t j = 0; j <= m; j++)
		last[j] = (unsigned) j;
	for (size_t i = 1; i <= n; i++)
	{
		unsigned *spare = before;

		now[0] = (unsigned) i;
		for (size_t j = 1; j <= m; j++)
		{
			now[j] =
				least(least(last[j] + 1, now[j - 1] + 1), last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[m];
}

/* What a name that is on the list of typing errors stands for, or NULL. */
static const char *
find_typo(const char *typed)
{
	for (size_t i = 0; i < sizeof(typos) / sizeof(typos[0]); i++)
		if (strcmp(typos[i].typed, typed) == 0)
			return typos[i].meant;
	return NULL;
}

const char *
ev_suggest_domain(const char *domain, size_t n, bool *curated)
{
	char key[NAME_MAX_SUGGESTED + 1];
	const char *best = NULL;
	unsigned best_distance = 3;

	if (n == 0 || n > NAME_MAX_SUGGESTED ||
	    (ev_domain_look_up(domain, n).classes & ~EV_DOMAIN_MISTYPED) != 0 ||
	    ev_domain_look_up(domain, n).family != 0)
		return NULL;
	memcpy(key, domain, n);
	key[n] = '\0';
	best = find_typo(key);
	if (curated != NULL)
		*curated = best != NULL;
	if (best != NULL)
		return best;
	for (size_t i = 0; i < sizeof(popular) / sizeof(popular[0]); i++)
	{
		size_t len = strlen(popular[i]);
		unsigned allowed = len < 9 ? 0 : len < 11 ? 1 : 2; /* short names have many neighbours */
		unsigned d;

		if (len > NAME_MAX_SUGGESTED || n + allowed < len || len + allowed < n)
			continue;
		d = distance(key, n, popular[i], len);
		if (d <= allowed && d < best_distance)
		{
			best = popular[i];
			best_distance = d;
		}
	}
	return best;
}

/* Is name (n bytes, any case) domain up to end, its dots left out? */
static bool
is_without_dots(const char *name, size_t n, const char *domain, const char *end)
{
	size_t i = 0;

	for (; domain < end; domain++)
		if (*domain != '.')
		{
			if (i == n || ev_lower(name[i]) != *domain)
				return false;
			i++;
		}
	return i == n;
}

const char *
ev_complete_domain(const char *name, size_t n)
{
	const char *found = NULL;
	size_t n_found = 0;

	for (size_t i = 0; i < sizeof(popular) / sizeof(popular[0]); i++)
	{
		const char *ending = strchr(popular[i], '.');

		if (is_without_dots(name, n, popular[i], popular[i] + strlen(popular[i])))
			return popular[i];
		if (!is_without_dots(name, n, popular[i], ending))
			continue;
		if (strcmp(ending, ".com") == 0)
			return popular[i];
		found = popular[i];
		n_found++;
	}
	return n_found == 1 ? found : NULL;
}

uint64_t
ev_domain_list_version(void)
{
	return LIST_VERSION;
}
