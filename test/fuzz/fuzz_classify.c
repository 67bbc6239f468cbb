/*
 * fuzz_classify.c
 *	  Any bytes as a reply, through masking, rules and judgement.
 *
 * Input: stage, provider, flags, two bytes of code, then the local part up to a NUL, then the text.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/judge.h"
#include "engine/sanitize.h"

#include "fuzz.h"

static void
check_finding(const struct ev_reply *reply, const struct ev_finding *finding)
{
	CHECK(finding->rule[0] != '\0' && strlen(finding->rule) <= EV_RULE_MAX);
	CHECK(finding->accepted == (reply->code / 100 == 2));
	CHECK(finding->retry_after <= 86400);
	if (reply->code < 500 && !finding->accepted)
		CHECK(ev_reason_info(finding->reason)->status != EV_STATUS_INVALID);
}

static void
check_judgement(const struct ev_case *c, const struct ev_judgement *judgement)
{
	const struct ev_verdict *verdict = &judgement->verdict;

	CHECK(verdict->status == ev_reason_info(verdict->reason)->status);
	CHECK(verdict->reason != EV_REASON_PENDING);
	CHECK(!judgement->put_back || verdict->status == EV_STATUS_UNKNOWN);
	if (verdict->status == EV_STATUS_UNKNOWN && !judgement->put_back)
		CHECK(verdict->detail != EV_DETAIL_NONE);
	if (verdict->status == EV_STATUS_VALID)
		CHECK(c->finding.accepted && c->random == EV_RANDOM_REFUSED);
	if (verdict->status == EV_STATUS_INVALID)
		CHECK(!c->finding.accepted && !c->finding.temporary && c->stage >= EV_STAGE_MAIL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ev_reply reply;
	struct ev_mask_terms terms = {.domain = "corp.com", .sender = "check@lab.example.com"};
	struct ev_enhanced none = {0, 0, 0};
	struct ev_case c = {.outcome = EV_OUTCOME_REPLY};
	char local[EV_LOCAL_MAX + 1];
	char shown[EV_PEER_TEXT_MAX + 1];
	struct ev_judgement judgement;
	size_t len;

	if (size < 5)
		return 0;
	c.stage = (enum ev_stage)(data[0] % EV_N_STAGE);
	c.provider = (enum ev_provider)(data[1] % EV_N_PROVIDER);
	c.trust = ev_provider_trust(c.provider);
	c.trust.accept ^= data[2] & 1;
	c.trust.reject ^= data[2] >> 1 & 1;
	c.trust.needs_control ^= data[2] >> 6 & 1;
	c.random = (enum ev_random)(data[2] >> 2 & 3);
	c.control = (enum ev_control)((data[2] >> 4 & 3) % 3);
	reply.code = (uint16_t) (200 + (data[3] << 8 | data[4]) % 400);
	reply.lines = 1;
	data += 5;
	size -= 5;

	len = strnlen((const char *) data, size < EV_LOCAL_MAX ? size : EV_LOCAL_MAX);
	memcpy(local, data, len);
	local[len] = '\0';
	terms.local = local;
	if (len < size)
		len++;
	data += len;
	size -= len;

	reply.text_len = (uint16_t) (size < EV_REPLY_TEXT_MAX ? size : EV_REPLY_TEXT_MAX);
	memcpy(reply.text, data, reply.text_len);
	reply.text[reply.text_len] = '\0';
	reply.enhanced = none;
	if (!ev_enhanced_parse(reply.text, reply.text_len, &reply.enhanced, &len) ||
	    reply.enhanced.klass != reply.code / 100)
		reply.enhanced = none;

	ev_classify(&reply, c.stage, c.provider, (data - 1)[0] & 1, &terms, &c.finding);
	check_finding(&reply, &c.finding);
	ev_judge(&c, &judgement);
	check_judgement(&c, &judgement);
	ev_random_from(EV_OUTCOME_REPLY, &c.finding);

	len = ev_sanitize(reply.text, reply.text_len, shown, sizeof(shown));
	CHECK(len < sizeof(shown) && strlen(shown) == len);
	for (size_t i = 0; i < len; i++)
		CHECK(shown[i] >= 0x20 && shown[i] < 0x7f);
	return 0;
}
