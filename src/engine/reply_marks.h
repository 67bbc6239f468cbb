/*
 * reply_marks.h
 *	  Words of reply_marks.def in a text: where a guess, an alternative, a cause stands.
 *
 * They are found by the walk that finds the rule (reply_rules.h); qualify.h says what follows.
 */
#ifndef EV_REPLY_MARKS_H
#define EV_REPLY_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ev_mark
{
#define EV_MARK(kind, pattern) EV_MARK_##kind,
#include "engine/reply_marks.def"
	EV_N_MARK
};

/* Number of the first mark among the ends of the tree; no table of rules is as long. */
#define EV_FIRST_MARK 0x8000u

/* Later ones are not kept. */
#define EV_MARKS_MAX 48

struct ev_reply_marks
{
	uint32_t seen; /* set of 1 << enum ev_mark */
	uint8_t n;
	struct
	{
		uint16_t pos; /* where it begins in the text */
		uint8_t kind; /* enum ev_mark */
	} at[EV_MARKS_MAX];
};

#endif
