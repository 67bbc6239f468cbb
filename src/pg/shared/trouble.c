/*
 * trouble.c
 *	  The last error of a worker; see trouble.h.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "pg/shared/trouble.h"

/* Times that a reader looks again before it takes what it has. */
#define TRIES 1000

void
ev_trouble_init(EvTrouble *trouble)
{
	pg_atomic_init_u32(&trouble->changes, 0);
	trouble->at = 0;
	trouble->text[0] = '\0';
}

void
ev_trouble_set(EvTrouble *trouble, const char *text, TimestampTz at)
{
	int len = text == NULL ? 0 : pg_mbcliplen(text, (int) strlen(text), EV_TROUBLE_SIZE - 1);
	uint32 changes = pg_atomic_read_u32(&trouble->changes) | 1;

	/* it is odd already when a worker has died in here */
	pg_atomic_write_u32(&trouble->changes, changes);
	pg_write_barrier();
	trouble->at = text == NULL ? 0 : at;
	memcpy(trouble->text, text == NULL ? "" : text, len);
	trouble->text[len] = '\0';
	pg_write_barrier();
	pg_atomic_write_u32(&trouble->changes, changes + 1);
}

TimestampTz
ev_trouble_get(EvTrouble *trouble, char *text)
{
	TimestampTz at = 0;

	for (int i = 0; i < TRIES; i++)
	{
		uint32 before = pg_atomic_read_u32(&trouble->changes);

		pg_read_barrier();
		at = trouble->at;
		memcpy(text, trouble->text, EV_TROUBLE_SIZE);
		pg_read_barrier();
		if ((before & 1) == 0 && before == pg_atomic_read_u32(&trouble->changes))
			break;
	}
	text[EV_TROUBLE_SIZE - 1] = '\0';
	return at;
}
