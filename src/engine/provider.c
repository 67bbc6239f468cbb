/*
 * provider.c
 *	  The table of provider.def, and host names looked up in it.
 */
#include "engine/provider.h"

#include <string.h>

#include "engine/ascii.h"

static const struct ev_provider_info providers[EV_N_PROVIDER] = {
#define EV_PROVIDER(id, label, kind, trust_accept, trust_reject, needs_control, one_rcpt)          \
	[EV_PROVIDER_##id] = {(label),        EV_PROVIDER_##kind, (trust_accept),                      \
	                      (trust_reject), (needs_control),    (one_rcpt)},
#include "engine/provider.def"
};

struct suffix
{
	const char *name;
	size_t len;
	enum ev_provider provider;
};

static const struct suffix suffixes[] = {
#define EV_MX_SUFFIX(suffix, provider) {(suffix), sizeof(suffix) - 1, EV_PROVIDER_##provider},
#include "engine/provider.def"
};

/* Is this, of the suffix's length, the suffix? */
static bool
is_suffix(const char *tail, const struct suffix *suffix)
{
	for (size_t i = 0; i < suffix->len; i++)
		if (ev_lower(tail[i]) != suffix->name[i])
			return false;
	return true;
}

/* A byte for each suffix, made of its length and its first bytes: a short table, in which few fit. */
#define KEY(s, n)                                                                                  \
	((unsigned char) ((n) *21u + (unsigned char) (s)[0] * 3u + (unsigned char) (s)[1]))

static const unsigned char keys[] = {
#define EV_MX_SUFFIX(suffix, provider) KEY(suffix, sizeof(suffix) - 1),
#include "engine/provider.def"
};

/* The suffix that this tail of a host's name, of n bytes, is; NULL for none. */
static const struct suffix *
suffix_of_tail(const char *tail, size_t n)
{
	const unsigned char *end = keys + sizeof(keys);
	char first[2];

	if (n < 2)
		return NULL;
	first[0] = ev_lower(tail[0]);
	first[1] = ev_lower(tail[1]);
	for (const unsigned char *at = keys;; at++)
	{
		const struct suffix *suffix;

		at = memchr(at, KEY(first, n), (size_t) (end - at));
		if (at == NULL)
			return NULL;
		suffix = &suffixes[at - keys];
		if (suffix->len == n && is_suffix(tail, suffix))
			return suffix;
	}
}

enum ev_provider
ev_provider_of_host(const char *host, size_t n)
{
	if (n > 0 && host[n - 1] == '.')
		n--;
	/* the longest suffix counts, though it may be an exception: of nobody */
	for (size_t at = 0; at < n; at++)
		if (at == 0 || host[at - 1] == '.')
		{
			const struct suffix *suffix = suffix_of_tail(host + at, n - at);

			if (suffix != NULL)
				return suffix->provider;
		}
	return EV_PROVIDER_OTHER;
}

const struct ev_provider_info *
ev_provider_info(enum ev_provider provider)
{
	return &providers[provider];
}

struct ev_trust
ev_provider_trust(enum ev_provider provider)
{
	const struct ev_provider_info *info = &providers[provider];
	struct ev_trust trust = {info->trust_accept, info->trust_reject, info->needs_control};

	return trust;
}
