/*
 * fuzz_mime.c
 *	  Any bytes as a message: its parts lie within it, and what is decoded fits.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/mime.h"

#include "fuzz.h"

#define OUT_MAX 512

static void
check_within(struct ev_slice part, struct ev_slice whole)
{
	CHECK(part.s >= whole.s && part.s + part.n <= whole.s + whole.n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ev_mime mime;
	char *message = malloc(size > 0 ? size : 1);
	char *out = malloc(OUT_MAX);
	struct ev_slice whole = {message, size};

	memcpy(message, data, size);
	ev_mime_parse(whole, NULL, &mime);
	CHECK(mime.n >= 1 && mime.n <= EV_MIME_PARTS_MAX);
	for (size_t i = 0; i < mime.n; i++)
	{
		const struct ev_mime_part *part = &mime.parts[i];
		struct ev_slice value;
		size_t n;

		check_within(part->headers, whole);
		check_within(part->body, whole);
		CHECK(part->parent < (int) i && part->depth < EV_MIME_DEPTH_MAX);
		if (part->parent >= 0 && part->body.n > 0)
			check_within(part->body, mime.parts[part->parent].body);
		n = ev_mime_decode(part, out, OUT_MAX);
		CHECK(n <= OUT_MAX);
		CHECK(ev_mime_strip_html(out, n) <= n);
		if (ev_mime_header(part->headers, "Content-Type", &value))
		{
			check_within(value, part->headers);
			if (ev_mime_parameter(value, "boundary", out, OUT_MAX))
				CHECK(strnlen(out, OUT_MAX) < OUT_MAX);
		}
		if (ev_mime_header(part->headers, "Subject", &value))
			CHECK(ev_mime_decode_words(value, out, OUT_MAX) < OUT_MAX);
	}
	free(out);
	free(message);
	return 0;
}
