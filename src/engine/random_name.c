/*
 * random_name.c
 *	  Made-up names: two pronounceable words and four digits.
 *
 * A name that is plainly noise ("xq7zk0pw") is refused by filters that accept everything else,
 * which would make a catch-all domain look like an honest one.
 */
#include "engine/random_name.h"

#define FIRST_SYLLABLES 3
#define LAST_SYLLABLES  4

/* One byte gives a consonant (4 bits) and a vowel (4 bits, some vowels more often: 2.3 bits). */
static char *
syllable(char *p, uint8_t byte)
{
	static const char consonants[] = "bdfghjklmnprstvz";
	static const char vowels[] = "aaaaeeeeiiioooou";

	*p++ = consonants[byte & 15];
	*p++ = vowels[byte >> 4];
	return p;
}

size_t
ev_random_name(const uint8_t bits[16], char *out)
{
	static const char endings[] = "lmnrstkd";
	const uint8_t *bit = bits;
	char *p = out;
	unsigned number;

	for (int i = 0; i < FIRST_SYLLABLES; i++)
		p = syllable(p, *bit++);
	*p++ = endings[*bit++ & 7];
	*p++ = '.';
	for (int i = 0; i < LAST_SYLLABLES; i++)
		p = syllable(p, *bit++);
	*p++ = endings[*bit++ & 7];

	/* 16 bits over 10,000 values: the bias is of no consequence here */
	number = ((unsigned) bit[0] << 8 | bit[1]) % 10000;
	for (unsigned unit = 1000; unit > 0; unit /= 10)
		*p++ = (char) ('0' + number / unit % 10);
	*p = '\0';
	return (size_t) (p - out);
}
