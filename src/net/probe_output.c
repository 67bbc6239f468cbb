/*
 * probe_output.c
 *	  The words of email_probe.
 */
#include "net/probe_output.h"

#include <inttypes.h>
#include <string.h>

#include "engine/opt_out.h"
#include "engine/sanitize.h"

static const char *const random_words[] = {
	"unknown", "refused", "accepted", "temp_fail", "timeout", "closed", "other_host",
};

static const char *
random_word(unsigned random)
{
	return random < sizeof(random_words) / sizeof(random_words[0]) ? random_words[random]
	                                                               : "unknown";
}

/* A JSON string; text that is no printable ASCII is escaped byte by byte first. */
static void
put_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++)
	{
		unsigned char c = (unsigned char) *text;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < ' ' || c == 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out); /* UTF-8 of an address, as it was given */
	}
	fputc('"', out);
}

static void
put_member(FILE *out, const char *name, const char *text)
{
	fprintf(out, "\"%s\":", name);
	if (text == NULL || text[0] == '\0')
		fputs("null", out);
	else
		put_string(out, text);
}

static const char *
word(bool value)
{
	return value ? "true" : "false";
}

static void
put_evidence(FILE *out, const struct ev_evidence *evidence)
{
	fputs(",\"evidence\":{", out);
	put_member(out, "stage", ev_stage_label((enum ev_stage) evidence->stage));
	fprintf(out, ",\"tls\":%s,\"code\":%u,", word(evidence->tls), evidence->code);
	put_member(out, "enhanced", evidence->enhanced);
	fputc(',', out);
	put_member(out, "rule", evidence->rule);
	fputc(',', out);
	put_member(out, "host", evidence->host);
	fputc(',', out);
	put_member(out, "ip", evidence->address);
	fputc(',', out);
	put_member(out, "text", evidence->text);
	fputc('}', out);
}

static void
put_domain(FILE *out, const struct ev_domain_fact *fact)
{
	static const char *const spf_words[] = {"none",  "nobody",   "fail_all",
	                                        "other", "redirect", "invalid"};

	fputs(",\"domain\":{", out);
	put_member(out, "name", fact->domain);
	fprintf(out, ",\"takes_mail\":%s,\"implicit_mx\":%s,", word(fact->reason == EV_REASON_PENDING),
	        word(fact->implicit_mx));
	put_member(out, "spf", fact->spf < 6 ? spf_words[fact->spf] : NULL);
	fprintf(out, ",\"opt_out\":%s,\"ttl\":%" PRIu32 ",\"mx\":[",
	        fact->opt_out == EV_OPT_OUT_UNASKED ? "null" : word(fact->opt_out == EV_OPT_OUT_YES),
	        fact->ttl);
	for (uint8_t i = 0; i < fact->n_hosts; i++)
	{
		fputs(i > 0 ? "," : "", out);
		put_string(out, fact->hosts[i]);
	}
	fputs("]}", out);
}

void
ev_probe_print_json(FILE *out, const struct ev_probe *probe)
{
	const struct ev_result *result = &probe->result;
	const struct ev_verdict *verdict = &result->verdict;

	fputc('{', out);
	put_member(out, "address", probe->address);
	fputc(',', out);
	put_member(out, "status", ev_status_label(verdict->status));
	fputc(',', out);
	put_member(out, "reason", ev_reason_info(verdict->reason)->label);
	fputc(',', out);
	put_member(out, "detail", ev_detail_info(verdict->detail)->label);
	fprintf(out, ",\"retryable\":%s,\"put_back\":%s,\"confirm\":%s,\"probed\":%s",
	        word(ev_reason_info(verdict->reason)->retryable), word(result->put_back),
	        word(result->confirm), word(result->probed));
	fprintf(out, ",\"retry_after\":%" PRIu32 ",\"mx_fingerprint\":\"%016" PRIx64 "\"",
	        result->retry_after, result->mx_fingerprint);
	put_evidence(out, &result->evidence);
	if (probe->has_domain)
		put_domain(out, &probe->domain);
	fputs(",\"hosts\":[", out);
	for (size_t i = 0; i < probe->n_hosts; i++)
	{
		const struct ev_host_fact *fact = &probe->hosts[i];

		fputs(i > 0 ? ",{" : "{", out);
		put_member(out, "host", fact->host);
		fputc(',', out);
		put_member(out, "random", random_word(fact->random));
		fprintf(out, ",\"accepted\":%s,", word(fact->accepted));
		put_member(out, "random_local", fact->random_local);
		fputc('}', out);
	}
	fputs("],\"dialogue\":[", out);
	for (size_t i = 0; i < probe->n_lines; i++)
	{
		char line[EV_PEER_TEXT_MAX + 3];

		snprintf(line, sizeof(line), "%c %s", probe->lines[i].direction, probe->lines[i].text);
		fputs(i > 0 ? "," : "", out);
		put_string(out, line);
	}
	fputs("]}\n", out);
}

void
ev_probe_print_text(FILE *out, const struct ev_probe *probe)
{
	const struct ev_verdict *verdict = &probe->result.verdict;
	const struct ev_evidence *evidence = &probe->result.evidence;
	const struct ev_reason_info *reason = ev_reason_info(verdict->reason);
	const struct ev_detail_info *detail = ev_detail_info(verdict->detail);
	char address[4 * EV_ADDRESS_MAX];

	for (size_t i = 0; i < probe->n_lines; i++)
		fprintf(out, "%c %s\n", probe->lines[i].direction, probe->lines[i].text);
	ev_sanitize(probe->address, strlen(probe->address), address, sizeof(address));
	fprintf(out, "%s: %s %s%s%s%s\n", address, ev_status_label(verdict->status), reason->label,
	        detail->label != NULL ? " " : "", detail->label != NULL ? detail->label : "",
	        probe->result.put_back ? " (to be asked again)" : "");
	fprintf(out, "    %s\n", reason->description);
	if (detail->label != NULL)
		fprintf(out, "    %s\n", detail->description);
	if (evidence->host[0] != '\0')
		fprintf(out, "    %s [%s], %s%s%s%s\n", evidence->host, evidence->address,
		        evidence->stage != 0 ? ev_stage_label((enum ev_stage) evidence->stage) : "",
		        evidence->tls ? ", TLS" : "", evidence->rule[0] != '\0' ? ", rule " : "",
		        evidence->rule);
}
