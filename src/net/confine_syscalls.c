/*
 * confine_syscalls.c
 *	  The system calls that a prober's process may still make; see confine.h.
 *
 * A list of what is allowed, as a program of classic BPF.  What a library might try to find out and
 * does without is refused: files are not there, other calls are not known.  What only an intruder
 * tries ends the process.
 *
 * Calls that can do more than is needed here are allowed by their arguments (`guarded`).  A filter sees
 * numbers, not what pointers point at: so a call whose effect lies behind a pointer (sendmsg, with its
 * control messages) is not in the list at all.
 */
#include "net/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__) && !defined(__ILP32__)
#define THIS_MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && defined(__LP64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define THIS_MACHINE AUDIT_ARCH_AARCH64
#endif

#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS SECCOMP_RET_KILL
#endif

#ifdef THIS_MACHINE

/* The first calls are the frequent ones: the filter goes through them one by one. */
static const int allowed[] = {
	SYS_recvfrom,
	SYS_epoll_ctl,
	SYS_epoll_pwait,
#ifdef SYS_epoll_wait
	SYS_epoll_wait,
#endif
#ifdef SYS_poll
	SYS_poll,
#endif
	SYS_ppoll,
	SYS_close,
	SYS_connect,
	SYS_getsockname,
	SYS_shutdown,
	SYS_read,
	SYS_write,
	SYS_writev,
	SYS_readv,
	SYS_bind,
	SYS_getpeername,
	SYS_brk,
	SYS_munmap,
	SYS_mremap,
	SYS_madvise,
	SYS_futex,
	SYS_clock_gettime,
	SYS_clock_getres,
	SYS_clock_nanosleep,
	SYS_nanosleep,
	SYS_gettimeofday,
#ifdef SYS_time
	SYS_time,
#endif
	SYS_getrandom,
	SYS_getpid,
	SYS_gettid,
	SYS_getuid,
	SYS_geteuid,
	SYS_getgid,
	SYS_getegid,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_sigaltstack,
	SYS_restart_syscall,
	SYS_sched_yield,
	SYS_sched_getaffinity,
	SYS_sysinfo,
	SYS_uname,
	SYS_epoll_create1,
#ifdef SYS_epoll_create
	SYS_epoll_create,
#endif
#ifdef SYS_epoll_pwait2
	SYS_epoll_pwait2,
#endif
	SYS_eventfd2,
	SYS_exit,
	SYS_exit_group,
	SYS_getrlimit,
	SYS_setrlimit,
};

/* There are no files. */
static const int files[] = {
#ifdef SYS_open
	SYS_open,       SYS_stat,       SYS_lstat,     SYS_access,     SYS_readlink,
#endif
	SYS_openat,     SYS_newfstatat, SYS_faccessat, SYS_readlinkat,
#ifdef SYS_statx
	SYS_statx,
#endif
#ifdef SYS_openat2
	SYS_openat2,
#endif
#ifdef SYS_faccessat2
	SYS_faccessat2,
#endif
};

/* Nothing in here asks for these. */
static const int deadly[] = {
	SYS_execve,
	SYS_execveat,
#ifdef SYS_fork
	SYS_fork,
	SYS_vfork,
#endif
	SYS_clone,
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_kill,
	SYS_tkill,
	SYS_rt_sigqueueinfo,
	SYS_listen,
	SYS_accept,
	SYS_accept4,
	SYS_socketpair,
	SYS_shmget,
	SYS_shmat,
	SYS_semget,
	SYS_msgget,
	SYS_unshare,
	SYS_setns,
	SYS_mount,
	SYS_bpf,
	SYS_keyctl,
	SYS_userfaultfd,
	SYS_perf_event_open,
};

/* An argument of a call: (argument & mask) == value.  Without a mask it is no check. */
struct check
{
	uint8_t argument;
	uint32_t mask;
	uint32_t value;
};

#define CHECKS_MAX 3
#define ALL        0xffffffff

/*
 * One way to make a call.  Rows of one call lie together; what fits none of them gets the answer of the
 * last.
 */
struct guard
{
	int call;
	uint32_t otherwise;
	struct check check[CHECKS_MAX];
};

#define REFUSE(error) (SECCOMP_RET_ERRNO | (error))

