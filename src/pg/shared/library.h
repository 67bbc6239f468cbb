/*
 * library.h
 *	  Where the worker's library lies, for who registers one of its processes.
 */
#ifndef EV_LIBRARY_H
#define EV_LIBRARY_H

/*
 * The worker's library as bgw_library_name, in `size` bytes: next to the library that this is compiled into,
 * wherever the server has found that one; by $libdir where such a path is too long for the field.
 */
extern void ev_worker_library(char *out, size_t size);

#endif
