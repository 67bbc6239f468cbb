/*
 * confine_syscalls.c
 *	  The system calls that a prober's process may still make; see confine.h.
 *
 * A list of what is allowed, as a program of classic BPF.  What a library might try to find out and
 * does without is refused: files are not there, other calls are not known.  What only an intruder
 * tries ends the process.
 */
#include "net/confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
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
	SYS_sendto,
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
	SYS_setsockopt,
	SYS_getsockopt,
	SYS_getsockname,
	SYS_shutdown,
	SYS_fcntl,
	SYS_read,
	SYS_write,
	SYS_writev,
	SYS_readv,
	SYS_recvmsg,
	SYS_sendmsg,
	SYS_recvmmsg,
	SYS_sendmmsg,
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
	SYS_pipe2,
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

#define N(list) (sizeof(list) / sizeof((list)[0]))

/* Two for each call of the lists, and some for the rest. */
#define PROGRAM_MAX (2 * (N(allowed) + N(files) + N(deadly)) + 64)

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

/*
 * One call depends on a 32-bit argument: it is allowed if (argument & mask) is one of two values,
 * else the answer is `otherwise`.  Six instructions are jumped over by other calls.
 */
static void
allow_if(struct program *p, int call, unsigned argument, uint32_t mask, uint32_t one,
         uint32_t other, uint32_t otherwise)
{
	add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t) call, 0, 6);
	load(p, ARGUMENT(argument));
	add(p, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
	add(p, BPF_JMP | BPF_JEQ | BPF_K, one, 1, 0);
	add(p, BPF_JMP | BPF_JEQ | BPF_K, other, 0, 1);
	answer(p, SECCOMP_RET_ALLOW);
	answer(p, otherwise);
}

static void
write_program(struct program *p)
{
	const uint32_t refuse = SECCOMP_RET_ERRNO;
	uint32_t self = (uint32_t) getpid();

	load(p, FIELD(arch));
	add(p, BPF_JMP | BPF_JEQ | BPF_K, THIS_MACHINE, 1, 0);
	answer(p, SECCOMP_RET_KILL_PROCESS);
	load(p, FIELD(nr));
	answer_each(p, allowed, N(allowed), SECCOMP_RET_ALLOW);
	allow_if(p, SYS_socket, 0, 0xffffffff, AF_INET, AF_INET6, refuse | EAFNOSUPPORT);
	allow_if(p, SYS_ioctl, 1, 0xffffffff, FIONBIO, FIONREAD, refuse | ENOTTY);
	allow_if(p, SYS_mmap, 2, PROT_EXEC, 0, 0, refuse | EACCES);
	allow_if(p, SYS_mprotect, 2, PROT_EXEC, 0, 0, refuse | EACCES);
	allow_if(p, SYS_prlimit64, 0, 0xffffffff, 0, self, refuse | EPERM);
	/* abort() is heard as such */
	allow_if(p, SYS_tgkill, 0, 0xffffffff, self, self, SECCOMP_RET_KILL_PROCESS);
	answer_each(p, files, N(files), refuse | ENOENT);
	answer_each(p, deadly, N(deadly), SECCOMP_RET_KILL_PROCESS);
	answer(p, refuse | ENOSYS);
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
	answer_if(&program, SYS_io_uring_setup, SECCOMP_RET_ERRNO | ENOSYS);
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
