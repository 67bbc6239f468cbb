/*
 * random_name.h
 *	  A made-up local part for the catch-all test: looks like somebody's name, belongs to nobody.
 */
#ifndef EV_RANDOM_NAME_H
#define EV_RANDOM_NAME_H

#include <stddef.h>
#include <stdint.h>

#define EV_RANDOM_NAME_SIZE 32

/*
 * Derive a name-like local part (letters, one dot, digits; about 60 bits of entropy) from 128
 * random bits of the caller's.  The same bits give the same name.  out has EV_RANDOM_NAME_SIZE
 * bytes; returns its length.
 */
extern size_t ev_random_name(const uint8_t bits[16], char *out);

#endif
