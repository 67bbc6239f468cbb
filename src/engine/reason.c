/*
 * reason.c
 *	  The tables of statuses, reasons and details, made from reason.def.
 */
#include "engine/reason.h"

static const char *const status_labels[EV_N_STATUS] = {
#define EV_STATUS(id, label) [EV_STATUS_##id] = (label),
#include "engine/reason.def"
};

static const struct ev_reason_info reasons[EV_N_REASON] = {
#define EV_REASON(id, label, status, retryable, advice, retry, fresh, expire, description)         \
	[EV_REASON_##                                                                                  \
		id] = {(label), EV_STATUS_##status, (retryable),  EV_ADVICE_##advice, EV_RETRY_##retry,    \
	           (fresh), (expire),           (description)},
#include "engine/reason.def"
};

static const struct ev_detail_info details[EV_N_DETAIL] = {
	[EV_DETAIL_NONE] = {NULL, NULL},
#define EV_DETAIL(id, label, description) [EV_DETAIL_##id] = {(label), (description)},
#include "engine/reason.def"
};

static const char *const advice_labels[] = {
	[EV_ADVICE_SEND] = "send",     [EV_ADVICE_CAREFUL] = "careful", [EV_ADVICE_RETRY] = "retry",
	[EV_ADVICE_REVIEW] = "review", [EV_ADVICE_REMOVE] = "remove",
};

const struct ev_reason_info *
ev_reason_info(enum ev_reason reason)
{
	return &reasons[reason];
}

const struct ev_detail_info *
ev_detail_info(enum ev_detail detail)
{
	return &details[detail];
}

const char *
ev_status_label(enum ev_status status)
{
	return status_labels[status];
}

const char *
ev_advice_label(enum ev_advice advice)
{
	return advice_labels[advice];
}

/* Is text (n bytes) this label, hyphens counting as underscores? */
static bool
is_label(const char *label, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		char c = text[i] == '-' ? '_' : text[i];

		if (label[i] == '\0' || label[i] != c)
			return false;
	}
	return label[n] == '\0';
}

bool
ev_reason_by_label(const char *label, size_t n, enum ev_reason *out)
{
	for (int i = 0; i < EV_N_REASON; i++)
		if (is_label(reasons[i].label, label, n))
		{
			*out = (enum ev_reason) i;
			return true;
		}
	return false;
}

bool
ev_detail_by_label(const char *label, size_t n, enum ev_detail *out)
{
	for (int i = EV_DETAIL_NONE + 1; i < EV_N_DETAIL; i++)
		if (is_label(details[i].label, label, n))
		{
			*out = (enum ev_detail) i;
			return true;
		}
	return false;
}
