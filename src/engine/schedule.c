/*
 * schedule.c
 *	  Ladders of delays between the attempts at one address.
 */
#include "engine/schedule.h"

#define MINUTES(n) ((n) *60)
#define HOURS(n)   ((n) *3600)

/* A peer that names its own time is believed within these bounds. */
#define HINT_MIN 30
#define HINT_MAX HOURS(24)

/* Clocks differ and "in 300 seconds" is often the very second: come a little later than asked. */
#define HINT_MARGIN 15

const struct ev_schedule ev_schedule_default = {
	.ladder =
		{
			[EV_RETRY_NONE] = {{0}},
			[EV_RETRY_GREYLIST] = {{MINUTES(6), MINUTES(35), MINUTES(90), HOURS(4), HOURS(12)}},
			[EV_RETRY_TRANSIENT] = {{MINUTES(15), HOURS(1), HOURS(4), HOURS(12)}},
			[EV_RETRY_CONNECTION] = {{HOURS(24), HOURS(48)}},
			[EV_RETRY_BLOCKED] = {{HOURS(24), HOURS(48)}},
			[EV_RETRY_CATCHALL] = {{HOURS(1), HOURS(6), HOURS(24)}},
		},
};

uint32_t
ev_schedule_next(const struct ev_schedule *schedule, enum ev_reason reason, uint32_t attempts,
                 uint32_t hint)
{
	const struct ev_ladder *ladder = &schedule->ladder[ev_reason_info(reason)->retry];
	uint32_t step = attempts > 0 ? attempts - 1 : 0;
	uint32_t delay;

	/* no step may be reached past the 0 that ends the ladder */
	if (step >= EV_LADDER_MAX)
		return 0;
	for (uint32_t i = 0; i <= step; i++)
		if (ladder->delay[i] == 0)
			return 0;
	delay = ladder->delay[step];

	if (hint == 0)
		return delay;
	hint = hint > HINT_MAX - HINT_MARGIN ? HINT_MAX : hint + HINT_MARGIN;
	if (hint < HINT_MIN)
		hint = HINT_MIN;
	return step == 0 || hint > delay ? hint : delay;
}
