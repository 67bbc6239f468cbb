/*
 * bounce_human.c
 *	  Answers of people's programs: vacation notes, challenges, new addresses, list managers.  None
 *	  of them is a failure: whoever answers has a mailbox.
 */
#include "engine/bounce_internal.h"

#include <string.h>

#define SUBJECT_MAX 500
#define TEXT_LOOK   3000 /* bytes of the text that are looked at */

static bool
has_any(struct ev_slice s, const char *const *words)
{
	for (; *words != NULL; words++)
		if (ev_slice_find(s, *words, NULL))
			return true;
	return false;
}

static bool
starts_any(struct ev_slice s, const char *const *words)
{
	for (; *words != NULL; words++)
		if (ev_slice_starts(s, *words))
			return true;
	return false;
}

bool
ev_bounce_from_daemon(struct ev_slice headers)
{
	static const char *const daemons[] = {"mailer-daemon",
	                                      "mailerdaemon",
	                                      "postmaster",
	                                      "mail delivery s",
	                                      "mdaemon",
	                                      "mail-daemon",
	                                      "mailer_daemon",
	                                      "mail delivery",
	                                      "mailsystem",
	                                      "mail-system",
	                                      "bounce-",
	                                      "mail administrator",
	                                      "mail.admin",
	                                      "microsoftexchange",
	                                      "undeliver",
	                                      "delivery subsystem",
	                                      "system administrator",
	                                      "mail router",
	                                      "mailer daemon",
	                                      NULL};
	struct ev_slice value;

	return ev_bounce_header(headers, "From", &value) && has_any(value, daemons);
}

/* Decoded, into buf. */
static struct ev_slice
subject_of(struct ev_slice headers, char *buf, size_t size)
{
	struct ev_slice value;

	if (!ev_bounce_header(headers, "Subject", &value))
		return (struct ev_slice){"", 0};
	return (struct ev_slice){buf, ev_mime_decode_words(ev_slice_to(value, 2000), buf, size)};
}

static const char *const bounce_subjects[] = {"undeliver",
                                              "delivery status notif",
                                              "delivery failure",
                                              "delivery fail",
                                              "mail delivery",
                                              "returned mail",
                                              "failure notice",
                                              "non-deliver",
                                              "nondeliver",
                                              "non remis",
                                              "unzustellbar",
                                              "delivery has failed",
                                              "mail failure",
                                              "delivery error",
                                              "could not deliver",
                                              "message delayed",
                                              "delayed mail",
                                              "delivery delayed",
                                              "no se puede entregar",
                                              "non recapitabil",
                                              "delivery problem",
                                              "mail system error",
                                              "delivery report",
                                              "failed delivery",
                                              "rejected mail",
                                              "warning: could not send",
                                              "message status",
                                              "undelivered",
                                              "returned to sender",
                                              "message you sent blocked",
                                              "mail could not be delivered",
                                              NULL};