#define NO_SEND    REFUSE(EOPNOTSUPP)
#define NO_FAMILY  REFUSE(EAFNOSUPPORT)
#define NO_OPTION  REFUSE(ENOPROTOOPT)
#define NO_COMMAND REFUSE(EINVAL)
#define NO_REQUEST REFUSE(ENOTTY)
#define NO_CODE    REFUSE(EACCES)

/* All bits of what is looked at but these. */
#define BUT(bits) ((uint32_t) ~(bits))

/* The type of a socket, without what is said beside it. */
#define KIND BUT(SOCK_NONBLOCK | SOCK_CLOEXEC)

static const struct guard guarded[] = {
	/* no MSG_FASTOPEN, which connects without connect() */
	{SYS_sendto, NO_SEND, {{3, BUT(MSG_NOSIGNAL | MSG_DONTWAIT), 0}}},
	/* TCP and UDP: of the same types are MPTCP, SCTP and UDPLITE, whose ports nobody watches */
	{SYS_socket, NO_FAMILY, {{0, ALL, AF_INET}, {1, KIND, SOCK_STREAM}, {2, ALL, 0}}},
	{SYS_socket, NO_FAMILY, {{0, ALL, AF_INET}, {1, KIND, SOCK_STREAM}, {2, ALL, IPPROTO_TCP}}},
	{SYS_socket, NO_FAMILY, {{0, ALL, AF_INET6}, {1, KIND, SOCK_STREAM}, {2, ALL, 0}}},
	{SYS_socket, NO_FAMILY, {{0, ALL, AF_INET6}, {1, KIND, SOCK_STREAM}, {2, ALL, IPPROTO_TCP}}},
	{SYS_socket, NO_FAMILY, {{0, ALL, AF_INET}, {1, KIND, SOCK_DGRAM}, {2, ALL, 0}}},
	{SYS_socket, NO_FAMILY, {{0, ALL, AF_INET}, {1, KIND, SOCK_DGRAM}, {2, ALL, IPPROTO_UDP}}},
	{SYS_socket, NO_FAMILY, {{0, ALL, AF_INET6}, {1, KIND, SOCK_DGRAM}, {2, ALL, 0}}},
	{SYS_socket, NO_FAMILY, {{0, ALL, AF_INET6}, {1, KIND, SOCK_DGRAM}, {2, ALL, IPPROTO_UDP}}},
	{SYS_getsockopt, NO_OPTION, {{1, ALL, SOL_SOCKET}, {2, ALL, SO_ERROR}}},
	{SYS_getsockopt, NO_OPTION, {{1, ALL, SOL_SOCKET}, {2, ALL, SO_TYPE}}},
	{SYS_setsockopt, NO_OPTION, {{1, ALL, IPPROTO_IP}, {2, ALL, IP_BIND_ADDRESS_NO_PORT}}},
	{SYS_setsockopt, NO_OPTION, {{1, ALL, IPPROTO_TCP}, {2, ALL, TCP_NODELAY}}},
	{SYS_fcntl, NO_COMMAND, {{1, ALL, F_GETFD}}},
	{SYS_fcntl, NO_COMMAND, {{1, ALL, F_SETFD}}},
	{SYS_fcntl, NO_COMMAND, {{1, ALL, F_DUPFD_CLOEXEC}}},
	{SYS_fcntl, NO_COMMAND, {{1, ALL, F_GETFL}}},
	/* O_ASYNC sends signals, to whom F_SETOWN says */
	{SYS_fcntl, NO_COMMAND, {{1, ALL, F_SETFL}, {2, BUT(O_NONBLOCK | O_ACCMODE), 0}}},
	{SYS_ioctl, NO_REQUEST, {{1, ALL, FIONBIO}}},
	{SYS_ioctl, NO_REQUEST, {{1, ALL, FIONREAD}}},
	{SYS_pipe2, NO_COMMAND, {{1, BUT(O_NONBLOCK | O_CLOEXEC), 0}}},
	{SYS_mmap, NO_CODE, {{2, PROT_EXEC, 0}}},
	{SYS_mprotect, NO_CODE, {{2, PROT_EXEC, 0}}},
};

#define N(list) (sizeof(list) / sizeof((list)[0]))

/* Two for each call of the lists, three for each check of an argument, and some for the rest. */
#define PROGRAM_MAX (2 * (N(allowed) + N(files) + N(deadly)) + 16 * N(guarded) + 64)

struct program
{
	struct sock_filter code[PROGRAM_MAX];
	unsigned short n;
};

