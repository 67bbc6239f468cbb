/*
 * provider_code.c
 *	  Find a provider's numbered code in a reply.
 *
 * Each word of the masked text is held against a small set of first two bytes; few words get further.
 * Pages that are named are looked at in the plain text, since masking blanks them.
 */
#include "engine/provider_code.h"

#include <string.h>

#include "engine/ascii.h"
#include "engine/pattern.h"
#include "engine/reply_rules.h"

const struct ev_code_form_info ev_code_forms[] = {
#define EV_CODE_FORM(id, where, prefix, tail, min, max, family, words)                             \
	{(id), (prefix), (words), EV_CODE_##where, EV_CODE_##tail, (min), (max), EV_FAMILY_##family},
#include "engine/provider_code_form.def"
};

const size_t ev_n_code_forms = sizeof(ev_code_forms) / sizeof(ev_code_forms[0]);

#include "generated/provider_code_table.h"

const size_t ev_n_provider_codes = sizeof(ev_provider_codes) / sizeof(ev_provider_codes[0]);

/* A reply under test. */
struct question
{
	const struct ev_reply *reply;
	enum ev_stage stage;
	enum ev_provider provider;
	const struct ev_mask_terms *terms;
};

/* Does one of the words (divided by |) begin at this byte, in whatever case? */
static bool
begins_with_one_of(const char *text, size_t n, const char *words)
{
	while (*words != '\0')
	{
		size_t k = 0;

		while (k < n && words[k] != '|' && words[k] != '\0' && ev_lower(text[k]) == words[k])
			k++;
		if (words[k] == '|' || words[k] == '\0')
			return true;
		words += strcspn(words, "|");
		words += *words == '|';
	}
	return false;
}

/* Does one of them stand in the n bytes?  Few bytes begin any of them. */
static bool
has_one_of(const char *text, size_t n, const char *words)
{
	uint32_t first = 0;

	for (const char *word = words; *word != '\0'; word += *word == '|')
	{
		first |= UINT32_C(1) << (unsigned char) *word % 32;
		word += strcspn(word, "|");
	}
	for (size_t i = 0; i < n; i++)
		/* letters of either case have the same last five bits */
		if ((first >> (unsigned char) text[i] % 32 & 1) != 0 &&
		    begins_with_one_of(text + i, n - i, words))
			return true;
	return false;
}

static bool
family_fits(int16_t family, enum ev_provider provider)
{
	if (family == EV_FAMILY_MICROSOFT)
		return provider == EV_PROVIDER_MICROSOFT_365 || provider == EV_PROVIDER_MICROSOFT_CONSUMER;
	return family == (int) provider;
}

/* Is it told whose code this is? */
static bool
is_known(const struct ev_code_form_info *form, const struct question *question)
{
	const char *domain = question->terms == NULL ? NULL : question->terms->domain;

	if (form->family == EV_FAMILY_EVERY || family_fits(form->family, question->provider))
		return true;
	if (domain != NULL && family_fits(form->family, ev_provider_of_host(domain, strlen(domain))))
		return true;
	return form->words != NULL &&
	       has_one_of(question->reply->text, question->reply->text_len, form->words);
}

/* May what the row says be said of this reply? */
static bool
may_be_said(const struct ev_provider_code *code, const struct question *question)
{
	bool at_rcpt = (EV_AT_RCPT & 1u << question->stage) != 0;
	uint8_t klass = (uint8_t) (question->reply->code / 100);

	if (code->klass != 0 && code->klass != klass)
		return false;
	return at_rcpt || (code->about != EV_ABOUT_RECIPIENT && code->about != EV_ABOUT_DOMAIN);
}

/* The row of a code of this form. */
static const struct ev_provider_code *
row_of(size_t form, uint64_t value, const struct question *question)
{
	const char *id = ev_code_forms[form].id;

	while (form > 0 && strcmp(ev_code_forms[form - 1].id, id) == 0)
		form--;
	for (size_t i = code_of_form[form]; i < code_of_form[form + 1]; i++)
		if (value >= ev_provider_codes[i].first && value <= ev_provider_codes[i].last &&
		    may_be_said(&ev_provider_codes[i], question))
			return &ev_provider_codes[i];
	return NULL;
}

/* "code." and what the code is made of, as an identifier. */
static void
name_rule(char *id, const char *form, const char *code, size_t n)
{
	char name[EV_RULE_MAX + 1] = "code.";
	size_t len = 5;

	for (; *form != '\0' && len < EV_RULE_MAX; form++)
		name[len++] = ev_is_alnum(*form) ? ev_lower(*form) : '_';
	if (name[len - 1] != '_' && len < EV_RULE_MAX)
		name[len++] = '_';
	for (size_t i = 0; i < n && len < EV_RULE_MAX; i++)
		name[len++] = ev_is_alnum(code[i]) ? ev_lower(code[i]) : '_';
	name[len] = '\0';
	ev_rule_set(id, name);
}

/*
 * The tail of a form at text[pos]: where what counts of it begins and how long it is.  It ends a word,
 * and is no part of a longer name.
 */
static bool
read_tail(const struct ev_code_form_info *form, const char *text, size_t len, size_t pos,
          size_t *begin, size_t *n)
{
	size_t at = pos;

	if (form->tail == EV_CODE_PLATFORM)
	{
		while (at < len && at - pos < 3 && ev_is_alnum(text[at]))
			at++;
		if (at >= len || text[at] != '_')
			return false;
		at++;
	}
	*begin = at;
	while (at < len && (form->tail == EV_CODE_NAME ? ev_is_alnum(text[at]) : ev_is_digit(text[at])))
		at++;
	*n = at - *begin;
	if (*n < form->min || *n > form->max)
		return false;
	if (at >= len)
		return true;
	if (ev_is_alnum(text[at]) || text[at] == '_' || text[at] == '@')
		return false;
	return !(text[at] == '-' || text[at] == '.') || at + 1 >= len || !ev_is_alnum(text[at + 1]);
}

/* A code of this form at text[pos]. */
static const struct ev_provider_code *
code_at(size_t form, const char *text, size_t len, size_t pos, const struct question *question,
        char *id)
{
	const struct ev_code_form_info *info = &ev_code_forms[form];
	size_t prefix = 0;
	const struct ev_provider_code *code;
	size_t begin;
	size_t n;

	for (; info->prefix[prefix] != '\0'; prefix++)
		if (pos + prefix >= len || text[pos + prefix] != info->prefix[prefix])
			return NULL;
	if (!read_tail(info, text, len, pos + prefix, &begin, &n))
		return NULL;
	code = row_of(form, ev_code_value(text + begin, n), question);
	if (code != NULL)
		name_rule(id, info->id, text + begin, n);
	return code;
}

/* May a code begin behind this byte, for one that stands in brackets or not? */
static bool
may_follow(char before, bool bracket)
{
	if (before == '[' || before == '(' || before == '{')
		return true;
	return !bracket && before != '-' && before != '_' && before != '.' && before != '/' &&
	       before != '=' && before != '@' && before != '+' && before != '\x01' && before != '%';
}

static const struct ev_provider_code *
find_in_words(const struct question *question, const struct ev_pattern_text *text, char *id)
{
	for (size_t w = 0; w < text->n_words; w++)
	{
		size_t pos = text->words[w];
		unsigned first = (unsigned char) text->text[pos] - 'a';
		unsigned second = pos + 1 < text->len ? (unsigned char) text->text[pos + 1] : ' ';

		if (first > 25 || second > 127 || (code_starts[first][second / 64] >> second % 64 & 1) == 0)
			continue;
		for (const uint8_t *form = forms_of_letter[first]; *form != NO_FORM; form++)
		{
			const struct ev_code_form_info *info = &ev_code_forms[*form];
			const struct ev_provider_code *code;

			if (!may_follow(pos > 0 ? text->text[pos - 1] : ' ', info->where == EV_CODE_BRACKET))
				continue;
			code = code_at(*form, text->text, text->len, pos, question, id);
			if (code != NULL && is_known(info, question))
				return code;
		}
	}
	return NULL;
}

/* A code in the page's address at text[from] to text[to]. */
static const struct ev_provider_code *
find_in_page(const struct question *question, size_t from, size_t to, char *id)
{
	const char *text = question->reply->text;

	for (size_t form = 0; form < ev_n_code_forms; form++)
	{
		if (ev_code_forms[form].where != EV_CODE_URL ||
		    !has_one_of(text + from, to - from, ev_code_forms[form].words))
			continue;
		for (size_t pos = from + 1; pos < to; pos++)
		{
			const struct ev_provider_code *code;

			if (ev_is_alnum(text[pos - 1]))
				continue;
			code = code_at(form, text, to, pos, question, id);
			if (code != NULL)
				return code;
		}
	}
	return NULL;
}

static const struct ev_provider_code *
find_in_pages(const struct question *question, char *id)
{
	const char *text = question->reply->text;
	size_t len = question->reply->text_len;

	for (size_t from = 0; from < len;)
	{
		const char *colon = memchr(text + from, ':', len - from);
		size_t to;
		const struct ev_provider_code *code;

		if (colon == NULL)
			return NULL;
		from = (size_t) (colon - text) + 1;
		if (from < 5 || from + 2 > len || text[from] != '/' || text[from + 1] != '/')
			continue;
		for (to = from; to < len && (unsigned char) text[to] > ' ' && text[to] != '>' &&
		                text[to] != '"' && text[to] != ')' && text[to] != ']';)
			to++;
		code = find_in_page(question, from, to, id);
		if (code != NULL)
			return code;
		from = to;
	}
	return NULL;
}

static const struct ev_provider_code *
find_enhanced(const struct question *question, char *id)
{
	struct ev_enhanced enhanced = question->reply->enhanced;
	char text[EV_ENHANCED_MAX + 1];

	/* only Microsoft has numbers of this size, of which whole ranges mean something */
	if (enhanced.klass == 0)
		return NULL;
	for (const uint8_t *form = enhanced_forms; *form != NO_FORM; form++)
	{
		const struct ev_code_form_info *info = &ev_code_forms[*form];
		const struct ev_provider_code *code;

		code = row_of(*form, enhanced.subject * 1000u + enhanced.detail, question);
		if (code == NULL || !((info->family == EV_FAMILY_MICROSOFT && enhanced.detail >= 500) ||
		                      is_known(info, question)))
			continue;
		ev_enhanced_format(enhanced, text);
		name_rule(id, info->id, text + 2, strlen(text) - 2);
		return code;
	}
	return NULL;
}

const struct ev_provider_code *
ev_provider_code_find(const struct ev_reply *reply, enum ev_stage stage, enum ev_provider provider,
                      const struct ev_mask_terms *terms, const struct ev_pattern_text *text,
                      char *id)
{
	const struct question question = {reply, stage, provider, terms};
	const struct ev_provider_code *code;

	if (reply->code < 400 || reply->code > 599)
		return NULL;
	code = find_in_words(&question, text, id);
	if (code == NULL)
		code = find_in_pages(&question, id);
	if (code == NULL)
		code = find_enhanced(&question, id);
	return code;
}
