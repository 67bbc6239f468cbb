/*
 * store_spi.h
 *	  Statements and their rows, for the parts of the store that is reached by SPI.
 */
#ifndef EV_STORE_SPI_H
#define EV_STORE_SPI_H

#include "postgres.h"

#include "executor/spi.h"

#include "pg/worker/store.h"

#define EV_SPI_PARAMS 22

/* One statement; static, the plan is made when it is first run. */
typedef struct EvStatement
{
	const char *sql;
	int n_params;
	Oid types[EV_SPI_PARAMS];
	SPIPlanPtr plan;
} EvStatement;

/*
 * Run it and return the number of rows, which the functions below read; rows that an earlier
 * statement of this transaction wrote are seen.
 */
extern uint64 ev_spi_run(EvStatement *statement, Datum *values);

/* The same with NULLs: an 'n' in nulls for each of them; NULL for none. */
extern uint64 ev_spi_run_nulls(EvStatement *statement, Datum *values, const char *nulls);

/* A field of a row, columns counted from 1; 0 for NULL. */
extern Datum ev_spi_field(uint64 row, int column, bool *null);
extern int64 ev_spi_int64(uint64 row, int column);
extern TimestampTz ev_spi_time(uint64 row, int column);

/* Copies the text, cut to size; "" for NULL.  Returns its length. */
extern size_t ev_spi_text(uint64 row, int column, char *out, size_t size);

/*
 * A verdict: the address in one column, from `first` on status, reason, detail, checked_at, retry_at,
 * asked_at.  False when this library does not know its reason.
 */
extern bool ev_spi_stored(uint64 row, int address, int first, EvStored *out);

/*
 * store_queue.c: the entries of one class as three array parameters (address, newer_than, pushed_at); returns how many
 * there are.
 */
extern int ev_store_entry_columns(const EvInboxEntry *entries, int n, EvInboxClass class,
                                  Datum *values);

/* store_learn.c: to be called before the site's word is read, so that no later change of it is missed. */
extern void ev_store_watch_site(void);

#endif