#define FIELD(name) offsetof(struct seccomp_data, name)

/* The lower half of an argument: these machines are little-endian. */
#define ARGUMENT(i) (offsetof(struct seccomp_data, args) + (i) * sizeof(uint64_t))

static void
add(struct program *p, unsigned short code, uint32_t k, uint8_t yes, uint8_t no)
{
	p->code[p->n++] = (struct sock_filter){.code = code, .jt = yes, .jf = no, .k = k};
}

static void
load(struct program *p, size_t offset)
{
	add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t) offset, 0, 0);
}

static void
answer(struct program *p, uint32_t what)
{
	add(p, BPF_RET | BPF_K, what, 0, 0);
}

/* If what is loaded is `value`, that is the answer. */
static void
answer_if(struct program *p, uint32_t value, uint32_t what)
{
	add(p, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
	answer(p, what);
}

static void
answer_each(struct program *p, const int *calls, size_t n, uint32_t what)
{
	for (size_t i = 0; i < n; i++)
		answer_if(p, (uint32_t) calls[i], what);
}

/* Is the next row one of another call? */
static bool
is_last(const struct guard *guards, size_t i, size_t n)
{
	return i + 1 == n || guards[i + 1].call != guards[i].call;
}

/*
 * What is loaded before and after a row is the number of the call.  A check that fails leaves the row;
 * another call jumps over it.
 */
static void
answer_guard(struct program *p, const struct guard *guard)
{
	unsigned short start = p->n;

	add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t) guard->call, 0, 0);
	for (const struct check *c = guard->check; c < guard->check + CHECKS_MAX; c++)
	{
		if (c->mask == 0)
			continue;
		load(p, ARGUMENT(c->argument));
		add(p, BPF_ALU | BPF_AND | BPF_K, c->mask, 0, 0);
		add(p, BPF_JMP | BPF_JEQ | BPF_K, c->value, 0, 0);
	}
	answer(p, SECCOMP_RET_ALLOW);
	for (unsigned short i = start; i < p->n; i++)
		if (BPF_CLASS(p->code[i].code) == BPF_JMP)
			p->code[i].jf = (uint8_t) (p->n - i - 1);
	load(p, FIELD(nr));
}

static void
answer_guarded(struct program *p, const struct guard *guards, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		answer_guard(p, &guards[i]);
		if (is_last(guards, i, n))
			answer_if(p, (uint32_t) guards[i].call, guards[i].otherwise);
	}
}

static void
write_program(struct program *p)
{
	uint32_t self = (uint32_t) getpid();
	const struct guard own[] = {
		{SYS_prlimit64, REFUSE(EPERM), {{0, ALL, 0}}},
		{SYS_prlimit64, REFUSE(EPERM), {{0, ALL, self}}},
		/* abort() is heard as such */
		{SYS_tgkill, SECCOMP_RET_KILL_PROCESS, {{0, ALL, self}}},
	};

	load(p, FIELD(arch));
	add(p, BPF_JMP | BPF_JEQ | BPF_K, THIS_MACHINE, 1, 0);
	answer(p, SECCOMP_RET_KILL_PROCESS);
	load(p, FIELD(nr));
	answer_each(p, allowed, N(allowed), SECCOMP_RET_ALLOW);
	answer_guarded(p, guarded, N(guarded));
	answer_guarded(p, own, N(own));
	answer_each(p, files, N(files), REFUSE(ENOENT));
	answer_each(p, deadly, N(deadly), SECCOMP_RET_KILL_PROCESS);
	answer(p, REFUSE(ENOSYS));
}

bool
ev_confine_syscalls(void)
{
	static struct program program;
	struct sock_fprog filter = {.filter = program.code};

	program.n = 0;
	write_program(&program);
	filter.len = program.n;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
}

bool
ev_confine_io_uring(void)
{
#ifdef SYS_io_uring_setup
	static struct program program;
	struct sock_fprog filter = {.filter = program.code};

	program.n = 0;
	load(&program, FIELD(nr));
	answer_if(&program, SYS_io_uring_setup, REFUSE(ENOSYS));
	answer(&program, SECCOMP_RET_ALLOW);
	filter.len = program.n;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
#else
	return true;
#endif
}

#else

bool
ev_confine_syscalls(void)
{
	return false;
}

bool
ev_confine_io_uring(void)
{
	return false;
}

#endif
