/*
 * enums.h
 *	  The enums of reason.def as the enum types of this database.
 *
 * OIDs are cached and follow catalogue changes.  Where the installed SQL is older than the library, a
 * label may be missing: such a verdict cannot be told as it is.
 */
#ifndef EV_ENUMS_H
#define EV_ENUMS_H

#include "engine/verdict.h"

/*
 * The value of a label.  One that the installed SQL does not have is an error with a hint to ALTER
 * EXTENSION … UPDATE; so is a missing type.
 */
extern Oid ev_reason_oid(enum ev_reason reason);
extern Oid ev_status_oid(enum ev_status status);

/* False for a value that this library does not know. */
extern bool ev_reason_from_oid(Oid value, enum ev_reason *reason);
extern bool ev_status_from_oid(Oid value, enum ev_status *status);

/*
 * What the installed SQL can say of a verdict: the verdict as it is, or internal_verifier_error with
 * detail sql_too_old where it has no word for it.
 */
extern struct ev_verdict ev_enums_fit(struct ev_verdict verdict);

/* Has the installed SQL the words for a verdict that it has no word for? */
extern bool ev_enums_are_usable(void);

#endif
