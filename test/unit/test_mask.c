/*
 * test_mask.c
 *	  What a reply quotes must not decide what it means.
 */
#include "corpus.h"

#include <stdlib.h>

#include "engine/mask.h"

/* Masked items are shown as @ here. */
static void
mask(const char *text, const struct ev_mask_terms *terms, char *out, size_t size)
{
	ev_mask_text(text, strlen(text), terms, out, size);
	for (; *out != '\0'; out++)
		if (*out == '\x01')
			*out = '@';
}

static void
quoted_things_are_blanked_and_words_are_not(void **state)
{
	static const char *const rows[][2] = {
		{"", " "},
		{"User Unknown", " user unknown "},
		{"  two \t\r\n  words \n", " two words "},
		{"5.1.1 first\n5.1.1 second", " first second "},
		{"5.1.1", " "},
		{"cuda_nsu 5.1.1 <a@b.com>: x", " cuda_nsu 5.1.1 @: x "},
		{"<user.unknown@corp.com>: no", " @: no "},
		{"<>: no", " @: no "},
		{"<bad>: no", " @: no "},
		{"<ok 1@corp.com>: no", " @: no "},
		{"<not a path> no", " <not a path> no "},
		{"a < b > c", " a < b > c "},
		{"no such user a@b.com here", " no such user @ here "},
		{"(a+b=c@b.com)", " (@) "},
		{"\"user unknown\"@corp.com is gone", " @ is gone "},
		{"\"user unknown\" is gone", " \"user unknown\" is gone "},
		{"j\xc3\xb6rg@corp.com!", " @! "},
		{"a@[192.0.2.1].", " @. "},
		{"see http://rbl.lab/?ip=127.0.0.1.", " see @. "},
		{"see <https://x.com/user unknown>", " see <@ unknown> "},
		{"www.spamhaus.org/lookup", " @ "},
		{"blocked using zen.spamhaus.org;", " blocked using @; "},
		{"listed by 1.0.0.127.rbl.lab", " listed by @ "},
		{"[127.0.0.1]", " [@] "},
		{"from 2001:db8::1 rejected", " from @ rejected "},
		{"[IPv6:2001:db8::1]", " [ipv6:2001:db8::1] "},
		{"at 12:30:45 x", " at @ x "},
		{"error: user: unknown", " error: user: unknown "},
		{"RESOLVER.ADR.RecipientNotFound; x", " resolver.adr.recipientnotfound; x "},
		{"resolver.adr.recipientnotfound.com x", " @ x "},
		{"user unknown.Please go", " user unknown.please go "},
		{"does not exist...sorry", " does not exist...sorry "},
		{"e.g. this", " e.g. this "},
		{"example.COM is", " @ is "},
		{"code 5.7.1 again", " code 5.7.1 again "},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		char out[256];

		mask(rows[i][0], NULL, out, sizeof(out));
		CHECK_STR(rows[i][0], out, rows[i][1]);
	}
}

static void
what_we_said_is_blanked_wherever_it_stands(void **state)
{
	static const struct ev_mask_terms terms = {
		.local = "user unknown",
		.domain = "blocklist",
		.sender = "spf check@lab",
		.helo = "policy",
		.source_ip = "192.0.2.1",
		.mx_host = "mailbox",
		.mx_ip = "::1",
	};
	static const char *const rows[][2] = {
		{"user unknown@blocklist is full", " @ is full "},
		{"User Unknown is full", " @ is full "},
		{"policy rejected by mailbox", " @ rejected by @ "},
		{"spf check@lab refused", " @ refused "},
		{"blocklists and mailboxes and my-policy", " blocklists and mailboxes and my-policy "},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		char out[256];

		mask(rows[i][0], &terms, out, sizeof(out));
		CHECK_STR(rows[i][0], out, rows[i][1]);
	}
}

/* user@corp.com exists in earnest, and "user unknown" must not lose a word for it. */
static void
a_local_part_that_is_a_word_is_blanked_only_in_quotes(void **state)
{
	static const struct ev_mask_terms terms = {.local = "user", .local_is_word = true};
	static const char *const rows[][2] = {
		{"user unknown", " user unknown "},
		{"(user) unknown", " (@) unknown "},
		{"'user': unknown", " '@': unknown "},
		{"<user>: unknown", " @: unknown "},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		char out[256];

		mask(rows[i][0], &terms, out, sizeof(out));
		CHECK_STR(rows[i][0], out, rows[i][1]);
	}
}

static void
the_result_fits_whatever_its_size_is(void **state)
{
	static const char text[] = "5.1.1 <a@b.com>: user unknown in table\nsecond line";

	(void) state;
	for (size_t size = 0; size < 80; size++)
	{
		char *out = malloc(size > 0 ? size : 1);
		size_t len;

		assert_non_null(out);
		len = ev_mask_text(text, sizeof(text) - 1, NULL, out, size);
		if (size > 0)
		{
			assert_true(len < size);
			assert_int_equal(strlen(out), len);
		}
		else
			assert_int_equal(len, 0);
		free(out);
	}
}

/*
 * --- the property: no pattern of any rule, put into a name, changes a verdict
 * ------------------------
 */

