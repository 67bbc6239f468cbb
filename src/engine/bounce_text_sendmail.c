/*
 * bounce_text_sendmail.c
 *	  Sendmail's reports and their relatives: a list of addresses, and a transcript of the session.
 */
#include "engine/bounce_text.h"

#include <string.h>

enum section
{
	SECTION_NONE,
	SECTION_ADDRESSES,
	SECTION_TRANSCRIPT
};

/* Does a ruled line begin another section? */
static bool
read_section(struct ev_slice line, enum section *section)
{
	struct ev_slice s = ev_slice_trim(line);

	if (!ev_slice_starts(s, "---"))
		return false;
	if (ev_slice_find(s, "the following address", NULL))
		*section = SECTION_ADDRESSES;
	else if (ev_slice_find(s, "transcript of", NULL))
		*section = SECTION_TRANSCRIPT;
	else
		*section = SECTION_NONE;
	return true;
}

/* --- the list of addresses -------------------------------------------------------------------- */

/* "(reason: 550 5.1.1 <…>... User unknown)", over several lines. */
static struct ev_slice
read_reason(struct ev_slice line, struct ev_slice rest)
{
	struct ev_slice s = ev_slice_trim(line);
	struct ev_slice next;
	const char *from = s.s + strlen("(reason:");
	const char *to = s.s + s.n;
	size_t lines = 0;

	while (to > from && to[-1] != ')' && lines++ < 20 && ev_slice_line(&rest, &next) &&
	       next.n > 0 && ev_slice_is_blank(next.s[0]) && ev_slice_trim(next).n > 0)
		to = next.s + next.n;
	while (to > from && (ev_slice_is_blank(to[-1])))
		to--;
	if (to > from && to[-1] == ')')
		to--;
	return ev_slice_trim((struct ev_slice){from, (size_t) (to - from)});
}

static void
read_address_line(struct ev_slice line, struct ev_slice rest, struct ev_text_recipients *recipients,
                  struct ev_text_recipient **open)
{
	struct ev_slice s = ev_slice_trim(line);
	struct ev_slice address;
	size_t behind;

	if (ev_slice_starts(s, "(reason:"))
	{
		if (*open != NULL)
			(*open)->words = read_reason(line, rest);
		return;
	}
	if (ev_slice_starts(s, "(expanded from:"))
	{
		if (*open != NULL && ev_text_find_recipient(s, &address, &behind))
			(*open)->original = address;
		return;
	}
	if (s.n == 0 || s.s[0] == '(' || (s.s[0] >= '0' && s.s[0] <= '9' && s.n > 3 && s.s[3] == ' '))
		return;
	/* ActiveHunter puts ">>> " before both the address and its reply */
	if (ev_slice_starts(s, ">>> ") && *open != NULL)
	{
		s = ev_slice_from(s, 4);
		if (ev_text_find_code(ev_slice_to(s, 16), &behind) && behind == 0)
		{
			(*open)->words = s;
			return;
		}
	}
	if (!ev_text_find_recipient(s, &address, &behind))
		return;
	*open = ev_text_recipient_add(recipients, address);
	/* "user@host    (User unknown)", "user@host [User unknown]" */
	if (*open != NULL && (*open)->words.n == 0)
		(*open)->words = ev_slice_trim(ev_slice_from(s, behind));
}

/* --- the transcript --------------------------------------------------------------------------- */

struct transcript
{
	struct ev_text_recipients *recipients;
	struct ev_text_recipient *rcpt; /* of the last RCPT */
	const char *command;            /* where the last command stands */
	struct ev_slice refusal;        /* the first one that belongs to no recipient */
	struct ev_slice reply;          /* the peer's last refusal, until sendmail says whose it was */
	bool replied;                   /* a peer has refused something */
	bool listed;                    /* there was a list of addresses: the transcript adds none */
};

static struct ev_text_recipient *
lookup(struct transcript *t, struct ev_slice address)
{
	if (!t->listed)
		return ev_text_recipient_add(t->recipients, address);
	for (size_t i = 0; i < t->recipients->n; i++)
		if (ev_text_same_address(t->recipients->list[i].address, address) ||
		    ev_text_same_address(t->recipients->list[i].original, address))
			return &t->recipients->list[i];
	return NULL;
}

/* Is there an enhanced code in the first bytes of it? */
static bool
is_precise(struct ev_slice words)
{
	struct ev_enhanced e;
	size_t len;

	for (size_t i = 0; i + 5 < words.n && i < 120; i++)
		if ((words.s[i] == '4' || words.s[i] == '5') && words.s[i + 1] == '.' && i > 0 &&
		    words.s[i - 1] == ' ' && ev_enhanced_parse(words.s + i, words.n - i, &e, &len))
			return true;
	return false;
}

