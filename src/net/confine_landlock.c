/*
 * confine_landlock.c
 *	  Landlock (Linux 5.13 and later): no file, few ports, no signals; see confine.h.
 *
 * Without glibc's help, and with numbers of our own for what the headers of older systems lack: what
 * counts is the kernel that runs.
 */
#include "net/confine.h"

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

#define CREATE_RULESET_VERSION 1
#define RULE_NET_PORT          2
#define ACCESS_CONNECT_TCP     (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_SOCKET  (UINT64_C(1) << 0)
#define SCOPE_SIGNAL           (UINT64_C(1) << 1)

/* Which version of Landlock has brought what. */
#define VERSION_REFER    2
#define VERSION_TRUNCATE 3
#define VERSION_PORTS    4
#define VERSION_IOCTL    5
#define VERSION_SCOPE    6

struct ruleset
{
	uint64_t files;
	uint64_t ports;
	uint64_t scope;
};

struct port_rule
{
	uint64_t allowed;
	uint64_t port;
};

/* All rights to files that a version knows: the first 13, and one more for each of three versions. */
static uint64_t
file_rights(long version)
{
	int bits = 13 + (version >= VERSION_REFER) + (version >= VERSION_TRUNCATE) +
	           (version >= VERSION_IOCTL);

	return (UINT64_C(1) << bits) - 1;
}

static bool
allow_ports(int fd, const struct ev_ports *ports)
{
	for (int i = 0; i < ports->n; i++)
	{
		const struct port_rule rule = {.allowed = ACCESS_CONNECT_TCP, .port = ports->port[i]};

		if (syscall(SYS_landlock_add_rule, fd, RULE_NET_PORT, &rule, 0) != 0)
			return false;
	}
	return true;
}

uint32_t
ev_confine_landlock(const struct ev_ports *ports)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
	struct ruleset rules = {.files = 0};
	uint32_t had = EV_CONFINED_FILES;
	int fd;

	if (version < 1)
		return 0;
	rules.files = file_rights(version);
	if (version >= VERSION_PORTS && !ports->any)
	{
		rules.ports = ACCESS_CONNECT_TCP;
		had |= EV_CONFINED_PORTS;
	}
	if (version >= VERSION_SCOPE)
	{
		rules.scope = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL;
		had |= EV_CONFINED_SCOPE;
	}
	fd = (int) syscall(SYS_landlock_create_ruleset, &rules,
	                   version >= VERSION_SCOPE   ? sizeof(rules)
	                   : version >= VERSION_PORTS ? 2 * sizeof(uint64_t)
	                                              : sizeof(uint64_t),
	                   0);
	if (fd < 0)
		return 0;
	if ((rules.ports != 0 && !allow_ports(fd, ports)) ||
	    syscall(SYS_landlock_restrict_self, fd, 0) != 0)
		had = 0;
	close(fd);
	return had;
}