static const char *const away_subjects[] = {
	"out of office",
	"out of the office",
	"out-of-office",
	"auto reply",
	"auto-reply",
	"autoreply",
	"autoresponse",
	"auto response",
	"auto-response",
	"automatic reply",
	"automatic response",
	"automated reply",
	"automated response",
	"vacation",
	"away from my mail",
	"on holiday",
	"on leave",
	"absence",
	"abwesen",
	"automatische antwort",
	"automatische r",
	"reponse automatique",
	"r\xc3\xa9ponse automatique",
	"absence du bureau",
	"r\xc3\xa9ponse auto",
	"fuera de la oficina",
	"respuesta autom",
	"fuera de oficina",
	"risposta automatica",
	"fuori sede",
	"fuori ufficio",
	"resposta autom",
	"fora do escrit",
	"ausencia",
	"aus\xc3\xaancia",
	"afwezig",
	"automatisch antwoord",
	"fr\xc3\xa5nvarande",
	"autosvar",
	"ikke til stede",
	"poissa",
	"automaattinen",
	"odpowied\xc5\xba automatyczna",
	"autoodpowied",
	"automatyczna odpowied",
	"nieobecno",
	"automatick\xc3\xa1",
	"automatikus v",
	"\xd0\xb0\xd0\xb2\xd1\x82\xd0\xbe\xd0\xbe\xd1\x82\xd0\xb2\xd0\xb5\xd1\x82", /* avtootvet */
	"\xd0\x90\xd0\xb2\xd1\x82\xd0\xbe\xd0\xbe\xd1\x82\xd0\xb2\xd0\xb5\xd1\x82",
	"\xe8\x87\xaa\xe5\x8a\xa8\xe5\x9b\x9e\xe5\xa4\x8d", /* zh: zidong huifu */
	"\xe8\x87\xaa\xe5\x8b\x95\xe5\x9b\x9e\xe8\xa6\x86",
	"\xe8\x87\xaa\xe5\x8b\x95\xe8\xbf\x94\xe4\xbf\xa1", /* ja: jidou henshin */
	"\xe8\x87\xaa\xe5\x8b\x95\xe5\xbf\x9c\xe7\xad\x94",
	"\xe4\xb8\x8d\xe5\x9c\xa8",             /* ja: fuzai */
	"\xeb\xb6\x80\xec\x9e\xac\xec\xa4\x91", /* ko: bujaejung */
	"i am away",
	"i'm away",
	"am currently away",
	"otomatik yan",
	NULL};

static const char *const challenge_subjects[] = {"please confirm your message",
                                                 "confirm your email to",
                                                 "verify your message",
                                                 "challenge",
                                                 "please verify your email",
                                                 "spam arrest",
                                                 "[boxbe]",
                                                 "sender verification",
                                                 "confirm you are human",
                                                 "action required to deliver",
                                                 "needs your confirmation",
                                                 "your message is awaiting",
                                                 "message awaiting confirmation",
                                                 "messageaddressed to",
                                                 "auto-acknowledge: confirm",
                                                 NULL};

static const char *const challenge_texts[] = {"to prove that you are",
                                              "to prove you are",
                                              "click the link below to deliver",
                                              "tagged message delivery agent",
                                              "active spam killer",
                                              "this confirmation verifies that your message",
                                              "added to the guest list",
                                              "spamarrest.com",
                                              "boxbe.com",
                                              "challenge-response",
                                              "challenge/response",
                                              "reply to this message to confirm that you",
                                              "complete the verification",
                                              "earthlink spamblocker",
                                              "knowspam",
                                              "account is protected by",
                                              "mailbox is protected by",
                                              "your address added to the recipient",
                                              NULL};

static const char *const change_subjects[] = {"new email address",
                                              "new e-mail address",
                                              "change of address",
                                              "email address change",
                                              "email address has changed",
                                              "address changed",
                                              "e-mail address change",
                                              "changed my email",
                                              "changed email",
                                              "neue e-mail",
                                              "neue email",
                                              "neue mailadresse",
                                              "nouvelle adresse",
                                              "changement d'adresse",
                                              "nuevo correo",
                                              "cambio de correo",
                                              "nuevo email",
                                              "nuova email",
                                              "nuovo indirizzo",
                                              "change of email",
                                              "new contact details",
                                              "novo e-mail",
                                              "adressenwechsel",
                                              "adress\xc3\xa4nderung",
                                              NULL};

static const char *const change_texts[] = {"my new email",
                                           "my new e-mail",
                                           "new email address is",
                                           "new e-mail address is",
                                           "email address has changed",
                                           "e-mail address has changed",
                                           "email address has been changed",
                                           "changed my email",
                                           "changed my e-mail",
                                           "please use my new",
                                           "no longer use this",
                                           "no longer using this",
                                           "this email address is no longer",
                                           "this e-mail address is no longer",
                                           "this address is no longer in use",
                                           "i have moved to",
                                           "update your address book",
                                           "update your records",
                                           "meine neue e-mail",
                                           "meine neue email",
                                           "neue e-mail-adresse",
                                           "neue e-mailadresse",
                                           "neue emailadresse",
                                           "nouvelle adresse e-mail",
                                           "nouvelle adresse mail",
                                           "nouvelle adresse est",
                                           "nueva direcci",
                                           "nuevo correo electr",
                                           "nuovo indirizzo",
                                           "new address is",
                                           "can now be reached at",
                                           "please note my new",
                                           "email has changed to",
                                           NULL};

