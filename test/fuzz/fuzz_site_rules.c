/*
 * fuzz_site_rules.c
 *	  Any words as a site's rule, held against any bytes as a reply.
 *
 * Input: flags, reply code, then the rule's words and the reply's text, divided by NULs.  Held: a
 * pattern that has been brought into form stays as it is; a rule that is taken is sound, also after
 * its way to a prober's process; it never makes a temporary refusal `invalid`, nor any reply valid.
 */
#include <string.h>

#include "net/pipe_frame.h"

#include "fuzz.h"

#define WORD_SIZE 300

/* The next word; NULL when it is empty. */
static const char *
next_word(const uint8_t **data, size_t *size, char *out)
{
	size_t n = strnlen((const char *) *data, *size < WORD_SIZE - 1 ? *size : WORD_SIZE - 1);

	memcpy(out, *data, n);
	out[n] = '\0';
	*data += n;
	*size -= n;
	if (*size > 0 && **data == '\0')
	{
		++*data;
		--*size;
	}
	return n == 0 ? NULL : out;
}

static const char *
normal_pattern(const char *pattern, char *out)
{
	char again[WORD_SIZE];
	size_t n;

	if (pattern == NULL)
		return NULL;
	n = ev_site_pattern_normalize(pattern, strlen(pattern), out, WORD_SIZE);
	CHECK(n < WORD_SIZE && strlen(out) == n);
	CHECK(ev_site_pattern_normalize(out, n, again, WORD_SIZE) == n && strcmp(out, again) == 0);
	return out;
}

static void
check_frame(const struct ev_site_rule *rule)
{
	uint8_t frame[EV_FRAME_SIZE];
	struct ev_site_rule other;
	size_t n = ev_frame_rule(frame, rule);

	CHECK(n <= EV_FRAME_SIZE);
	CHECK(ev_frame_read_rule(frame + EV_FRAME_HEADER, n - EV_FRAME_HEADER, &other) == NULL);
	CHECK(memcmp(rule, &other, sizeof(other)) == 0);
}

static void
check_reply(const struct ev_site_rule *rule, const struct ev_reply *reply, const char *local)
{
	struct ev_mask_terms terms = {.local = local, .domain = "corp.com"};
	struct ev_site_rules rules = {rule, 1};

	for (int stage = EV_STAGE_CONNECT; stage < EV_N_STAGE; stage++)
	{
		struct ev_finding finding;

		ev_classify(reply, (enum ev_stage) stage, EV_PROVIDER_OTHER, false, &terms, &finding);
		if (!ev_site_rules_apply(&rules, reply, (enum ev_stage) stage, "mx.corp.com",
		                         EV_PROVIDER_OTHER, &terms, &finding))
			continue;
		CHECK(reply->code >= 400 && !finding.accepted && !finding.put_back);
		CHECK(strncmp(finding.rule, "site:", 5) == 0 && strlen(finding.rule) <= EV_RULE_MAX);
		CHECK(ev_reason_info(finding.reason)->status != EV_STATUS_VALID);
		if (reply->code < 500 || stage < EV_STAGE_RCPT)
			CHECK(ev_reason_info(finding.reason)->status != EV_STATUS_INVALID);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ev_reply reply;
	static char buffers[9][WORD_SIZE];
	struct ev_site_rule_words words;
	struct ev_site_rule rule;
	char pattern[WORD_SIZE];
	const char *local;
	size_t len;

	if (size < 3)
		return 0;
	memset(&reply, 0, sizeof(reply));
	reply.code = (uint16_t) (200 + (data[1] << 8 | data[2]) % 400);
	reply.lines = 1;
	data += 3;
	size -= 3;
	words.stage = next_word(&data, &size, buffers[0]);
	words.code = next_word(&data, &size, buffers[1]);
	words.enhanced = next_word(&data, &size, buffers[2]);
	words.provider = next_word(&data, &size, buffers[3]);
	words.mx = next_word(&data, &size, buffers[4]);
	words.pattern = normal_pattern(next_word(&data, &size, buffers[5]), pattern);
	words.reason = next_word(&data, &size, buffers[6]);
	words.detail = next_word(&data, &size, buffers[7]);
	local = next_word(&data, &size, buffers[8]);
	if (ev_site_rule_parse(1 + (int32_t) size, &words, &rule) != NULL)
		return 0;
	CHECK(ev_site_rule_sound(&rule));
	check_frame(&rule);

	reply.text_len = (uint16_t) (size < EV_REPLY_TEXT_MAX ? size : EV_REPLY_TEXT_MAX);
	memcpy(reply.text, data, reply.text_len);
	reply.text[reply.text_len] = '\0';
	if (!ev_enhanced_parse(reply.text, reply.text_len, &reply.enhanced, &len) ||
	    reply.enhanced.klass != reply.code / 100)
		reply.enhanced = (struct ev_enhanced){0, 0, 0};
	check_reply(&rule, &reply, local);
	return 0;
}
