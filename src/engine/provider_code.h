/*
 * provider_code.h
 *	  Numbered codes of mail providers ("IB103", "OFR_417", "[TSS09]"), and what they mean.
 *
 * The codes are the rows of data/provider_codes.tsv, their forms those of provider_code_form.def.  A
 * code counts only where it is told whose it is: by the host that said it, by the recipient's domain,
 * by words around it, or by a form that nobody else has.  A number that is not listed counts for
 * nothing: then the words decide.
 */
#ifndef EV_PROVIDER_CODE_H
#define EV_PROVIDER_CODE_H

#include "engine/classify.h"

struct ev_pattern_text;

/* What a code says. */
struct ev_provider_code
{
	uint64_t first,
		last;       /* the codes meant: base 36, or of an enhanced one subject * 1000 + detail */
	uint8_t form;   /* index into the forms, of the first with that id */
	uint8_t klass;  /* of the reply: 4, 5, or 0 for both */
	bool hearsay;   /* may make a verdict only weaker */
	bool yields;    /* to clear words that do not condemn; true of all hearsay */
	uint32_t after; /* seconds that shall pass before the next attempt, 0 when nothing is said */
	enum ev_about about;
	enum ev_reason reason;
	enum ev_detail detail;
};

extern const struct ev_provider_code ev_provider_codes[];
extern const size_t ev_n_provider_codes;

/*
 * The code of a refusal (4xx or 5xx), or NULL.  text is the masked one; terms tell the recipient's
 * domain and may be NULL.  id (EV_RULE_MAX + 1 bytes) becomes the rule's id: "code.ib_103".
 * A code about the recipient counts at RCPT only, and under 4xx nothing counts that would make a
 * lasting verdict of a recipient or a message.
 */
extern const struct ev_provider_code *
ev_provider_code_find(const struct ev_reply *reply, enum ev_stage stage, enum ev_provider provider,
                      const struct ev_mask_terms *terms, const struct ev_pattern_text *text,
                      char *id);

/* A row of provider_code_form.def. */
struct ev_code_form_info
{
	const char *id, *prefix, *words;
	enum
	{
		EV_CODE_TEXT,
		EV_CODE_BRACKET,
		EV_CODE_URL,
		EV_CODE_ENHANCED
	} where;
	enum
	{
		EV_CODE_NUMBER,
		EV_CODE_NAME,
		EV_CODE_PLATFORM
	} tail;
	uint8_t min, max;
	int16_t family;
};

extern const struct ev_code_form_info ev_code_forms[];
extern const size_t ev_n_code_forms;

/* A code of up to 12 letters and digits in base 36, any case. */
static inline uint64_t
ev_code_value(const char *code, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n && i < 12; i++)
	{
		unsigned char c = (unsigned char) code[i] | 0x20;

		value = value * 36 + (c >= 'a' && c <= 'z' ? c - 'a' + 10u : (c & 0x0fu));
	}
	return value;
}

#endif
