/*
 * bounce_dsn_fields.c
 *	  Values of the fields of delivery status notifications, as they are and as they should be.
 */
#include "engine/bounce_internal.h"

#include <string.h>

/* "dns; host.example (192.0.2.1)": the host. */
struct ev_slice
ev_dsn_host(struct ev_slice value)
{
	size_t n = 0;

	value = ev_slice_trim(value);
	for (size_t i = 0; i < value.n && i < 24; i++)
		if (value.s[i] == ';')
		{
			value = ev_slice_trim(ev_slice_from(value, i + 1));
			break;
		}
	while (value.n > 0 && (value.s[0] == '[' || value.s[0] == '<' || value.s[0] == '('))
		value = ev_slice_from(value, 1);
	while (n < value.n && !ev_slice_is_blank(value.s[n]) && strchr(")]>(;,|", value.s[n]) == NULL)
		n++;
	while (n > 0 && value.s[n - 1] == '.')
		n--;
	return ev_slice_to(value, n);
}

enum ev_bounce_action
ev_dsn_action(struct ev_slice value, struct ev_enhanced status)
{
	static const struct
	{
		const char *word;
		enum ev_bounce_action action;
	} words[] = {
		{"failed", EV_ACTION_FAILED},        {"failure", EV_ACTION_FAILED},
		{"fail", EV_ACTION_FAILED},          {"bounced", EV_ACTION_FAILED},
		{"undeliverable", EV_ACTION_FAILED}, {"expired", EV_ACTION_FAILED},
		{"error", EV_ACTION_FAILED},         {"deny", EV_ACTION_FAILED},
		{"hard", EV_ACTION_FAILED},          {"delayed", EV_ACTION_DELAYED},
		{"delay", EV_ACTION_DELAYED},        {"deferred", EV_ACTION_DELAYED},
		{"delivered", EV_ACTION_DELIVERED},  {"deliverable", EV_ACTION_DELIVERED},
		{"success", EV_ACTION_DELIVERED},    {"relayed", EV_ACTION_RELAYED},
		{"expanded", EV_ACTION_EXPANDED},
	};

	value = ev_slice_trim(value);
	while (value.n > 0 && (value.s[0] == '"' || value.s[0] == '<'))
		value = ev_slice_from(value, 1);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (ev_slice_starts(value, words[i].word))
			return words[i].action;
	return status.klass == 2 ? EV_ACTION_DELIVERED : EV_ACTION_FAILED;
}

/* "5.1.1", "5.1.1 (bad mailbox)", "5.1.1.", "5.1.1; text", "511"; klass 0 when it is none. */
struct ev_enhanced
ev_dsn_status(struct ev_slice value)
{
	struct ev_enhanced e = {0, 0, 0};
	size_t len;

	value = ev_slice_trim(value);
	for (size_t i = 0; i < value.n && i < 40; i++)
		if ((i == 0 || value.s[i - 1] < '0' || value.s[i - 1] > '9') &&
		    ev_enhanced_parse(value.s + i, value.n - i, &e, &len) && e.subject <= 7)
			return e;
	return (struct ev_enhanced){0, 0, 0};
}

/* "|/usr/bin/filter", "/var/mail/archive", ":include:/etc/list"; not X.400's "/g=Anna/s=Muster" */
bool
ev_dsn_is_program(const char *name)
{
	if (name[0] == '/')
		return strchr(name, '=') == NULL;
	return name[0] == '|' || name[0] == '\\' || name[0] == ':' ||
	       (name[0] == '"' && name[1] == '|');
}

void
ev_dsn_blame_nobody(struct ev_bounce *row)
{
	row->verdict = ev_verdict_of(EV_REASON_SMTP_UNVERIFIABLE, EV_DETAIL_CANNOT_VERIFY);
	ev_rule_set(row->rule, "bounce.alias");
	row->scope = EV_SCOPE_NONE;
}
