/*
 * vocabulary.c
 *	  The rows of vocabulary.def, looked up in order.
 */
#include "engine/vocabulary.h"

#include <string.h>

/* fits every reason, every detail */
#define ANY_REASON (-1)
#define ANY_DETAIL (-1)

struct word
{
	int reason;
	int detail;
	const char *code;
	const char *term;
};

/* EV_REASON_ANY and EV_DETAIL_ANY are no reason and no detail */
#define EV_REASON_ANY ANY_REASON
#define EV_DETAIL_ANY ANY_DETAIL

static const struct word hippo[] = {
#define EV_HIPPO(reason, detail, code) {EV_REASON_##reason, EV_DETAIL_##detail, (code), NULL},
#include "engine/vocabulary.def"
};

static const struct word bounceless[] = {
#define EV_BOUNCELESS(reason, detail, code, term)                                                  \
	{EV_REASON_##reason, EV_DETAIL_##detail, (code), (term)},
#include "engine/vocabulary.def"
};

static const struct
{
	enum ev_reason reason;
	enum ev_reason said_as;
} billion[] = {
#define EV_BILLION(reason, said_as) {EV_REASON_##reason, EV_REASON_##said_as},
#include "engine/vocabulary.def"
};

static const struct word *
find(const struct word *words, size_t n, const struct ev_verdict *verdict)
{
	for (size_t i = 0; i < n; i++)
		if ((words[i].reason == ANY_REASON || words[i].reason == (int) verdict->reason) &&
		    (words[i].detail == ANY_DETAIL || words[i].detail == (int) verdict->detail))
			return &words[i];
	return NULL;
}

/*
 * Codes that say that the address is bad, whatever our status is: a full or disabled mailbox is
 * unknown to us, since it may come back.
 */
static bool
is_bad(const char *code)
{
	static const char *const bad[] = {"MailboxDoesNotExist", "MailboxFull", "DomainIsWellKnownDea"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (strcmp(code, bad[i]) == 0)
			return true;
	return false;
}

static struct ev_words
hippo_words(const struct ev_verdict *verdict)
{
	const struct ev_reason_info *info = ev_reason_info(verdict->reason);
	const struct word *word = find(hippo, sizeof(hippo) / sizeof(hippo[0]), verdict);
	struct ev_words words = {"Unknown", info->retryable ? "Unknown" : "None", NULL};

	if (word != NULL)
		words.code = word->code;
	if (info->status == EV_STATUS_INVALID || is_bad(words.code))
		words.status = "Bad";
	else if (strcmp(words.code, "Success") == 0)
		words.status = "OK";
	return words;
}

/* Bounceless sorts its codes into two groups; those of the good one may be sent to. */
static const char *
bounceless_group(const char *code)
{
	static const char *const good[] = {"all is ok", "ok_for_all", "antispam_system"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (strcmp(code, good[i]) == 0)
			return "valid";
	return "invalid";
}

static struct ev_words
bounceless_words(const struct ev_verdict *verdict)
{
	const struct word *word = find(bounceless, sizeof(bounceless) / sizeof(bounceless[0]), verdict);
	struct ev_words words = {word->term, word->code[0] == '\0' ? NULL : word->code, NULL};

	if (words.code != NULL)
		words.group = bounceless_group(words.code);
	return words;
}

static struct ev_words
billion_words(const struct ev_verdict *verdict)
{
	enum ev_reason reason = verdict->reason;
	struct ev_verdict said;
	struct ev_words words;

	if (reason == EV_REASON_SMTP_PROTOCOL_ERROR)
		reason = verdict->detail == EV_DETAIL_CLOSED ? EV_REASON_SMTP_EOF_BLOCKED
		                                             : EV_REASON_SMTP_CONNECTION_FAILED;
	for (size_t i = 0; i < sizeof(billion) / sizeof(billion[0]); i++)
		if (billion[i].reason == reason)
		{
			reason = billion[i].said_as;
			break;
		}
	said = ev_verdict_of(reason, EV_DETAIL_NONE);
	ev_verdict_apply_role(&said, verdict->status == EV_STATUS_ROLE);
	words.status = ev_status_label(said.status);
	words.code = ev_reason_info(reason)->label;
	words.group = NULL;
	return words;
}

struct ev_words
ev_words_of(const struct ev_verdict *verdict, enum ev_vocabulary vocabulary)
{
	switch (vocabulary)
	{
		case EV_VOCABULARY_EMAILHIPPO: return hippo_words(verdict);
		case EV_VOCABULARY_BOUNCELESS: return bounceless_words(verdict);
		case EV_VOCABULARY_BILLIONVERIFY:
		case EV_N_VOCABULARY: break;
	}
	return billion_words(verdict);
}

bool
ev_vocabulary_by_label(const char *label, size_t n, enum ev_vocabulary *out)
{
	static const char *const labels[EV_N_VOCABULARY] = {
		[EV_VOCABULARY_EMAILHIPPO] = "emailhippo",
		[EV_VOCABULARY_BOUNCELESS] = "bounceless",
		[EV_VOCABULARY_BILLIONVERIFY] = "billionverify",
	};

	for (int i = 0; i < EV_N_VOCABULARY; i++)
		if (strlen(labels[i]) == n && memcmp(labels[i], label, n) == 0)
		{
			*out = (enum ev_vocabulary) i;
			return true;
		}
	return false;
}
