/*
 * 044_confined.c
 *	  What a prober's process cannot do once it has given up its rights; run by
 *	  044_confined.pl.
 *
 * Argument: which rights are given up (none, landlock, syscalls, all).  Prints what could be given up, and
 * for each attempt what became of it: "ok", the error, or the signal that ended it.  Each is made by
 * a process of its own.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "net/confine.h"

static int
said(long result)
{
	return result < 0 ? errno : 0;
}

static int
connect_to(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return said(connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *) &to, sizeof(to)));
}

static int
read_file(void)
{
	return said(open("/etc/passwd", O_RDONLY));
}

static int
write_file(void)
{
	return said(open("/tmp/email_verify_confined", O_WRONLY | O_CREAT, 0600));
}

static int
look_around(void)
{
	struct stat status;

	return said(stat("/etc/passwd", &status));
}

static int
unix_socket(void)
{
	return said(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int
inet_socket(void)
{
	return said(socket(AF_INET, SOCK_DGRAM, 0));
}

static int
smtp(void)
{
	return connect_to(2525);
}

static int
dns(void)
{
	return connect_to(5353);
}

static int
database(void)
{
	return connect_to(5432);
}

static int
serve(void)
{
	return said(listen(socket(AF_INET, SOCK_STREAM, 0), 1));
}

static int
another_process(void)
{
	long pid = syscall(SYS_clone, (long) SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return said(pid);
}

static int
another_program(void)
{
	char *const none[] = {NULL};

	return said(execve("/bin/true", none, none));
}

static int
signal_parent(void)
{
	return said(kill(getppid(), 0));
}

static int
shared_memory(void)
{
	return said(shmget(IPC_PRIVATE, 4096, 0600));
}

static int
code_of_its_own(void)
{
	void *at =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? errno : 0;
}

static int
raise_limit(void)
{
	const struct rlimit more = {.rlim_cur = 1, .rlim_max = 1};

	return said(setrlimit(RLIMIT_NPROC, &more));
}

static int
much_memory(void)
{
	void *at = mmap(NULL, (size_t) 8 << 30, PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at == MAP_FAILED ? errno : 0;
}

static int
some_memory(void)
{
	char *at = malloc(64 << 20);

	if (at == NULL)
		return ENOMEM;
	memset(at, 1, 64 << 20);
	return 0;
}

static int
fail_loudly(void)
{
	abort();
}

/* --- connections that no connect() makes ---------------------------------------------------------- */

static struct sockaddr_in
database_address(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(5432)};

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return to;
}

static int
stream(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int
fast_sendto(void)
{
	struct sockaddr_in to = database_address();

	return said(sendto(stream(), "x", 1, MSG_FASTOPEN, (struct sockaddr *) &to, sizeof(to)));
}

/* The kernel takes the lower half only. */
static int
fast_wide(void)
{
	struct sockaddr_in to = database_address();

	return said(syscall(SYS_sendto, stream(), "x", 1L, MSG_FASTOPEN | 1L << 40, &to, sizeof(to)));
}

static int
fast_sendmsg(void)
{
	struct sockaddr_in to = database_address();
	struct iovec bytes = {.iov_base = (char[]){"x"}, .iov_len = 1};
	struct msghdr message = {
		.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &bytes, .msg_iovlen = 1};

	return said(sendmsg(stream(), &message, MSG_FASTOPEN));
}

static int
fast_sendmmsg(void)
{
	struct sockaddr_in to = database_address();
	struct iovec bytes = {.iov_base = (char[]){"x"}, .iov_len = 1};
	struct mmsghdr message = {
		.msg_hdr = {
			.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &bytes, .msg_iovlen = 1}};

	return said(sendmmsg(stream(), &message, 1, MSG_FASTOPEN));
}

/* A descriptor for who reads the other end. */
static int
hand_over(void)
{
	union
	{
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
	                        .cmsg_level = SOL_SOCKET,
	                        .cmsg_type = SCM_RIGHTS}};
	struct iovec bytes = {.iov_base = (char[]){"x"}, .iov_len = 1};
	struct msghdr message = {.msg_iov = &bytes,
	                         .msg_iovlen = 1,
	                         .msg_control = &control,
	                         .msg_controllen = sizeof(control)};

	return said(sendmsg(stream(), &message, 0));
}

static int
set_option(int type, int level, int name)
{
	int on = 1;

	return said(setsockopt(socket(AF_INET, type, 0), level, name, &on, sizeof(on)));
}

static int
fast_connect(void)
{
	return set_option(SOCK_STREAM, IPPROTO_TCP, TCP_FASTOPEN_CONNECT);
}

