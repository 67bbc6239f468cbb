/*
 * smtp_peer.c
 *		A scripted SMTP server for tests: start-up and shut-down.
 *
 *		smtp_peer -c CONFIG -p SMTP-PORT -C CONTROL-PORT [-t CERT.pem -k KEY.pem]
 *
 * Listens on every address of the configuration at one port, tells each client what the
 * configuration says, never accepts a message, and counts what the clients did.  Prints "ready"
 * and closes nothing but itself on SIGTERM or SIGINT.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "peer.h"

Peer peer;

static void
on_signal(uv_signal_t *handle, int signum)
{
	(void) signum;
	uv_stop(handle->loop);
}

/* Thousands of sessions need thousands of descriptors; take what the hard limit allows. */
static void
raise_descriptors(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < rl.rlim_max)
	{
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}

static void
set_defaults(PeerConf *c)
{
	c->ehlo = 1;
	strcpy(c->ext, "PIPELINING,SIZE 10240000,STARTTLS,ENHANCEDSTATUSCODES,8BITMIME,DSN,SMTPUTF8");
	strcpy(c->reply[ST_BANNER], "220 %h ESMTP");
}

int
main(int argc, char **argv)
{
	static uv_loop_t loop;
	static uv_signal_t term;
	static uv_signal_t intr;
	const char *config = NULL;
	const char *cert = NULL;
	const char *key = NULL;
	int opt;

	while ((opt = getopt(argc, argv, "c:p:C:t:k:")) != -1)
	{
		switch (opt)
		{
			case 'c': config = optarg; break;
			case 'p': peer.smtp_port = atoi(optarg); break;
			case 'C': peer.ctl_port = atoi(optarg); break;
			case 't': cert = optarg; break;
			case 'k': key = optarg; break;
			default: config = NULL; optind = argc;
		}
	}
	if (!config || peer.smtp_port <= 0 || peer.ctl_port <= 0)
	{
		fprintf(stderr, "usage: %s -c CONFIG -p SMTP-PORT -C CONTROL-PORT [-t CERT -k KEY]\n",
		        argv[0]);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	raise_descriptors();
	uv_loop_init(&loop);
	peer.loop = &loop;
	set_defaults(&peer.defaults);
	if (cert && key && !peer_tls_setup(cert, key))
		return 1;
	if (!peer_conf_load(config) || !peer_listen_all() || !peer_ctl_listen(peer.ctl_port))
		return 1;
	uv_signal_init(&loop, &term);
	uv_signal_start(&term, on_signal, SIGTERM);
	uv_signal_init(&loop, &intr);
	uv_signal_start(&intr, on_signal, SIGINT);
	puts("ready");
	fflush(stdout);
	uv_run(&loop, UV_RUN_DEFAULT);

	/* the process is about to end, and the kernel takes back the rest */
	SSL_CTX_free(peer.tls);
	return 0;
}
