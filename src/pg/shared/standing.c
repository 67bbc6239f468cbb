/*
 * standing.c
 *	  What mail servers say of us; see standing.h.
 */
#include "postgres.h"

#include "engine/provider.h"
#include "pg/shared/standing.h"

void
ev_standing_group_of(const char *host, char *name)
{
	enum ev_provider provider = ev_provider_of_host(host, strlen(host));
	const char *at = host + strlen(host);
	int labels = 0;

	if (provider != EV_PROVIDER_OTHER)
	{
		strlcpy(name, ev_provider_info(provider)->label, EV_STANDING_NAME_SIZE);
		return;
	}
	/* three labels where the second one is as short as "co" in co.uk */
	for (; at > host; at--)
	{
		if (at[-1] != '.')
			continue;
		labels++;
		if (labels == 3 || (labels == 2 && strcspn(at, ".") > 3))
			break;
	}
	strlcpy(name, at, EV_STANDING_NAME_SIZE);
}

static EvStandingGroup *
place_of(EvStanding *standing, const char *group)
{
	EvStandingGroup *oldest = &standing->groups[0];

	for (int i = 0; i < EV_STANDING_GROUPS; i++)
	{
		EvStandingGroup *place = &standing->groups[i];

		if (strcmp(place->name, group) == 0)
			return place;
		if (place->heard_at < oldest->heard_at)
			oldest = place;
	}
	memset(oldest, 0, sizeof(*oldest));
	strlcpy(oldest->name, group, sizeof(oldest->name));
	return oldest;
}

void
ev_standing_note(EvStanding *standing, const char *group, const char *text, TimestampTz at)
{
	EvStandingGroup *place;

	if (group[0] == '\0')
		return;
	place = place_of(standing, group);
	place->heard++;
	place->heard_at = at;
	if (text == NULL)
		return;
	place->refused++;
	place->refused_at = at;
	strlcpy(place->text, text, sizeof(place->text));
}