static const char *const patterns[] = {
#define EV_RULE(id, stages, code, enhanced, provider, pattern, about, strength, reason, detail,    \
                flags)                                                                             \
	(pattern),
#include "engine/reply_rules.def"
};

/* Make a name of an alternative: spaces become joint, the stars and masks of the language go. */
static size_t
name_of(const char *alternative, size_t n, char joint, char *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < n && len + 1 < size; i++)
	{
		char c = alternative[i];

		if (c == '*' && i + 1 < n)
			c = ' ';
		if (c == '*' || c == '@' || c == '\'')
			continue;
		if (c == ' ' || c == ':' || c == '.' || c == '#')
		{
			if (len == 0 || out[len - 1] == joint)
				continue;
			c = joint;
		}
		out[len++] = c;
	}
	while (len > 0 && out[len - 1] == joint)
		len--;
	out[len] = '\0';
	return len;
}

/* Replies with the places where servers quote: %A address, %L local part, %D domain, %H host. */
static const char *const templates[] = {
	"550 5.1.1 <%A>: Recipient address rejected: User unknown in virtual mailbox table",
	"550 5.1.1 %A... User unknown",
	"550 Unknown user (%L)",
	"550 No such user '%L' here",
	"554 5.7.1 <%A>: Relay access denied",
	"554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using %H",
	"554 5.7.1 <%A>: Recipient address rejected: Access denied",
	"450 4.2.0 <%A>: Recipient address rejected: Greylisted, see http://%H/%D",
	"451 4.3.0 <%A>: Temporary lookup failure",
	"452 4.2.2 <%A> is over quota",
	"550 5.2.1 <%A>: Mailbox disabled",
	"550 %A no thanks",
	"550 no thanks, says %H",
	"550 no mail for %D",
	"550 5.7.1 <check@lab.example.com> to <%A> goes against policy of %D",
	"550 %H: %A is not wanted",
};

static void
expand(const char *template, const char *local, const char *domain, const char *host, char *out,
       size_t size)
{
	size_t len = 0;

	for (const char *p = template; *p != '\0'; p++)
	{
		if (*p != '%')
			len += (size_t) snprintf(out + len, size - len, "%c", *p);
		else
			switch (*++p)
			{
				case 'A':
					len += (size_t) snprintf(out + len, size - len, "%s@%s", local, domain);
					break;
				case 'L': len += (size_t) snprintf(out + len, size - len, "%s", local); break;
				case 'D': len += (size_t) snprintf(out + len, size - len, "%s", domain); break;
				case 'H': len += (size_t) snprintf(out + len, size - len, "%s", host); break;
				default: fail_msg("%s", template);
			}
		assert_true(len < size);
	}
}

static void
check_names(const char *local, const char *domain, const char *host, bool with_terms)
{
	struct ev_mask_terms terms = corpus_terms;

	terms.local = local;
	terms.domain = domain;
	terms.mx_host = host;
	for (size_t i = 0; i < N_ROWS(templates); i++)
	{
		char plain[1024];
		char laden[1024];
		struct ev_finding want;
		struct ev_finding got;

		/* a bare local part can be recognised only by who knows it */
		if (!with_terms && strstr(templates[i], "%L") != NULL)
			continue;
		expand(templates[i], "jane.roe", "corp.com", "mx.corp.com", plain, sizeof(plain));
		expand(templates[i], local, domain, host, laden, sizeof(laden));
		corpus_classify(plain, EV_STAGE_RCPT, "", false, with_terms ? &corpus_terms : NULL, &want);
		corpus_classify(laden, EV_STAGE_RCPT, "", false, with_terms ? &terms : NULL, &got);
		CHECK_STR(laden, got.rule, want.rule);
	}
}

static void
no_pattern_in_a_name_changes_a_verdict(void **state)
{
	int n = 0;

	(void) state;
	for (size_t i = 0; i < N_ROWS(patterns); i++)
		for (const char *p = patterns[i]; p != NULL && *p != '\0';)
		{
			size_t len = strcspn(p, "|");
			char dotted[200];
			char dashed[200];
			char quoted[200];
			char domain[260];
			char host[260];

			name_of(p, len, '.', dotted, sizeof(dotted));
			name_of(p, len, '-', dashed, sizeof(dashed));
			quoted[0] = '"';
			name_of(p, len, ' ', quoted + 1, sizeof(quoted) - 2);
			strcat(quoted, "\"");
			snprintf(domain, sizeof(domain), "%s.com", dashed);
			snprintf(host, sizeof(host), "mx.%s.net", dotted);
			for (int with_terms = 0; with_terms < 2; with_terms++)
			{
				check_names(dotted, "corp.com", "mx.corp.com", with_terms);
				check_names(dashed, domain, host, with_terms);
				check_names(quoted, "corp.com", host, with_terms);
			}
			n++;
			p += len;
			p += *p == '|';
		}
	assert_true(n > 500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quoted_things_are_blanked_and_words_are_not),
		cmocka_unit_test(what_we_said_is_blanked_wherever_it_stands),
		cmocka_unit_test(a_local_part_that_is_a_word_is_blanked_only_in_quotes),
		cmocka_unit_test(the_result_fits_whatever_its_size_is),
		cmocka_unit_test(no_pattern_in_a_name_changes_a_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
