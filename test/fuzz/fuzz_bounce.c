/*
 * fuzz_bounce.c
 *	  Any bytes as a bounce, log line, event, and as a sentence about a delivery.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/bounce.h"
#include "engine/bounce_internal.h"
#include "engine/diagnose.h"

#include "fuzz.h"

#define ROWS 8

static void
check_ascii(const char *field, size_t size)
{
	size_t n = strnlen(field, size);

	CHECK(n < size);
	for (size_t i = 0; i < n; i++)
		CHECK(field[i] >= 0x20 && field[i] < 0x7f);
}

static void
check_row(const struct ev_bounce *row)
{
	CHECK(strnlen(row->final_recipient, sizeof(row->final_recipient)) <= EV_BOUNCE_RECIPIENT_MAX);
	CHECK(strnlen(row->original_recipient, sizeof(row->original_recipient)) <=
	      EV_BOUNCE_RECIPIENT_MAX);
	check_ascii(row->diagnostic, sizeof(row->diagnostic));
	check_ascii(row->remote_mta, sizeof(row->remote_mta));
	check_ascii(row->rule, sizeof(row->rule));
	CHECK(row->format != NULL && row->kind < EV_N_BOUNCE_KIND && row->confidence <= 100);
	CHECK(ev_bounce_kind_label(row->kind) != NULL);
	ev_bounce_action_label(row->action);
	ev_bounce_scope_label(row->scope);
	ev_bounce_permanence_label(row->permanence);
	ev_bounce_refuser_label(row->refused_by);
	if (row->rule[0] == '\0')
		return;
	CHECK(row->verdict.status == ev_reason_info(row->verdict.reason)->status);
	/* a refusal that may pass condemns nobody, nor does one that is not about the address */
	if (row->kind == EV_KIND_NOT_SENT)
		CHECK(row->verdict.reason == EV_REASON_SUPPRESSED &&
		      row->refused_by == EV_REFUSED_BY_LOCAL);
	else if (row->verdict.status == EV_STATUS_INVALID)
	{
		CHECK(row->kind == EV_KIND_DSN);
		CHECK(row->reply_code == 0 || row->reply_code / 100 == 5);
		CHECK(row->scope == EV_SCOPE_MAILBOX || row->scope == EV_SCOPE_DOMAIN);
	}
	if (row->verdict.status == EV_STATUS_UNKNOWN)
		CHECK(row->verdict.detail != EV_DETAIL_NONE || row->verdict.reason == EV_REASON_PENDING ||
		      row->verdict.reason == EV_REASON_GOOGLE_DMARC_MISALIGNMENT);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ev_bounce_work work;
	static struct ev_bounce rows[ROWS + 1];
	/* without room behind it, so that ASan sees a byte too far */
	char *message = malloc(size > 0 ? size : 1);
	struct ev_diagnose_context context = {.recipient = "user.unknown@spam.example"};
	struct ev_diagnosis diagnosis;
	struct ev_said said;
	size_t n;

	memcpy(message, data, size);
	n = ev_bounce_read(message, size, &work, rows, ROWS);
	CHECK(n <= ROWS);
	for (size_t i = 0; i < n; i++)
		check_row(&rows[i]);

	ev_said_parse((struct ev_slice){message, size}, &said);
	for (int bounce = 0; bounce < 2; bounce++)
	{
		context.bounce = bounce == 1;
		ev_diagnose(&said, &context, &work.reply, &diagnosis);
		CHECK(diagnosis.finding.rule[0] != '\0');
		if (work.reply.code < 500 && !diagnosis.finding.accepted)
			CHECK(ev_reason_info(diagnosis.finding.reason)->status != EV_STATUS_INVALID);
		ev_diagnose_permanence(&diagnosis, work.reply.code / 100);
	}
	free(message);
	return 0;
}
