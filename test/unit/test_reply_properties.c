/*
 * test_reply_properties.c
 *	  Sentences put together, language by language: a guess, one explanation of two, or something else than a
 *	  mailbox that is missing condemns nobody; a plain statement does.
 */
#include "corpus.h"

/* Each language's words; NULL after the last. */
struct language
{
	const char *blank; /* between words */
	const char *missing[12];
	const char *others[14]; /* behind them: another explanation */
	const char *guesses[9]; /* before them */
};

static const struct language languages[] = {
	{" ",
     {"no such user", "user unknown", "mailbox not found", "recipient does not exist",
      "unknown recipient", "address not found", "no such mailbox", "invalid recipient",
      "account does not exist", "unknown address"},
     {"or you may not send to it", "or access denied", "or mailbox full",
      "or the sender is blocked", "or not permitted", "or the mailbox is disabled",
      "or its server is down", "or temporarily unavailable", "or you lack permission",
      "/ access denied", "(or disabled)", "or protected by policy"},
     {"possibly", "maybe", "perhaps", "probably", "it is possible that", "it seems that",
      "apparently"}},
	{" ",
     {"Empfaenger unbekannt", "Benutzer existiert nicht", "Postfach nicht gefunden",
      "Adresse existiert nicht", "unbekannter Empfänger"},
     {"oder gesperrt", "oder Sie haben keine Berechtigung", "oder der Zugriff ist verweigert",
      "oder das Postfach ist voll"},
     {"möglicherweise", "vielleicht", "vermutlich", "wahrscheinlich", "eventuell"}},
	{" ",
     {"destinataire inconnu", "utilisateur inexistant", "l'adresse n'existe pas",
      "boîte inexistante"},
     {"ou vous n'avez pas le droit", "ou accès refusé", "ou boîte pleine", "ou bloqué"},
     {"peut-être", "il est possible que", "probablement"}},
	{" ",
     {"usuario desconocido", "el usuario no existe", "buzón inexistente", "la cuenta no existe"},
     {"o no tiene permiso", "o acceso denegado", "o el buzón está lleno", "o bloqueado"},
     {"quizás", "posiblemente", "tal vez", "es posible que"}},
	{" ",
     {"utente sconosciuto", "la casella non esiste", "destinatario inesistente"},
     {"o non avete il permesso", "oppure accesso negato", "o casella piena", "o bloccato"},
     {"forse", "probabilmente", "è possibile che"}},
	{" ",
     {"usuário desconhecido", "a conta não existe", "destinatário inexistente"},
     {"ou sem permissão", "ou acesso negado", "ou caixa cheia", "ou bloqueado"},
     {"talvez", "possivelmente", "é possível que"}},
	{" ",
     {"onbekende gebruiker", "gebruiker bestaat niet", "ontvanger onbekend"},
     {"of u heeft geen toegang", "of geblokkeerd", "of de mailbox is vol"},
     {"mogelijk", "misschien", "waarschijnlijk"}},
	{" ",
     {"nieznany użytkownik", "użytkownik nie istnieje", "odbiorca nieznany"},
     {"lub brak uprawnień", "albo dostęp zabroniony", "lub skrzynka pełna"},
     {"być może", "prawdopodobnie", "możliwe, że"}},
	{" ",
     {"neznámý uživatel", "uživatel neexistuje", "neznámý příjemce"},
     {"nebo nemáte oprávnění", "nebo je schránka plná", "nebo přístup odepřen"},
     {"možná", "pravděpodobně", "snad"}},
	{" ",
     {"пользователь не найден", "адрес не существует", "неизвестный получатель"},
     {"или нет прав", "или доступ запрещен", "или ящик переполнен"},
     {"возможно", "вероятно", "может быть"}},
	{" ",
     {"okänd användare", "mottagaren finns inte"},
     {"eller saknar du behörighet", "eller är den full"},
     {"kanske", "möjligen", "troligen"}},
	{" ",
     {"ukendt bruger", "brugeren findes ikke"},
     {"eller du har ikke adgang", "eller blokeret"},
     {"måske", "muligvis"}},
	{" ",
     {"kullanıcı bulunamadı", "böyle bir kullanıcı yok"},
     {"veya izniniz yok", "veya kutusu dolu"},
     {"belki", "muhtemelen"}},
	{"",
     {"用户不存在", "收件人不存在"},
     {"或没有权限", "或已被禁用", "或邮箱已满"},
     {"可能", "也许"}},
	{"",
     {"ユーザーが存在しない", "宛先が存在しない"},
     {"か、権限がありません", "または拒否されました"},
     {"おそらく", "たぶん"}},
	{"",
     {"사용자가 존재하지 않", "존재하지 않는 사용자"},
     {"거나 권한이 없습니다", "거나 차단되었습니다"},
     {"아마"}},
};