static const char *const gone_texts[] = {
	"no longer works for",   "no longer employed", "no longer with the company",
	"has left the company",  "no longer work for", "left the organization",
	"left the organisation", "no longer with us",  NULL};

static const char *const list_subjects[] = {"your message to",
                                            "confirm subscription",
                                            "confirm unsub",
                                            "unsubscribe request",
                                            "you have been unsubscribed",
                                            "welcome to the",
                                            "subscription request",
                                            "results of your email command",
                                            "the results of your email",
                                            "mailing list",
                                            "confirm ",
                                            "majordomo results",
                                            "moderator approval",
                                            "unsubscribe",
                                            "subscribe",
                                            "post to",
                                            NULL};

/* To nobody may be answered, it is no mail system's and no list's: what vacation programs write. */
static bool
is_sent_by_nobody(struct ev_slice headers)
{
	struct ev_slice value;

	if (!ev_bounce_header(headers, "Precedence", &value) ||
	    !(ev_slice_starts(value, "junk") || ev_slice_starts(value, "bulk")))
		return false;
	return ev_bounce_header(headers, "Return-Path", &value) &&
	       ev_slice_is(ev_slice_trim(value), "<>") &&
	       !ev_bounce_header(headers, "List-Id", &value) &&
	       !ev_bounce_header(headers, "List-Unsubscribe", &value);
}

/* A header that says that a program answered. */
static bool
is_automatic(struct ev_slice headers)
{
	static const char *const names[] = {
		"X-Autoreply",     "X-Autorespond",   "X-AutoReply-From",    "X-Mail-Autoreply",
		"X-Autogenerated", "X-Autoresponder", "X-POST-MessageClass", "X-Cron-Env",
		"X-Auto-Reply",    "X-Vacation",      "X-Zoho-AutoReply",    "X-AutoResponse",
		"X-Auto-Response"};
	struct ev_slice value;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (ev_bounce_header(headers, names[i], &value) && !ev_slice_is(value, "no"))
			return true;
	if (ev_bounce_header(headers, "Auto-Submitted", &value) &&
	    (ev_slice_starts(value, "auto-replied") || ev_slice_find(value, "vacation", NULL)))
		return true;
	if (ev_bounce_header(headers, "Precedence", &value) &&
	    (ev_slice_starts(value, "auto_reply") || ev_slice_starts(value, "auto-reply")))
		return true;
	if (ev_bounce_header(headers, "X-MS-Exchange-Generated-Message-Source", &value) &&
	    ev_slice_find(value, "OOF", NULL))
		return true;
	return is_sent_by_nobody(headers);
}

static bool
is_list(struct ev_slice headers, struct ev_slice subject)
{
	struct ev_slice value;

	if (!ev_bounce_header(headers, "List-Id", &value) &&
	    !(ev_bounce_header(headers, "X-BeenThere", &value)) &&
	    !ev_bounce_header(headers, "X-Mailman-Version", &value) &&
	    !(ev_bounce_header(headers, "From", &value) &&
	      (ev_slice_find(value, "-request@", NULL) || ev_slice_find(value, "majordomo", NULL) ||
	       ev_slice_find(value, "listserv", NULL) || ev_slice_find(value, "-bounces@", NULL) ||
	       ev_slice_find(value, "-owner@", NULL) || ev_slice_find(value, "owner-", NULL) ||
	       ev_slice_find(value, "sympa@", NULL) || ev_slice_find(value, "-help@", NULL))))
		return false;
	return has_any(subject, list_subjects);
}

