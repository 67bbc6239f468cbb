/*
 * provider.c
 *	  The table of provider.def, and host names looked up in it.
 */
#include "engine/provider.h"

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

/* Does host (n bytes) end in this suffix, at the beginning of a label? */
static bool
has_suffix(const char *host, size_t n, const struct suffix *suffix)
{
	size_t start;

	if (n < suffix->len)
		return false;
	start = n - suffix->len;
	if (start > 0 && host[start - 1] != '.')
		return false;
	for (size_t i = suffix->len; i-- > 0;)
	{
		char c = host[start + i];

		if (c >= 'A' && c <= 'Z')
			c = (char) (c + ('a' - 'A'));
		if (c != suffix->name[i])
			return false;
	}
	return true;
}

enum ev_provider
ev_provider_of_host(const char *host, size_t n)
{
	const struct suffix *best = NULL;

	if (n > 0 && host[n - 1] == '.')
		n--;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if ((best == NULL || suffixes[i].len > best->len) && has_suffix(host, n, &suffixes[i]))
			best = &suffixes[i];
	return best == NULL ? EV_PROVIDER_OTHER : best->provider;
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