static const char *const subjects[] = {
	"mail log",
	"user class",
	"recipient table",
	"mailbox format",
	"account type",
	"user agent",
	"mail route",
	"user certificate",
	"recipient list",
	"mailbox driver",
	"address range",
	"user session",
	"mail policy",
	"account manager",
	"user group policy",
	"mail transport",
	"sender",
	"sender address",
	"return path",
	"source address",
	"envelope sender",
	"client",
	"client host",
	"your address",
	"your account",
	"calling user",
	"authenticated user",
	"From address",
	"reply-to address",
	"login",
	"domain key",
	"DKIM key",
	"SPF record",
	"PTR record",
	"MX record",
	"host",
	"mail host",
	"relay host",
	"server",
	"mail server",
	"database",
	"user database",
	"file",
	"queue",
	"header",
	"command",
	"certificate",
	"attachment",
	"message",
	"template",
	"backend",
	"session",
	"token",
	"gateway",
	"route",
	"zone",
	"mail queue",
	"user quota record",
	"mailbox server",
	"mailbox store",
	"mailbox database",
	"user password",
	"user credentials",
	"mail filter",
	"user profile",
	"mail gateway",
	"recipient policy",
	"recipient filter",
	"mail header",
	"user object class",
	"mail domain key",
	"address book policy",
	"user licence",
	"mailbox plan",
	"mail client",
	"mail program",
	"mailbox path",
	"user role",
	"account policy",
	"MAC address",
	"network address",
	"client address",
	"list of recipients",
	"server of the mailbox",
	"calling user",
	"admin account",
	"address pool",
	"user data",
	"Benutzerrolle",
	"Empfänger-Richtlinie",
	"recipient delimiter",
	"address literal",
};

static const char *const verbs[] = {
	"%s not found",         "%s does not exist", "unknown %s",    "no such %s",
	"invalid %s",           "%s unknown",        "%s is invalid", "%s could not be found",
	"the %s was not found", "%s doesn't exist",
};

static int wrong;

static void
check(const char *text, bool invalid)
{
	struct ev_finding finding;

	corpus_classify(text, EV_STAGE_RCPT, "", false, NULL, &finding);
	if ((ev_reason_info(finding.reason)->status == EV_STATUS_INVALID) == invalid)
		return;
	print_error("%s: %s by %s\n", text, ev_reason_info(finding.reason)->label, finding.rule);
	wrong++;
}

/* With each of these codes before it. */
static void
check_with_codes(const char *before, const char *blank, const char *text, const char *behind,
                 bool invalid)
{
	static const char *const codes[] = {"550", "553", "550 5.1.1", "550 5.4.1"};
	char line[400];

	for (size_t i = 0; i < N_ROWS(codes); i++)
	{
		snprintf(line, sizeof(line), "%s %s%s%s%s", codes[i], before, *before ? blank : "", text,
		         behind);
		check(line, invalid);
	}
}

static void
one_explanation_of_two_condemns_nobody_in_any_language(void **state)
{
	(void) state;
	wrong = 0;
	for (const struct language *l = languages; l < languages + N_ROWS(languages); l++)
		for (const char *const *missing = l->missing; *missing != NULL; missing++)
			for (const char *const *other = l->others; *other != NULL; other++)
			{
				char behind[200];

				snprintf(behind, sizeof(behind), "%s%s", l->blank, *other);
				check_with_codes("", "", *missing, behind, false);
				snprintf(behind, sizeof(behind), "%s%s", *l->blank ? ", " : "", *other);
				check_with_codes("", "", *missing, behind, false);
			}
	assert_int_equal(wrong, 0);
}

static void
a_guess_condemns_nobody_in_any_language(void **state)
{
	(void) state;
	wrong = 0;
	for (const struct language *l = languages; l < languages + N_ROWS(languages); l++)
		for (const char *const *missing = l->missing; *missing != NULL; missing++)
			for (const char *const *guess = l->guesses; *guess != NULL; guess++)
				check_with_codes(*guess, " ", *missing, "", false);
	assert_int_equal(wrong, 0);
}

static void
a_plain_statement_condemns_in_any_language(void **state)
{
	(void) state;
	wrong = 0;
	for (const struct language *l = languages; l < languages + N_ROWS(languages); l++)
		for (const char *const *missing = l->missing; *missing != NULL; missing++)
		{
			check_with_codes("", "", *missing, "", true);
			check_with_codes("<john.doe@corp.com>:", " ", *missing, "", true);
			check_with_codes("Recipient address rejected:", " ", *missing, " (0017a-3)", true);
		}
	assert_int_equal(wrong, 0);
}

static void
what_is_no_mailbox_condemns_nobody_when_it_is_missing(void **state)
{
	char line[200];

	(void) state;
	wrong = 0;
	for (size_t i = 0; i < N_ROWS(subjects); i++)
		for (size_t k = 0; k < N_ROWS(verbs); k++)
		{
			int at = (int) strcspn(verbs[k], "%");
			const char *behind = verbs[k] + at + 2;

			snprintf(line, sizeof(line), "550 %.*s%s%s", at, verbs[k], subjects[i], behind);
			check(line, false);
			line[2] = '4';
			check(line, false);
		}
	assert_int_equal(wrong, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_explanation_of_two_condemns_nobody_in_any_language),
		cmocka_unit_test(a_guess_condemns_nobody_in_any_language),
		cmocka_unit_test(a_plain_statement_condemns_in_any_language),
		cmocka_unit_test(what_is_no_mailbox_condemns_nobody_when_it_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
