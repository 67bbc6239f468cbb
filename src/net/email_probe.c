/*
 * email_probe.c
 *	  The prober as a command: verifies addresses and shows the dialogue and the verdict.
 *
 * Exit status: 0 valid, 1 invalid, 2 risky or catchall, 3 unknown; of several addresses the
 * highest. 64 for a wrong use, 70 for trouble of our own.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "net/probe_output.h"

#define EXIT_USAGE    64
#define EXIT_INTERNAL 70
#define LINES_MAX     20000 /* of one address' dialogue */

enum option_id
{
	OPT_DNS = 256,
	OPT_DNS_TIMEOUT,
	OPT_DNS_TRIES,
	OPT_PORT,
	OPT_HELO,
	OPT_FROM,
	OPT_SOURCE,
	OPT_T_CONNECT,
	OPT_T_GREETING,
	OPT_T_EHLO,
	OPT_T_MAIL,
	OPT_T_RCPT,
	OPT_T_ALL,
	OPT_SESSIONS,
	OPT_MAX_REFUSED,
	OPT_ALLOW_PRIVATE,
	OPT_ALLOW_LOOPBACK,
	OPT_NO_TLS,
	OPT_DNS_ONLY,
	OPT_LAST_IP,
	OPT_VERSION
};

static const struct option options[] = {
	{"dns", required_argument, NULL, OPT_DNS},
	{"dns-timeout", required_argument, NULL, OPT_DNS_TIMEOUT},
	{"dns-tries", required_argument, NULL, OPT_DNS_TRIES},
	{"port", required_argument, NULL, OPT_PORT},
	{"helo", required_argument, NULL, OPT_HELO},
	{"from", required_argument, NULL, OPT_FROM},
	{"source", required_argument, NULL, OPT_SOURCE},
	{"timeout-connect", required_argument, NULL, OPT_T_CONNECT},
	{"timeout-greeting", required_argument, NULL, OPT_T_GREETING},
	{"timeout-ehlo", required_argument, NULL, OPT_T_EHLO},
	{"timeout-mail", required_argument, NULL, OPT_T_MAIL},
	{"timeout-rcpt", required_argument, NULL, OPT_T_RCPT},
	{"timeout-all", required_argument, NULL, OPT_T_ALL},
	{"sessions", required_argument, NULL, OPT_SESSIONS},
	{"max-refused", required_argument, NULL, OPT_MAX_REFUSED},
	{"last-ip", required_argument, NULL, OPT_LAST_IP},
	{"allow-private", no_argument, NULL, OPT_ALLOW_PRIVATE},
	{"allow-loopback", no_argument, NULL, OPT_ALLOW_LOOPBACK},
	{"no-tls", no_argument, NULL, OPT_NO_TLS},
	{"dns-only", no_argument, NULL, OPT_DNS_ONLY},
	{"ipv4", no_argument, NULL, '4'},
	{"ipv6", no_argument, NULL, '6'},
	{"json", no_argument, NULL, 'j'},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

static const char help[] =
	"email_probe verifies e-mail addresses by DNS and SMTP; it never sends a message.\n"
	"\n"
	"Usage: email_probe [OPTION]... ADDRESS...\n"
	"\n"
	"Who we are (without both, only DNS is asked):\n"
	"      --helo=NAME            EHLO name, the name of our address\n"
	"      --from=ADDRESS         MAIL FROM, a mailbox that exists\n"
	"      --source=IP            connect from this address; once for each family\n"
	"\n"
	"Whom we ask:\n"
	"      --dns=HOST:PORT[,...]  name servers (default: /etc/resolv.conf)\n"
	"      --dns-timeout=SECONDS  for one try (default 3)\n"
	"      --dns-tries=N          (default 3)\n"
	"      --dns-only             do not connect to mail servers\n"
	"      --port=N               SMTP port (default 25)\n"
	"  -4, --ipv4                 use IPv4 (the default)\n"
	"  -6, --ipv6                 use IPv6; with both options, IPv4 first\n"
	"      --allow-private        connect to private and loopback addresses too\n"
	"      --allow-loopback       connect to loopback addresses, but to no other private ones\n"
	"      --no-tls               no STARTTLS\n"
	"      --last-ip=IP           the mail server's address asked last time, if there are several\n"
	"\n"
	"For how long, in seconds (fractions allowed):\n"
	"      --timeout-connect=S    (default 30)\n"
	"      --timeout-greeting=S   (default 60)\n"
	"      --timeout-ehlo=S       EHLO, STARTTLS (default 60)\n"
	"      --timeout-mail=S       (default 60)\n"
	"      --timeout-rcpt=S       (default 90)\n"
	"      --timeout-all=S        the session as a whole (default 300)\n"
	"      --sessions=N           at once (default 200)\n"
	"      --max-refused=N        recipients a session, 0 for no limit (default 3)\n"
	"\n"
	"Output:\n"
	"  -j, --json                 one JSON object a line for each address\n"
	"  -q, --quiet                no dialogue, or no output at all if given twice\n"
	"  -h, --help\n"
	"      --version\n"
	"\n"
	"Exit status: 0 valid, 1 invalid, 2 risky or catchall, 3 unknown (of several addresses the\n"
	"highest), 64 wrong use, 70 trouble of our own.\n";

struct settings
{
	struct ev_prober_config config;
	bool dns_only;
	bool json;
	int quiet;
	char last_ip[EV_IP_TEXT_MAX + 1];
};

static void
fail_usage(const char *what, const char *value)
{
	fprintf(stderr, "email_probe: %s%s%s\nTry \"email_probe --help\".\n", what,
	        value != NULL ? ": " : "", value != NULL ? value : "");
	exit(EXIT_USAGE);
}

static void
set_text(char *to, size_t size, const char *value)
{
	if (strlen(value) >= size)
		fail_usage("too long", value);
	strcpy(to, value);
}

static uint32_t
number(const char *value, double factor, double min, double max)
{
	char *end;
	double d;

	errno = 0;
	d = strtod(value, &end) * factor;
	if (end == value || *end != '\0' || errno != 0 || !(d >= min && d <= max))
		fail_usage("not a sensible number", value);
	return (uint32_t) d;
}

static uint32_t
milliseconds(const char *value)
{
	return number(value, 1000.0, 1.0, 3600000.0);
}

static void
read_options(int argc, char **argv, struct settings *settings)
{
	struct ev_prober_config *config = &settings->config;
	bool v4 = false;
	bool v6 = false;
	int c;

	while ((c = getopt_long(argc, argv, "46jqh", options, NULL)) != -1)
	{
		switch (c)
		{
			case OPT_DNS: set_text(config->dns_servers, sizeof(config->dns_servers), optarg); break;
			case OPT_DNS_TIMEOUT: config->dns_timeout = milliseconds(optarg); break;
			case OPT_DNS_TRIES: config->dns_tries = number(optarg, 1, 1, 10); break;
			case OPT_PORT: config->smtp_port = (uint16_t) number(optarg, 1, 1, 65535); break;
			case OPT_HELO: set_text(config->helo_name, sizeof(config->helo_name), optarg); break;
			case OPT_FROM: set_text(config->mail_from, sizeof(config->mail_from), optarg); break;
			case OPT_SOURCE:
				if (strchr(optarg, ':') != NULL)
					set_text(config->source_v6, sizeof(config->source_v6), optarg);
				else
					set_text(config->source_v4, sizeof(config->source_v4), optarg);
				break;
			case OPT_T_CONNECT: config->timeout.connect = milliseconds(optarg); break;
			case OPT_T_GREETING: config->timeout.greeting = milliseconds(optarg); break;
			case OPT_T_EHLO: config->timeout.ehlo = milliseconds(optarg); break;
			case OPT_T_MAIL: config->timeout.mail = milliseconds(optarg); break;
			case OPT_T_RCPT: config->timeout.rcpt = milliseconds(optarg); break;
			case OPT_T_ALL: config->timeout.session = milliseconds(optarg); break;
			case OPT_SESSIONS: config->max_sessions = number(optarg, 1, 1, 10000); break;
			case OPT_MAX_REFUSED:
				config->max_refused = (uint16_t) number(optarg, 1, 0, 65535);
				break;
			case OPT_LAST_IP: set_text(settings->last_ip, sizeof(settings->last_ip), optarg); break;
			case OPT_ALLOW_PRIVATE: config->allow_private = true; break;
			case OPT_ALLOW_LOOPBACK: config->allow_loopback = true; break;
			case OPT_NO_TLS: config->use_tls = false; break;
			case OPT_DNS_ONLY: settings->dns_only = true; break;
			case '4': v4 = true; break;
			case '6': v6 = true; break;
			case 'j': settings->json = true; break;
			case 'q': settings->quiet++; break;
			case 'h': fputs(help, stdout); exit(0);
			case OPT_VERSION: puts("email_probe (email_verify) 1.0"); exit(0);
			default: fail_usage("wrong option", NULL);
		}
	}
	if (v4 || v6)
	{
		config->use_v4 = v4;
		config->use_v6 = v6;
	}
	if (optind == argc)
		fail_usage("no address given", NULL);
	config->trace = settings->quiet == 0;
}

/* Syntax, and the request if that is sound.  False when the verdict is known by that. */
static bool
prepare(struct ev_probe *probe, const struct settings *settings, struct ev_request *request)
{
	struct ev_syntax syntax;
	enum ev_detail fault = EV_DETAIL_NONE;

	memset(request, 0, sizeof(*request));
	if (ev_syntax_parse(probe->address, strlen(probe->address), EV_SYNTAX_INTERNET, &syntax))
		fault = ev_address_from(probe->address, &syntax, &request->address);
	else
		fault = syntax.fault;
	if (fault != EV_DETAIL_NONE)
	{
		probe->result.verdict = ev_verdict_of(EV_REASON_INVALID_SYNTAX, fault);
		probe->result.evidence.stage = EV_STAGE_SYNTAX;
		probe->done = true;
		return false;
	}
	if (settings->dns_only)
	{
		request->dns_only = true;
		request->dns_only_detail = EV_DETAIL_MODE_DNS;
	}
	strcpy(request->last_ip, settings->last_ip);
	return true;
}

static void
keep_line(struct ev_probe *probe, const struct ev_trace *line)
{
	if (probe->n_lines == probe->max_lines)
	{
		size_t more = probe->max_lines > 0 ? probe->max_lines * 2 : 64;
		struct ev_trace *lines;

		if (more > LINES_MAX)
			return;
		lines = realloc(probe->lines, more * sizeof(*lines));
		if (lines == NULL)
			return;
		probe->lines = lines;
		probe->max_lines = more;
	}
	probe->lines[probe->n_lines++] = *line;
}

/* Hand a message to the addresses that it concerns. */
static void
take(struct ev_probe *probes, const struct ev_request *requests, size_t n,
     const struct ev_message *message)
{
	switch (message->type)
	{
		case EV_MESSAGE_RESULT:
			probes[message->u.result.id].result = message->u.result;
			probes[message->u.result.id].done = true;
			break;
		case EV_MESSAGE_TRACE: keep_line(&probes[message->u.trace.id], &message->u.trace); break;
		case EV_MESSAGE_DOMAIN_FACT:
			for (size_t i = 0; i < n; i++)
			{
				if (strcmp(requests[i].address.domain, message->u.domain.domain) != 0)
					continue;
				probes[i].has_domain = true;
				probes[i].domain = message->u.domain;
			}
			break;
		case EV_MESSAGE_HOST_FACT:
			for (size_t i = 0; i < n; i++)
			{
				if (strcmp(requests[i].address.domain, message->u.host.domain) == 0 &&
				    probes[i].n_hosts < EV_DOMAIN_HOSTS)
					probes[i].hosts[probes[i].n_hosts++] = message->u.host;
			}
			break;
		case EV_MESSAGE_FINDING: break; /* nobody examines us here */
		case EV_MESSAGE_EGRESS: break;  /* the results say so */
		case EV_MESSAGE_END: break;     /* this one is in our own process */
	}
}

/* Run until every request has its result and every session has ended. */
static void
run(struct ev_prober *prober, struct ev_probe *probes, struct ev_request *requests, size_t n,
    const size_t *order, size_t n_requests)
{
	size_t submitted = 0;

	for (;;)
	{
		struct ev_message message;
		struct pollfd fd = {.fd = ev_prober_fd(prober), .events = POLLIN};
		int deadline;

		while (submitted < n_requests &&
		       ev_prober_submit(prober, &requests[order[submitted]], 1) == 1)
			submitted++;
		ev_prober_run(prober);
		while (ev_prober_collect(prober, &message, 1) == 1)
			take(probes, requests, n, &message);
		deadline = ev_prober_deadline(prober);
		if (deadline < 0 && submitted == n_requests)
			return;
		if (deadline != 0)
			poll(&fd, 1, deadline);
	}
}

static int
exit_status(const struct ev_verdict *verdict)
{
	switch (verdict->status)
	{
		case EV_STATUS_VALID:
		case EV_STATUS_ROLE: return 0;
		case EV_STATUS_INVALID:
		case EV_STATUS_DISPOSABLE: return 1;
		case EV_STATUS_RISKY:
		case EV_STATUS_CATCHALL: return 2;
		default: return 3;
	}
}

int
main(int argc, char **argv)
{
	struct settings settings = {.dns_only = false};
	struct ev_prober *prober;
	struct ev_probe *probes;
	struct ev_request *requests;
	size_t *order;
	size_t n;
	size_t n_requests = 0;
	char error[256];
	int status = 0;

	ev_prober_config_default(&settings.config);
	read_options(argc, argv, &settings);
	prober = ev_prober_create(&settings.config, error, sizeof(error));
	if (prober == NULL)
		fail_usage(error, NULL);
	n = (size_t) (argc - optind);
	probes = calloc(n, sizeof(*probes));
	requests = calloc(n, sizeof(*requests));
	order = calloc(n, sizeof(*order));
	if (probes == NULL || requests == NULL || order == NULL)
		exit(EXIT_INTERNAL);
	for (size_t i = 0; i < n; i++)
	{
		probes[i].address = argv[optind + (int) i];
		if (prepare(&probes[i], &settings, &requests[i]))
			order[n_requests++] = i;
		requests[i].id = i;
	}

	run(prober, probes, requests, n, order, n_requests);
	for (size_t i = 0; i < n; i++)
	{
		int one = probes[i].done ? exit_status(&probes[i].result.verdict) : EXIT_INTERNAL;

		if (settings.json && settings.quiet < 2)
			ev_probe_print_json(stdout, &probes[i]);
		else if (settings.quiet < 2)
			ev_probe_print_text(stdout, &probes[i]);
		if (one > status)
			status = one;
		free(probes[i].lines);
	}
	ev_prober_destroy(prober);
	free(probes);
	free(requests);
	free(order);
	if (fflush(stdout) != 0)
		status = EXIT_INTERNAL;
	return status;
}
