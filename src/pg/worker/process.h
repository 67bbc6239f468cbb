/*
 * process.h
 *	  What the background processes of this library have in common.
 */
#ifndef EV_PROCESS_H
#define EV_PROCESS_H

#include "pg/shared/settings.h"
#include "pg/shared/shmem.h"

/* Signal handlers and access to shared memory; first thing in a process's main function. */
extern void ev_process_start(void);

/*
 * After connecting, with or without a database: a session environment that no ALTER DATABASE or ALTER
 * ROLE can turn against us.
 */
extern void ev_process_pin_settings(void);

/* worker.c and launcher.c: what the server calls */
extern PGDLLEXPORT void ev_worker_main(Datum arg);
extern PGDLLEXPORT void ev_launcher_main(Datum arg);

#endif