static int
fast_option(void)
{
	return set_option(SOCK_STREAM, IPPROTO_TCP, TCP_FASTOPEN);
}

static int
kernel_protocol(void)
{
	return said(setsockopt(stream(), IPPROTO_TCP, TCP_ULP, "tls", 3));
}

static int
kernel_filter(void)
{
	struct sock_filter code = {.code = BPF_RET | BPF_K, .k = 0xffff};
	struct sock_fprog program = {.len = 1, .filter = &code};

	return said(setsockopt(stream(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)));
}

static int
same_port(void)
{
	return set_option(SOCK_DGRAM, SOL_SOCKET, SO_REUSEPORT);
}

static int
multicast(void)
{
	struct ip_mreqn group = {.imr_ifindex = 1};

	group.imr_multiaddr.s_addr = htonl(0xe0000101);
	return said(setsockopt(socket(AF_INET, SOCK_DGRAM, 0), IPPROTO_IP, IP_ADD_MEMBERSHIP, &group,
	                       sizeof(group)));
}

static int
learn_option(void)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);

	return said(getsockopt(stream(), IPPROTO_TCP, TCP_INFO, &info, &size));
}

/* --- sockets that Landlock does not look at -------------------------------------------------------- */

static int
mptcp(void)
{
	return said(socket(AF_INET, SOCK_STREAM, 262));
}

static int
mptcp_v6(void)
{
	return said(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 262));
}

static int
sctp(void)
{
	return said(socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP));
}

static int
udplite(void)
{
	return said(socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE));
}

