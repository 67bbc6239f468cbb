/*
 * diagnose_codes.c
 *	  Which codes is a refusal judged by: those of the quoted reply, or those of the report around it?
 *
 * A report must have a status (RFC 3464 2.3.4), and a reply need not have an enhanced code.  A mail
 * system that quotes such a reply makes a status of the reply code alone; that one says no more than
 * the reply code does, and is no evidence for anything that the words do not say.
 */
#include "engine/diagnose_rules.h"

/* What mail systems make of a reply code (0: of any of the class); X.0.0 they make of any. */
static const struct
{
	uint16_t code;
	uint16_t subject;
	uint16_t detail;
} made_up[] = {
	{421, 3, 2}, {421, 4, 2}, {450, 2, 0}, {450, 1, 1}, {450, 2, 1}, {451, 3, 0}, {451, 4, 0},
	{452, 2, 2}, {452, 3, 1}, {500, 5, 2}, {501, 1, 3}, {501, 5, 2}, {501, 5, 4}, {502, 5, 1},
	{503, 5, 1}, {504, 5, 4}, {550, 1, 0}, {550, 1, 1}, {550, 2, 0}, {550, 2, 1}, {551, 1, 6},
	{552, 2, 2}, {552, 3, 4}, {553, 1, 3}, {554, 3, 0}, {0, 5, 0},   {0, 3, 0},
};

bool
ev_status_is_made_up(uint16_t code, struct ev_enhanced status)
{
	if (code / 100 != status.klass)
		return false;
	if (status.subject == 0)
		return true;
	for (size_t i = 0; i < sizeof(made_up) / sizeof(made_up[0]); i++)
		if ((made_up[i].code == code || made_up[i].code == 0) &&
		    made_up[i].subject == status.subject && made_up[i].detail == status.detail)
			return true;
	return false;
}

/* An enhanced code that is none, or says nothing (X.0.0). */
static bool
is_generic(struct ev_enhanced e)
{
	return e.klass == 0 || (e.subject == 0 && e.detail == 0);
}

struct ev_enhanced
ev_diagnose_codes(const struct ev_diagnose_context *context, struct ev_reply *reply)
{
	struct ev_enhanced enhanced = reply->enhanced;
	uint8_t klass = reply->code != 0 ? (uint8_t) (reply->code / 100) : 0;

	/* a reply without an enhanced code, or with one that says nothing, has that of the report */
	if (is_generic(enhanced) && context->enhanced.klass != 0 &&
	    (klass == 0 || (klass == context->enhanced.klass &&
	                    !ev_status_is_made_up(reply->code, context->enhanced))))
		enhanced = context->enhanced;
	if (klass == 0)
	{
		klass = enhanced.klass != 0 ? enhanced.klass : context->klass != 0 ? context->klass : 5;
		reply->code = klass == 2 ? 250 : klass == 4 ? 450 : 550;
	}
	/* what is still being tried, or has arrived, has not failed for good whatever is quoted */
	if ((context->klass == 4 && klass == 5) || (context->klass == 2 && klass != 2))
	{
		klass = context->klass;
		reply->code = klass == 2 ? 250 : 450;
		enhanced.klass = enhanced.klass == 0 ? 0 : klass;
	}
	if (enhanced.klass != klass)
		enhanced = (struct ev_enhanced){0, 0, 0};
	reply->enhanced = enhanced;
	return enhanced;
}
