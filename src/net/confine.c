/*
 * confine.c
 *	  Giving up rights: limits, privileges, an empty file system; see confine.h.
 *
 * The order matters.  Namespaces need a right that is given up right behind them, and clear the
 * signal of the parent's death; Landlock and the filter of system calls come last, since they forbid
 * what the others do.
 */
#include "net/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "net/dns_servers.h"

/* Memory: for itself and its caches, and for each session (dialogue, TLS, buffers). */
#define MEMORY_BASE        ((rlim_t) 768 * 1024 * 1024)
#define MEMORY_PER_SESSION ((rlim_t) 512 * 1024)

/* Descriptors: sessions, as many that say good-bye, DNS, and our own few. */
#define FILES_BASE 192

/* The system's own choice when it runs out of memory: this process rather than the server. */
#define OOM_SCORE "500"

/* --- ports ------------------------------------------------------------------------------------- */

static bool
has_port(const struct ev_ports *ports, uint16_t port)
{
	for (int i = 0; i < ports->n; i++)
		if (ports->port[i] == port)
			return true;
	return false;
}

struct ev_ports
ev_ports_of(const struct ev_prober_config *config)
{
	struct ev_ports ports = {.n = 0};
	uint16_t dns[EV_PORTS_MAX];
	size_t n = ev_dns_servers_ports(config, dns, EV_PORTS_MAX);

	ports.port[ports.n++] = config->smtp_port;
	for (size_t i = 0; i < n; i++)
	{
		if (has_port(&ports, dns[i]))
			continue;
		if (ports.n == EV_PORTS_MAX)
			ports.any = true;
		else
			ports.port[ports.n++] = dns[i];
	}
	return ports;
}

bool
ev_ports_cover(const struct ev_ports *allowed, const struct ev_ports *wanted)
{
	if (allowed->any)
		return true;
	for (int i = 0; i < wanted->n; i++)
		if (!has_port(allowed, wanted->port[i]))
			return false;
	return !wanted->any;
}

/* --- limits ------------------------------------------------------------------------------------ */

/* Lower or raise what counts; the bound above it stays, for settings to come. */
static bool
limit_to(int resource, rlim_t want)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) != 0)
		return false;
	limit.rlim_cur =
		limit.rlim_max == RLIM_INFINITY || want < limit.rlim_max ? want : limit.rlim_max;
	return setrlimit(resource, &limit) == 0;
}

bool
ev_confine_limits(const struct ev_prober_config *config)
{
	rlim_t sessions = config->max_sessions;
	bool ok = limit_to(RLIMIT_NOFILE, FILES_BASE + 2 * sessions);

	return limit_to(RLIMIT_AS, MEMORY_BASE + MEMORY_PER_SESSION * sessions) && ok;
}

/* None at all, for good. */
static bool
forbid(int resource)
{
	const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};

	return setrlimit(resource, &none) == 0;
}

static void
offer_to_be_killed(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, OOM_SCORE, strlen(OOM_SCORE)) < 0)
	{
		/* then it is as likely to go as the others */
	}
	close(fd);
}

/* The file is the process's own only as long as it may be looked into. */
void
ev_confine_core(void)
{
	offer_to_be_killed();
	(void) forbid(RLIMIT_CORE);
	(void) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static bool
forbid_resources(void)
{
	bool ok = forbid(RLIMIT_CORE);

	ok = forbid(RLIMIT_FSIZE) && ok;
	ok = forbid(RLIMIT_NPROC) && ok;
	ok = forbid(RLIMIT_MEMLOCK) && ok;
	return forbid(RLIMIT_MSGQUEUE) && ok;
}

/* --- namespaces -------------------------------------------------------------------------------- */

/*
 * An empty read-only file system in place of all that are mounted, which are let go, so that nobody
 * is kept from unmounting them.
 */
static bool
empty_file_system(void)
{
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,mode=555") ==
	           0 &&
	       chdir("/proc") == 0 && syscall(SYS_pivot_root, ".", ".") == 0 &&
	       umount2(".", MNT_DETACH) == 0 && chdir("/") == 0 &&
	       mount(NULL, "/", NULL,
	             MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0;
}

/* Rights inside the new user namespace, of no more use. */
static bool
drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
	struct __user_cap_data_struct none[2] = {{0}};

	return syscall(SYS_capset, &header, none) == 0;
}

/* The network is the one thing that it needs; all else is its own, and empty. */
static bool
enter_namespaces(void)
{
	bool empty;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS) != 0)
		return false;
	empty = empty_file_system();
	return drop_capabilities() && empty;
}

/* --- all of it --------------------------------------------------------------------------------- */

/* A new user namespace has set back what ev_confine_core() did. */
static bool
drop_privileges(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

uint32_t
ev_confine(const struct ev_prober_config *config, bool limits)
{
	struct ev_ports ports = ev_ports_of(config);
	uint32_t had = 0;

	if (enter_namespaces())
		had |= EV_CONFINED_NAMESPACES;
	(void) prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (forbid_resources() && limits)
		had |= EV_CONFINED_LIMITS;
	if (drop_privileges())
		had |= EV_CONFINED_PRIVILEGES;
	had |= ev_confine_landlock(&ports);
	if (ev_confine_syscalls())
		had |= EV_CONFINED_SYSCALLS;
	return had;
}
