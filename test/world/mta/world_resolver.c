/*
 * world_resolver.c
 *		LD_PRELOAD library: lets the private Postfix ask the DNS of the test world.
 *
 * Postfix has no setting for its name server, /etc/resolv.conf knows no ports, and nothing of the
 * test may ask a resolver outside.  So the resolver state that glibc fills from /etc/resolv.conf is
 * overwritten: one server, 127.0.0.1 at $WORLD_DNS_PORT, no search list.
 *
 * Without WORLD_DNS_PORT nothing is changed.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>

typedef int (*init_fn)(struct __res_state *);

int
__res_ninit(struct __res_state *state)
{
	init_fn real = (init_fn) dlsym(RTLD_NEXT, "__res_ninit");
	const char *port = getenv("WORLD_DNS_PORT");
	int rc = real ? real(state) : -1;

	if (rc != 0 || !port)
		return rc;
	memset(&state->nsaddr_list[0], 0, sizeof(state->nsaddr_list[0]));
	state->nsaddr_list[0].sin_family = AF_INET;
	state->nsaddr_list[0].sin_port = htons((uint16_t) atoi(port));
	state->nsaddr_list[0].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	state->nscount = 1;
	state->dnsrch[0] = NULL;
	state->retrans = 2;
	state->retry = 2;
	return rc;
}

int
__res_init(void)
{
	_res.options |= RES_DEFAULT;
	return __res_ninit(&_res);
}
