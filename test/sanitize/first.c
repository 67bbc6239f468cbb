/*
 * first.c
 *	Preloaded beside ASan's runtime into programs that are not instrumented.
 *
 * The runtime starts at the first call of malloc.  Where that comes out of bindtextdomain() in the constructor of some library
 * (libgpg-error's, which a server loads), gettext's lock is held, and the runtime asks gettext for a message: the program waits
 * for itself.  This library is linked with -z initfirst, so that the first call comes out of it.
 */
#include <stdlib.h>

static void *volatile block;

__attribute__((constructor)) static void
first(void)
{
	block = malloc(1);
	free(block);
}
