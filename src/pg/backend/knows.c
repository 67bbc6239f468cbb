/*
 * knows.c
 *	  Who may learn what this site knows: its own word on addresses, and what it has found out about domains.
 *
 * Functions about addresses are everybody's as long as they answer from built-in data.  What more the site knows,
 * they say to who may ask for verdicts: who has EXECUTE on email_verify() or email_verdict().
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "pg/backend/backend.h"
#include "pg/shared/compat.h"

bool
ev_may_know(Oid function, Oid role)
{
	static const char *const verdicts[] = {"email_verify", "email_verdict"};
	static const Oid types[] = {TEXTOID, INTERVALOID, INTERVALOID};
	Oid namespace = get_func_namespace(function);
	oidvector *args = buildoidvector(types, lengthof(types));

	for (size_t i = 0; i < lengthof(verdicts); i++)
	{
		Oid verdict =
			GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(verdicts[i]),
		                    PointerGetDatum(args), ObjectIdGetDatum(namespace));

		if (OidIsValid(verdict) && ev_may_execute(verdict, role))
			return true;
	}
	return false;
}
