/*
 * same_words.c
 *	  A hash of what a refusal says.
 */
#include "engine/same_words.h"

#include <string.h>

#include "engine/ascii.h"
#include "engine/hash.h"
#include "engine/pattern.h"

static bool
has_digit(const char *word, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ev_is_digit(word[i]))
			return true;
	return false;
}

uint64_t
ev_same_words(const struct ev_reply *reply, const struct ev_mask_terms *terms)
{
	char masked[EV_PATTERN_TEXT_MAX];
	const char *p = masked;
	const unsigned codes[] = {reply->code, reply->enhanced.klass, reply->enhanced.subject,
	                          reply->enhanced.detail};
	uint64_t hash = EV_HASH_INIT;

	(void) ev_mask_text(reply->text, reply->text_len, terms, masked, sizeof(masked));
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
	{
		/* not as they lie in memory: machines differ in the order of bytes */
		const unsigned char bytes[2] = {(unsigned char) (codes[i] >> 8),
		                                (unsigned char) (codes[i] & 0xff)};

		hash = ev_hash(hash, bytes, sizeof(bytes));
	}
	while (*p != '\0')
	{
		size_t n = strcspn(p, " ");

		if (n > 0 && !has_digit(p, n))
		{
			hash = ev_hash(hash, " ", 1);
			hash = ev_hash(hash, p, n);
		}
		p += n;
		p += strspn(p, " ");
	}
	return hash != 0 ? hash : 1;
}