static int
ping_socket(void)
{
	return said(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
}

static int
raw(void)
{
	return said(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static int
seqpacket(void)
{
	return said(socket(AF_INET, SOCK_SEQPACKET, 0));
}

static int
packet(void)
{
	return said(socket(AF_PACKET, SOCK_DGRAM, 0));
}

static int
netlink(void)
{
	return said(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int
vsock(void)
{
	return said(socket(AF_VSOCK, SOCK_STREAM, 0));
}

static int
smc(void)
{
	return said(socket(AF_SMC, SOCK_STREAM, 0));
}

static int
kernel_crypto(void)
{
	return said(socket(AF_ALG, SOCK_SEQPACKET, 0));
}

/* --- signals that no kill() sends ------------------------------------------------------------------ */

static int
owner(void)
{
	return said(fcntl(stream(), F_SETOWN, getppid()));
}

static int
owner_ex(void)
{
	struct f_owner_ex to = {.type = F_OWNER_PID, .pid = getppid()};

	return said(fcntl(stream(), F_SETOWN_EX, &to));
}

static int
which_signal(void)
{
	return said(fcntl(stream(), F_SETSIG, SIGTERM));
}

static int
async_flag(void)
{
	return said(fcntl(stream(), F_SETFL, O_RDWR | O_NONBLOCK | O_ASYNC));
}

static int
async_ioctl(void)
{
	int on = 1;

	return said(ioctl(stream(), FIOASYNC, &on));
}

static int
owner_ioctl(void)
{
	int to = getppid();

	return said(ioctl(stream(), FIOSETOWN, &to));
}

static int
group_ioctl(void)
{
	int to = getppid();

	return said(ioctl(stream(), SIOCSPGRP, &to));
}

static int
interfaces(void)
{
	struct ifreq request = {.ifr_name = "lo"};

	return said(ioctl(stream(), SIOCGIFFLAGS, &request));
}

static int
lease(void)
{
	return said(fcntl(STDIN_FILENO, F_NOTIFY, 1));
}

static int
copy_descriptor(void)
{
	return said(fcntl(STDIN_FILENO, F_DUPFD, 0));
}

static int
timer(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_NONE};
	int id;

	return said(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
}

static int
signal_by_descriptor(void)
{
	return said(syscall(SYS_pidfd_open, getppid(), 0));
}

static int
signal_thread(void)
{
	return said(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

/* --- taking back what was given up ------------------------------------------------------------------ */

static int
dumpable(void)
{
	return said(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int
outlive_parent(void)
{
	return said(prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0));
}

static int
limit_of_parent(void)
{
	struct rlimit limit;

	return said(prlimit(getppid(), RLIMIT_NOFILE, NULL, &limit));
}

static int
clone_by_structure(void)
{
	return said(syscall(SYS_clone3, NULL, 0));
}

static int
io_uring(void)
{
	return said(syscall(SYS_io_uring_setup, 1, NULL));
}

/* --- what it does all the time ------------------------------------------------------------------------ */

static int
does_its_work(void)
{
	struct sockaddr_in to = database_address();
	int on = 1;
	int error = 1;
	int tcp = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
	socklen_t size = sizeof(error);

	if (fcntl(udp, F_SETFL, fcntl(udp, F_GETFL) | O_NONBLOCK) != 0 ||
	    fcntl(udp, F_SETFD, fcntl(udp, F_GETFD) | FD_CLOEXEC) != 0 ||
	    ioctl(tcp, FIONBIO, &on) != 0 || fcntl(udp, F_DUPFD_CLOEXEC, 100) < 0)
		return errno;
	if (setsockopt(tcp, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
	    setsockopt(tcp, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) != 0 ||
	    getsockopt(tcp, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		return errno;
	return said(sendto(udp, "x", 1, MSG_NOSIGNAL, (struct sockaddr *) &to, sizeof(to)));
}

static const struct
{
	const char *name;
	int (*attempt)(void);
} attempts[] = {{"read", read_file},
                {"write", write_file},
                {"stat", look_around},
                {"unix", unix_socket},
                {"inet", inet_socket},
                {"smtp", smtp},
                {"dns", dns},
                {"database", database},
                {"listen", serve},
                {"fork", another_process},
                {"exec", another_program},
                {"signal", signal_parent},
                {"shm", shared_memory},
                {"code", code_of_its_own},
                {"limit", raise_limit},
                {"much", much_memory},
                {"some", some_memory},
                {"abort", fail_loudly},
                {"fast_sendto", fast_sendto},
                {"fast_wide", fast_wide},
                {"fast_sendmsg", fast_sendmsg},
                {"fast_sendmmsg", fast_sendmmsg},
                {"hand_over", hand_over},
                {"fast_connect", fast_connect},
                {"fast_option", fast_option},
                {"kernel_protocol", kernel_protocol},
                {"kernel_filter", kernel_filter},
                {"same_port", same_port},
                {"multicast", multicast},
                {"learn_option", learn_option},
                {"mptcp", mptcp},
                {"mptcp_v6", mptcp_v6},
                {"sctp", sctp},
                {"udplite", udplite},
                {"ping_socket", ping_socket},
                {"raw", raw},
                {"seqpacket", seqpacket},
                {"packet", packet},
                {"netlink", netlink},
                {"vsock", vsock},
                {"smc", smc},
                {"kernel_crypto", kernel_crypto},
                {"owner", owner},
                {"owner_ex", owner_ex},
                {"which_signal", which_signal},
                {"async_flag", async_flag},
                {"async_ioctl", async_ioctl},
                {"owner_ioctl", owner_ioctl},
                {"group_ioctl", group_ioctl},
                {"interfaces", interfaces},
                {"lease", lease},
                {"copy_descriptor", copy_descriptor},
                {"timer", timer},
                {"signal_by_descriptor", signal_by_descriptor},
                {"signal_thread", signal_thread},
                {"dumpable", dumpable},
                {"outlive_parent", outlive_parent},
                {"limit_of_parent", limit_of_parent},
                {"clone_by_structure", clone_by_structure},
                {"io_uring", io_uring},
                {"does_its_work", does_its_work}};

static uint32_t
give_up(const char *what)
{
	struct ev_prober_config config;
	struct ev_ports ports;

	ev_prober_config_default(&config);
	config.smtp_port = 2525;
	strcpy(config.dns_servers, "127.0.0.1:5353");
	ports = ev_ports_of(&config);
	if (strcmp(what, "all") == 0)
		return ev_confine(&config, ev_confine_limits(&config));
	if (strcmp(what, "none") == 0)
		return 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return 0;
	if (strcmp(what, "landlock") == 0)
		return ev_confine_landlock(&ports);
	return ev_confine_syscalls() ? EV_CONFINED_SYSCALLS : 0;
}

/* In a process of its own: 255 to ask what could be given up, else the number of an attempt. */
static int
in_process(const char *what, size_t number)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
	{
		uint32_t had = give_up(what);

		_exit(number == 255 ? (int) had : attempts[number].attempt());
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		exit(1);
	return status;
}

int
main(int argc, char **argv)
{
	char text[EV_CONFINEMENT_TEXT_SIZE];

	if (argc != 2)
		return 1;
	ev_confinement_text((uint32_t) WEXITSTATUS(in_process(argv[1], 255)), text);
	printf("had: %s\n", text);
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
	{
		int status = in_process(argv[1], i);

		if (WIFSIGNALED(status))
			printf("%s: signal %d\n", attempts[i].name, WTERMSIG(status));
		else
			printf("%s: %s\n", attempts[i].name,
			       WEXITSTATUS(status) == 0 ? "ok" : strerrorname_np(WEXITSTATUS(status)));
	}
	return 0;
}
