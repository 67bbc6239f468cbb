/*
 * mail_date.c
 *	  Read a date token by token, in any of the orders that mail systems have.
 */
#include "engine/mail_date.h"

#include <string.h>

#include "engine/ascii.h"

#define EPOCH_DIGITS_MAX 17  /* of microseconds */
#define TEXT_MAX         100 /* longer ones are no dates */

struct date
{
	int year, month, day; /* -1: not told */
	int hour, minute, second;
	int offset; /* of the zone, minutes east of UTC */
	bool zoned;
};

/* A number of at most `digits` digits at the beginning; -1 when there is none. */
static int
take_number(struct ev_slice *s, size_t digits)
{
	int number = 0;
	size_t n = 0;

	for (; n < s->n && n < digits && ev_is_digit(s->s[n]); n++)
		number = number * 10 + (s->s[n] - '0');
	*s = ev_slice_from(*s, n);
	return n > 0 ? number : -1;
}

static bool
take_char(struct ev_slice *s, char c)
{
	if (s->n == 0 || s->s[0] != c)
		return false;
	*s = ev_slice_from(*s, 1);
	return true;
}

/* "20:59:35", "20:59", with a fraction that is left out */
static bool
take_time(struct ev_slice *s, struct date *date)
{
	struct ev_slice rest = *s;
	int hour = take_number(&rest, 2);

	if (hour < 0 || !take_char(&rest, ':') || (date->minute = take_number(&rest, 2)) < 0)
		return false;
	date->hour = hour;
	date->second = 0;
	if (take_char(&rest, ':') && (date->second = take_number(&rest, 2)) < 0)
		return false;
	if (take_char(&rest, '.') || take_char(&rest, ','))
		while (rest.n > 0 && ev_is_digit(rest.s[0]))
			rest = ev_slice_from(rest, 1);
	*s = rest;
	return date->hour < 24 && date->minute < 60 && date->second <= 60;
}

/* "+0200", "-02:00" */
static bool
take_offset(struct ev_slice *s, struct date *date)
{
	struct ev_slice rest = ev_slice_from(*s, 1);
	bool west = s->s[0] == '-';
	int hours = take_number(&rest, 2);
	int minutes;

	take_char(&rest, ':');
	minutes = take_number(&rest, 2);
	if (hours < 0 || hours > 14 || minutes < 0 || minutes > 59)
		return false;
	date->offset = (west ? -1 : 1) * (hours * 60 + minutes);
	date->zoned = true;
	*s = rest;
	return true;
}

/* A month, a day of the week (left out), or a zone. */
static bool
take_word(struct ev_slice word, struct date *date)
{
	static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun",
	                                     "jul", "aug", "sep", "oct", "nov", "dec"};
	static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
	static const struct
	{
		const char *name;
		int hours;
	} zones[] = {{"gmt", 0},  {"utc", 0},  {"ut", 0},   {"z", 0},    {"est", -5},  {"edt", -4},
	             {"cdt", -5}, {"mst", -7}, {"mdt", -6}, {"pst", -8}, {"pdt", -7},  {"cet", 1},
	             {"cest", 2}, {"met", 1},  {"mest", 2}, {"wet", 0},  {"west", 1},  {"eet", 2},
	             {"eest", 3}, {"msk", 3},  {"jst", 9},  {"kst", 9},  {"aest", 10}, {"nzst", 12}};

	for (int i = 0; i < 12; i++)
		if (date->month < 0 && word.n >= 3 && ev_slice_starts(word, months[i]))
		{
			date->month = i + 1;
			return true;
		}
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
		if (date->hour >= 0 && ev_slice_is(word, zones[i].name))
		{
			date->offset = zones[i].hours * 60;
			date->zoned = true;
			return true;
		}
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++)
		if (ev_slice_starts(word, days[i]))
			return true;
	return false;
}

