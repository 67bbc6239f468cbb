/*
 * library.c
 *	  Where the worker's library lies; see library.h.
 *
 * A bare name is searched for in dynamic_library_path alone.  Packagers' staging directories, and servers that
 * were told a path of the backend's library, have the other one elsewhere.
 */
#include "postgres.h"

#include <dlfcn.h>

#include "pg/shared/library.h"

#define NAME "email_verify_worker"

void
ev_worker_library(char *out, size_t size)
{
	Dl_info info;
	const char *slash = NULL;

	if (dladdr((void *) ev_worker_library, &info) != 0 && info.dli_fname[0] == '/')
		slash = strrchr(info.dli_fname, '/');
	if (slash == NULL || (size_t) snprintf(out, size, "%.*s/" NAME, (int) (slash - info.dli_fname),
	                                       info.dli_fname) >= size)
		snprintf(out, size, "$libdir/" NAME);
}
