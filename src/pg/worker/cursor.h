/*
 * cursor.h
 *	  Where the worker is in the queue.
 *
 * Rows are taken behind a position (due_at, id) for each priority, so that nothing is read twice:
 * neither what is under way nor index entries of rows that have gone but that somebody's old
 * snapshot keeps.  Rows may come to lie before the position nevertheless, committed late or by a
 * hand that tells nobody.  The first kind is known by when its transaction began; for the second
 * the queue is looked through from its start, no oftener than that is cheap.
 */
#ifndef EV_CURSOR_H
#define EV_CURSOR_H

#include "pg/worker/worker.h"

/* A cycle begins; one that failed leaves the positions as they were then. */
extern void ev_cursors_save(EvWorker *worker);
extern void ev_cursors_restore(EvWorker *worker);

/* Rows that fell due at that time or later may have come; 0: no such time is known. */
extern void ev_cursors_go_back(EvWorker *worker, TimestampTz since);

/* Rows that were under way are no longer, wherever they are: look through the queue at once. */
extern void ev_cursors_look_now(void);

/*
 * Around the statements that take rows; now is what rows are due by.  A look takes several of them when
 * there is much to be passed over, and has ended when the cursors are where they were.
 */
extern void ev_cursors_before_lease(EvWorker *worker, TimestampTz now);
extern void ev_cursors_after_lease(EvWorker *worker);

/* There was nothing more that was due by then. */
extern void ev_cursor_exhausted(EvCursor *cursor, TimestampTz now);

/* When the queue is to be looked through from its start; 0: need not be. */
extern TimestampTz ev_cursors_wake(void);

#endif