/* "2006-10-24", with "T" or a blank behind it */
static bool
take_iso_day(struct ev_slice *s, struct date *date)
{
	struct ev_slice rest = *s;
	int year = take_number(&rest, 4);
	int month;
	int day;

	if (year < 1000 || !take_char(&rest, '-') || (month = take_number(&rest, 2)) < 0 ||
	    !take_char(&rest, '-') || (day = take_number(&rest, 2)) < 0)
		return false;
	date->year = year;
	date->month = month;
	date->day = day;
	if (rest.n > 0 && (rest.s[0] == 'T' || rest.s[0] == 't'))
		rest = ev_slice_from(rest, 1);
	*s = rest;
	return true;
}

/* A day of the month, then a year; years of two or three digits as in RFC 5322 4.3. */
static bool
take_day_or_year(struct ev_slice *s, struct date *date)
{
	size_t before = s->n;
	int number = take_number(s, 4);

	if (date->day < 0 && before - s->n <= 2)
	{
		date->day = number;
		return true;
	}
	if (date->year >= 0)
		return false;
	date->year = before - s->n == 4 ? number : number + (number < 50 ? 2000 : 1900);
	return true;
}

static bool
read_date(struct ev_slice s, struct date *date)
{
	while ((s = ev_slice_trim(s)).n > 0 && s.s[0] != '(' && s.s[0] != ';')
	{
		char c = s.s[0];

		if (ev_is_digit(c))
		{
			if (!take_iso_day(&s, date) && !(date->hour < 0 && take_time(&s, date)) &&
			    !take_day_or_year(&s, date))
				return false;
		}
		else if ((c == '+' || c == '-') && date->hour >= 0 && s.n > 3)
		{
			if (date->zoned || !take_offset(&s, date))
				return date->zoned;
		}
		else if (c == ',' || c == '-' || c == '/')
			s = ev_slice_from(s, 1);
		else
		{
			size_t n = 0;

			while (n < s.n && ev_is_alnum(s.s[n]) && !ev_is_digit(s.s[n]))
				n++;
			if (n == 0 || !take_word(ev_slice_to(s, n), date))
				return false;
			s = ev_slice_from(s, n + (n < s.n && s.s[n] == '.'));
		}
	}
	return true;
}

/* Days since 1970-01-01 in the Gregorian calendar. */
static int64_t
days_of(const struct date *date)
{
	int64_t year = date->year - (date->month <= 2);
	int64_t month = (date->month + 9) % 12;

	return 365 * year + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 + date->day -
	       1 - 719468;
}

static bool
is_day(const struct date *date)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year = date->year;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return year >= 1970 && year <= 9999 && date->month >= 1 && date->month <= 12 &&
	       date->day >= 1 && date->day <= lengths[date->month - 1] + (date->month == 2 && leap);
}

int64_t
ev_mail_date(struct ev_slice text)
{
	struct date date = {.year = -1, .month = -1, .day = -1, .hour = -1, .minute = -1};

	text = ev_slice_trim(text);
	if (text.n == 0 || text.n > TEXT_MAX || !read_date(text, &date) || date.hour < 0 ||
	    !date.zoned || !is_day(&date))
		return EV_MAIL_DATE_NONE;
	return ((days_of(&date) * 24 + date.hour) * 60 + date.minute - date.offset) * 60 + date.second;
}

int64_t
ev_event_time(struct ev_slice text)
{
	/* 2001 to 2286 in seconds; so many digits are as many years in the next smaller unit */
	static const int64_t units[] = {1, 1000, 1000000};
	int64_t number = 0;
	size_t n = 0;

	text = ev_slice_trim(text);
	for (; n < text.n && n <= EPOCH_DIGITS_MAX && ev_is_digit(text.s[n]); n++)
		number = number * 10 + (text.s[n] - '0');
	for (size_t i = n; i < text.n; i++)
		if (!ev_is_digit(text.s[i]) && (i > n || text.s[i] != '.'))
			return ev_mail_date(text);
	if (n < 9 || n > EPOCH_DIGITS_MAX)
		return EV_MAIL_DATE_NONE;
	return number / units[n < 12 ? 0 : n < 15 ? 1 : 2];
}
