/*
 * fuzz_reply.c
 *	  The reader of replies: bounded, and the same whether bytes come at once or one by one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ev_reply_reader whole, single;
static struct ev_reply a, b;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *) data;
	enum ev_read read = EV_READ_MORE;
	struct ev_enhanced enhanced;
	size_t len;

	ev_enhanced_parse(bytes, size, &enhanced, &len);
	ev_reply_reader_init(&whole);
	ev_reply_reader_init(&single);
	while (size > 0)
	{
		size_t used = 0;
		size_t used_single = 0;
		enum ev_read read_single = EV_READ_MORE;

		read = ev_reply_feed(&whole, bytes, size, &used, &a);
		while (read_single == EV_READ_MORE && used_single < used)
		{
			size_t one = 0;

			read_single = ev_reply_feed(&single, bytes + used_single, 1, &one, &b);
			used_single += one;
		}
		if (used > size || read != read_single || used != used_single)
			abort();
		if (read == EV_READ_GARBAGE || read == EV_READ_TOO_LONG)
			break;
		if (read == EV_READ_REPLY &&
		    (a.code != b.code || a.text_len != b.text_len || a.lines != b.lines ||
		     a.mixed != b.mixed || a.code < 200 || a.code > 599 || strlen(a.text) != a.text_len ||
		     memcmp(a.text, b.text, a.text_len) != 0 ||
		     (a.enhanced.klass != 0 && a.enhanced.klass != a.code / 100)))
			abort();
		bytes += used;
		size -= used;
	}
	return 0;
}