static struct ev_bounce *
add(const struct ev_bounce_input *input, struct ev_bounce_rows *rows, enum ev_bounce_kind kind,
    const char *format)
{
	struct ev_bounce *row = ev_bounce_add(rows, format, kind);
	struct ev_slice value;

	if (row != NULL)
	{
		if (ev_bounce_header(input->headers, "From", &value))
			ev_bounce_copy_address(row->final_recipient, sizeof(row->final_recipient), value);
		row->confidence = 80;
	}
	return row;
}

/* The first address in the text that is not the sender's: what the notice is about. */
static void
find_new_address(struct ev_slice text, struct ev_bounce *row)
{
	size_t at;
	char address[EV_BOUNCE_RECIPIENT_MAX + 1];

	while (ev_slice_find(text, "@", &at))
	{
		size_t start = at;
		size_t end = at;

		while (start > 0 && !ev_slice_is_blank(text.s[start - 1]) && at - start < 80)
			start--;
		while (end < text.n && !ev_slice_is_blank(text.s[end]) && end - at < 260)
			end++;
		if (ev_bounce_copy_address(address, sizeof(address),
		                           (struct ev_slice){text.s + start, end - start}) &&
		    strchr(strchr(address, '@') != NULL ? strchr(address, '@') : "", '.') != NULL &&
		    !ev_slice_is((struct ev_slice){address, strlen(address)}, row->final_recipient))
		{
			ev_bounce_copy(row->diagnostic, sizeof(row->diagnostic),
			               (struct ev_slice){address, strlen(address)});
			return;
		}
		text = ev_slice_from(text, end > at ? end : at + 1);
	}
}

bool
ev_bounce_read_human(const struct ev_bounce_input *input, struct ev_bounce_rows *rows)
{
	char buf[SUBJECT_MAX];
	struct ev_slice subject = subject_of(input->headers, buf, sizeof(buf));
	struct ev_slice text = ev_slice_to(input->text, TEXT_LOOK);
	struct ev_slice value;
	bool automatic;
	bool away;
	struct ev_bounce *row;

	if (ev_bounce_read_report(input, rows))
		return true;
	if (input->headers.n == 0 || has_any(subject, bounce_subjects) ||
	    ev_bounce_header(input->headers, "X-Failed-Recipients", &value))
		return false;
	away = has_any(subject, away_subjects);
	if (!away && ev_bounce_from_daemon(input->headers))
		return false;
	automatic = is_automatic(input->headers);
	if (is_list(input->headers, subject))
	{
		row = add(input, rows, EV_KIND_SUBSCRIPTION, "list_manager");
		if (row != NULL)
			ev_bounce_copy(row->diagnostic, sizeof(row->diagnostic), subject);
		return row != NULL;
	}
	if (has_any(subject, challenge_subjects) ||
	    ((automatic || starts_any(subject, (const char *const[]){"re:", "confirm", NULL})) &&
	     has_any(text, challenge_texts)))
	{
		row = add(input, rows, EV_KIND_CHALLENGE, "challenge");
		if (row != NULL)
			ev_bounce_copy(row->diagnostic, sizeof(row->diagnostic), subject);
		return row != NULL;
	}
	if (has_any(subject, change_subjects) ||
	    ((automatic || away || ev_slice_starts(subject, "re:") ||
	      ev_slice_starts(subject, "aw:")) &&
	     (has_any(text, change_texts) || (automatic && has_any(text, gone_texts)))))
	{
		row = add(input, rows, EV_KIND_ADDRESS_CHANGE, "address_change");
		if (row == NULL)
			return false;
		ev_bounce_copy(row->diagnostic, sizeof(row->diagnostic), subject);
		find_new_address(text, row);
		return true;
	}
	if (!automatic && !away)
		return false;
	row = add(input, rows, EV_KIND_AUTO_REPLY, automatic ? "auto_submitted" : "vacation");
	if (row != NULL)
		ev_bounce_copy(row->diagnostic, sizeof(row->diagnostic), subject);
	return row != NULL;
}
