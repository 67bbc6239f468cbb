/*
 * enums.c
 *	  The enums of reason.def as the enum types of this database; see enums.h.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "pg/shared/enums.h"

static Oid reason_oids[EV_N_REASON];
static Oid status_oids[EV_N_STATUS];
static bool loaded = false;

static void
invalidate(Datum arg, int cacheid, uint32 hashvalue)
{
	loaded = false;
}

static Oid
type_oid(const char *name)
{
	Oid namespace = get_namespace_oid("email_verify", true);
	Oid type = InvalidOid;

	if (OidIsValid(namespace))
		type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name),
		                       ObjectIdGetDatum(namespace));
	if (!OidIsValid(type))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
		                errmsg("type email_verify.%s does not exist", name),
		                errhint("Is the extension email_verify installed in this database?")));
	return type;
}

/* InvalidOid when the installed SQL is older than the library. */
static Oid
label_oid(Oid type, const char *label)
{
	HeapTuple tuple =
		SearchSysCache2(ENUMTYPOIDNAME, ObjectIdGetDatum(type), CStringGetDatum(label));
	Oid result = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		result = ((Form_pg_enum) GETSTRUCT(tuple))->oid;
		ReleaseSysCache(tuple);
	}
	return result;
}

static void
load(void)
{
	static bool registered = false;
	Oid reason_type;
	Oid status_type;

	if (!registered)
	{
		CacheRegisterSyscacheCallback(ENUMOID, invalidate, (Datum) 0);
		CacheRegisterSyscacheCallback(TYPEOID, invalidate, (Datum) 0);
		registered = true;
	}
	reason_type = type_oid("verification_reason");
	status_type = type_oid("verification_status");

	/* before the labels are read, so that a change in between is not missed */
	loaded = true;
	for (int i = 0; i < EV_N_REASON; i++)
		reason_oids[i] = label_oid(reason_type, ev_reason_info(i)->label);
	for (int i = 0; i < EV_N_STATUS; i++)
		status_oids[i] = label_oid(status_type, ev_status_label(i));
}

static Oid
checked(Oid oid, const char *label)
{
	if (!OidIsValid(oid))
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		     errmsg("the installed version of extension email_verify does not know \"%s\"", label),
		     errhint("Run ALTER EXTENSION email_verify UPDATE.")));
	return oid;
}

Oid
ev_reason_oid(enum ev_reason reason)
{
	if (!loaded)
		load();
	return checked(reason_oids[reason], ev_reason_info(reason)->label);
}

Oid
ev_status_oid(enum ev_status status)
{
	if (!loaded)
		load();
	return checked(status_oids[status], ev_status_label(status));
}

bool
ev_reason_from_oid(Oid value, enum ev_reason *reason)
{
	if (!loaded)
		load();
	for (int i = 0; i < EV_N_REASON && OidIsValid(value); i++)
		if (reason_oids[i] == value)
		{
			*reason = i;
			return true;
		}
	return false;
}

bool
ev_status_from_oid(Oid value, enum ev_status *status)
{
	if (!loaded)
		load();
	for (int i = 0; i < EV_N_STATUS && OidIsValid(value); i++)
		if (status_oids[i] == value)
		{
			*status = i;
			return true;
		}
	return false;
}

static bool
has_words_for(const struct ev_verdict *verdict)
{
	if (!loaded)
		load();
	return OidIsValid(reason_oids[verdict->reason]) && OidIsValid(status_oids[verdict->status]);
}

struct ev_verdict
ev_enums_fit(struct ev_verdict verdict)
{
	if (has_words_for(&verdict))
		return verdict;
	return ev_verdict_of(EV_REASON_INTERNAL_VERIFIER_ERROR, EV_DETAIL_SQL_TOO_OLD);
}

bool
ev_enums_are_usable(void)
{
	struct ev_verdict speechless =
		ev_verdict_of(EV_REASON_INTERNAL_VERIFIER_ERROR, EV_DETAIL_SQL_TOO_OLD);

	return has_words_for(&speechless);
}
