/*
 * spf_lookup.c
 *	  SPF records by TXT look-ups (RFC 7208 4.4, 4.5, 6.1).
 */
#include "net/internal.h"

#include <string.h>

#define REDIRECTS_MAX 10 /* RFC 7208 4.6.4 */
static void
on_txt(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply, size_t len)
{
	struct ev_spf_lookup *lookup = EV_ENTRY(query, struct ev_spf_lookup, txt);
	struct ev_dns_message message;
	struct ev_dns_record record;
	char target[EV_DOMAIN_MAX + 1] = "";
	enum ev_spf result = EV_SPF_NONE;

	if (status == EV_DNS_OK && ev_dns_open(&message, reply, len, query->name, EV_DNS_TXT))
	{
		while (ev_dns_next(&message, &record))
		{
			char text[EV_DNS_TEXT_MAX];
			char redirect[EV_DOMAIN_MAX + 1];
			enum ev_spf one = ev_spf_parse(text, ev_dns_text(&message, &record, text), redirect);

			if (one == EV_SPF_NONE)
				continue;
			if (result != EV_SPF_NONE)
			{
				result = EV_SPF_INVALID; /* more than one: RFC 7208 4.5 */
				break;
			}
			result = one;
			strcpy(target, redirect);
		}
	}
	/* RFC 7208 6.1: a redirect to where no record is found is an error */
	if (result == EV_SPF_NONE && lookup->redirects > 0)
		result = EV_SPF_INVALID;
	if (result == EV_SPF_REDIRECT)
	{
		if (target[0] != '\0' && lookup->redirects < REDIRECTS_MAX)
		{
			lookup->redirects++;
			strcpy(query->name, target);
			ev_dns_start(query);
			return;
		}
		result = EV_SPF_INVALID;
	}
	lookup->result = result;
	lookup->done(lookup);
}

void
ev_spf_find(struct ev_prober *prober, struct ev_spf_lookup *lookup, const char *domain,
            void (*done)(struct ev_spf_lookup *lookup))
{
	ev_list_init(&lookup->txt.link);
	lookup->txt.prober = prober;
	lookup->txt.type = EV_DNS_TXT;
	lookup->txt.done = on_txt;
	strcpy(lookup->txt.name, domain);
	lookup->result = EV_SPF_NONE;
	lookup->redirects = 0;
	lookup->done = done;
	ev_dns_start(&lookup->txt);
}
