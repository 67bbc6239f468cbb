/*
 * fuzz_syntax.c
 *	  Any bytes as an address: no crash, offsets inside the text, levels that include each other,
 *	  and a
 *	  travelling form that is stable.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/canonical.h"
#include "engine/domain_list.h"
#include "engine/syntax_private.h"

#include "fuzz.h"

static bool
parse(const char *text, size_t n, enum ev_syntax_level level, struct ev_syntax *out)
{
	bool ok = ev_syntax_parse(text, n, level, out);
	struct ev_syntax full;

	/* the fast pass must not see anything otherwise than the slow one */
	memset(&full, 0, sizeof(full));
	CHECK(ev_syntax_parse_fully(text, n, level, &full) == ok);
	/* that it is a list is told of what both refuse */
	CHECK((full.fault == out->fault && full.fault_at == out->fault_at) ||
	      (!ok && out->fault == EV_DETAIL_SEVERAL_ADDRESSES));
	CHECK(full.local_len == out->local_len && full.domain_start == out->domain_start);
	CHECK(full.domain_len == out->domain_len && full.special_use == out->special_use);
	CHECK(full.carrier_legacy == out->carrier_legacy && full.numeric_tld == out->numeric_tld);

	CHECK(ok == (out->fault == EV_DETAIL_NONE));
	CHECK(out->fault >= EV_DETAIL_NONE && out->fault < EV_N_DETAIL);
	CHECK(out->fault_at <= n);
	if (ok && level != EV_SYNTAX_HEADER)
	{
		CHECK(out->local_start == 0 && out->local_len > 0);
		CHECK(text[out->local_len] == '@');
		CHECK(out->domain_start == out->local_len + 1);
		CHECK((size_t) out->domain_start + out->domain_len == n && out->domain_len > 0);
	}
	return ok;
}

/* A canonical address is an address, and its own canonical form. */
static void
check_canonical(const struct ev_address *address)
{
	struct ev_address canonical;
	struct ev_address again;
	char key[EV_ADDRESS_KEY_SIZE];
	size_t len;

	CHECK(ev_canonical(address, 1, &canonical));
	len = ev_address_key(&canonical, key);
	CHECK(ev_address_parse_key(key, len, &again));
	CHECK(ev_canonical(&again, 1, &again));
	CHECK(strcmp(again.local, canonical.local) == 0 && strcmp(again.domain, canonical.domain) == 0);
}

/* The bare form of a text is one of the same sort without what was left out. */
static void
check_category(const char *text, size_t n, bool smtp, bool header)
{
	char *bare = malloc(n + 1);
	char *again = malloc(n + 1);
	struct ev_syntax syntax;
	struct ev_syntax bare_syntax;
	enum ev_syntax_category category;
	size_t len;

	CHECK(bare != NULL && again != NULL);
	category = ev_syntax_categorize(text, n, bare, &syntax);
	CHECK((category == EV_SYNTAX_ERROR) == !header);
	CHECK((category <= EV_SYNTAX_RFC5321) == smtp);
	if (header)
	{
		len = (size_t) syntax.domain_start + syntax.domain_len;
		CHECK(len <= n && bare[syntax.local_len] == '@');
		CHECK(syntax.domain_start == syntax.local_len + 1);
		CHECK(ev_syntax_categorize(bare, len, again, &bare_syntax) <= category);
		CHECK(bare_syntax.domain_start + bare_syntax.domain_len == len);
		CHECK(memcmp(bare, again, len) == 0 && !bare_syntax.comment);
	}
	free(bare);
	free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data;
	struct ev_syntax syntax;
	struct ev_address address;
	struct ev_address again;
	char key[EV_ADDRESS_KEY_SIZE];
	size_t len;
	bool smtp = parse(text, size, EV_SYNTAX_SMTP, &syntax);
	bool header = parse(text, size, EV_SYNTAX_HEADER, &syntax);

	CHECK(header || !smtp);
	check_category(text, size, smtp, header);
	if (!parse(text, size, EV_SYNTAX_INTERNET, &syntax))
		return 0;
	CHECK(smtp && !syntax.literal);
	CHECK(ev_address_from(text, &syntax, &address) == EV_DETAIL_NONE);
	CHECK(address.local_len > 0 && strlen(address.local) == address.local_len);
	CHECK(address.domain_len > 0 && strlen(address.domain) == address.domain_len);
	len = ev_address_key(&address, key);
	CHECK(len <= EV_ADDRESS_MAX && strlen(key) == len);
	CHECK(ev_address_parse_key(key, len, &again));
	CHECK(strcmp(again.local, address.local) == 0 && strcmp(again.domain, address.domain) == 0);
	CHECK(again.eai == address.eai);
	check_canonical(&address);
	(void) ev_suggest_domain(address.domain, address.domain_len, NULL);
	(void) ev_is_role(address.local, address.local_len);
	return 0;
}
