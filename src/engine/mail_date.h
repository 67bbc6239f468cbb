/*
 * mail_date.h
 *	  Dates as mail writes them.
 */
#ifndef EV_MAIL_DATE_H
#define EV_MAIL_DATE_H

#include <stdint.h>

#include "engine/slice.h"

#define EV_MAIL_DATE_NONE INT64_MIN

/*
 * Seconds since 1970-01-01 00:00 UTC of "Tue, 24 Oct 2006 20:59:35 +0200 (CEST)" (RFC 5322 3.3 and 4.3: without
 * the day of the week, seconds or two digits of the year), of "Tue Oct 24 20:59:35 2006 +0200", or of
 * "2006-10-24T20:59:35+02:00".  EV_MAIL_DATE_NONE when it is none of them, names no day that there is, or does not
 * say in which time zone: an offset, or a name that means the same everywhere.
 */
extern int64_t ev_mail_date(struct ev_slice text);

/*
 * The same of what an event has for a time: any of these, or seconds, milliseconds or microseconds since 1970
 * ("1790001111", "1790001111.25", "1790001111000"), told apart by how many there are.
 */
extern int64_t ev_event_time(struct ev_slice text);

#endif