/* Words with a code are not given up for others, but for those with a better one. */
static void
assign(struct ev_text_recipient *r, struct ev_slice words)
{
	struct ev_slice said;
	enum ev_text_worth worth = ev_text_said(words, &said);

	if (r->words.n == 0 || worth > ev_text_said(r->words, &said) ||
	    (worth == EV_WORTH_CODE && is_precise(words) && !is_precise(r->words)))
		r->words = words;
}

/*
 * A line of sendmail's own about a recipient, with words that it makes of any reply of that code ("550
 * 5.1.1 <user@host>... User unknown").  What the peer said just before is what it speaks of.
 */
static void
assign_own(struct transcript *t, struct ev_text_recipient *r, struct ev_slice own)
{
	struct ev_slice said;

	if (t->reply.n > 0)
		assign(r, t->reply);
	if (!t->replied || ev_text_said(r->words, &said) < EV_WORTH_CODE)
		assign(r, own);
	t->reply.n = 0;
}

/* The lines of a reply that begins here, from the command before it. */
static struct ev_slice
whole_reply(const struct transcript *t, struct ev_slice line, struct ev_slice rest)
{
	const char *from = t->command != NULL ? t->command : line.s;
	const char *to = line.s + line.n;
	struct ev_slice next;

	while (to - from < 1500 && ev_slice_line(&rest, &next) && ev_slice_starts(next, "<<< ") &&
	       next.n > 8 && line.n > 7 && memcmp(next.s, line.s, 7) == 0)
		to = next.s + next.n;
	return (struct ev_slice){from, (size_t) (to - from)};
}

static void
read_transcript_line(struct transcript *t, struct ev_slice line, struct ev_slice rest)
{
	struct ev_slice s = ev_slice_trim(line);
	struct ev_slice address = {"", 0};
	struct ev_text_recipient *r = NULL;
	size_t behind = 0;
	size_t at;

	if (ev_slice_starts(s, ">>> "))
	{
		t->command = s.s;
		t->rcpt = NULL;
		if (ev_slice_starts(s, ">>> rcpt") && ev_text_find_recipient(s, &address, &behind))
			t->rcpt = lookup(t, address);
		return;
	}
	if (ev_slice_starts(s, "<<< "))
	{
		struct ev_slice words;

		if (s.n < 7 || (s.s[4] != '4' && s.s[4] != '5'))
			return;
		words = whole_reply(t, s, rest);
		t->replied = true;
		if (t->rcpt != NULL)
			assign(t->rcpt, words);
		else if (t->refusal.n == 0)
			t->refusal = words;
		/* of a pipelined session only the last command is shown: it says nothing of the stage */
		t->reply = ev_slice_from(words, (size_t) (s.s - words.s));
		return;
	}
	/* "550 5.1.1 <user@host>... User unknown", "<user@host>... Deferred: Connection refused" */
	if (!ev_text_find_recipient(s, &address, &behind))
	{
		if (t->refusal.n == 0 && ev_text_find_code(ev_slice_to(s, 24), &at) && at == 0)
			t->refusal = s;
		return;
	}
	if (!ev_slice_starts(ev_slice_from(s, behind), "...") &&
	    !(ev_text_find_code(ev_slice_to(s, 24), &at) && at == 0))
		return;
	r = lookup(t, address);
	if (r != NULL)
		assign_own(t, r, s);
}

void
ev_text_read_sendmail(const struct ev_text *text, struct ev_text_recipients *recipients)
{
	struct transcript t = {.recipients = recipients, .refusal = {"", 0}, .reply = {"", 0}};
	struct ev_slice rest = text->text;
	struct ev_slice line;
	struct ev_text_recipient *open = NULL;
	enum section section = SECTION_NONE;
	struct ev_slice said;

	while (!ev_bounce_stopped(text->input->work) && ev_slice_line(&rest, &line))
	{
		if (read_section(line, &section))
			continue;
		if (section == SECTION_ADDRESSES)
		{
			read_address_line(line, rest, recipients, &open);
			t.listed = recipients->n > 0;
		}
		else if (section == SECTION_TRANSCRIPT)
			read_transcript_line(&t, line, rest);
	}
	for (size_t i = 0; i < recipients->n; i++)
		if (t.refusal.n > 0 && ev_text_said(recipients->list[i].words, &said) < EV_WORTH_PHRASE)
			recipients->list[i].words = t.refusal;
}
