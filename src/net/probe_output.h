/*
 * probe_output.h
 *	  What email_probe prints: for people, or one JSON object an address.
 */
#ifndef EV_PROBE_OUTPUT_H
#define EV_PROBE_OUTPUT_H

#include <stdio.h>

#include "net/prober.h"

/* What was collected for one address. */
struct ev_probe
{
	const char *address; /* as given; any bytes */
	bool done;
	struct ev_result result;
	bool has_domain;
	struct ev_domain_fact domain;
	size_t n_hosts;
	struct ev_host_fact hosts[EV_DOMAIN_HOSTS];
	size_t n_lines, max_lines;
	struct ev_trace *lines; /* the dialogue */
};

extern void ev_probe_print_json(FILE *out, const struct ev_probe *probe);
extern void ev_probe_print_text(FILE *out, const struct ev_probe *probe);

#endif
