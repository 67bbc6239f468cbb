/*
 * schedule.h
 *	  When is a verdict asked again, and how long is it served?
 */
#ifndef EV_SCHEDULE_H
#define EV_SCHEDULE_H

#include "engine/reason.h"

#define EV_LADDER_MAX 8

/* Delays in seconds between attempts; a 0 ends the ladder, then the verdict is final. */
struct ev_ladder
{
	uint32_t delay[EV_LADDER_MAX];
};

struct ev_schedule
{
	struct ev_ladder ladder[EV_RETRY_CATCHALL + 1]; /* by enum ev_retry */
};

/* The defaults: 6 min, 35 min, 90 min, 4 h, 12 h for grey-lists, and so on. */
extern const struct ev_schedule ev_schedule_default;

/*
 * Seconds until attempt number `attempts` + 1 (attempts: how many were made, at least 1), or 0 when
 * the verdict is final.  hint: what the peer asked for in seconds (0 for none): it takes the place
 * of the first delay, shorter or longer, and later only of a shorter one; a few seconds are added,
 * 30 s to 24 h are the bounds.
 */
extern uint32_t ev_schedule_next(const struct ev_schedule *schedule, enum ev_reason reason,
                                 uint32_t attempts, uint32_t hint);

#endif
