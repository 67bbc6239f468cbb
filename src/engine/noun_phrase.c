/*
 * noun_phrase.c
 *	  The words beside a noun, forwards and backwards.
 */
#include "engine/noun_phrase.h"

#include <string.h>

#include "engine/ascii.h"

struct span
{
	size_t begin, end;
};

static bool
is_letter(char c)
{
	return ev_is_alnum(c) || (unsigned char) c >= 0x80;
}

/* The word that ends before byte pos, but for one blank, hyphen or underscore. */
static struct span
word_before(const struct ev_pattern_text *text, size_t pos)
{
	struct span word;

	if (pos > 0 && strchr(" -_", text->text[pos - 1]) != NULL)
		pos--;
	word.end = pos;
	while (pos > 0 && is_letter(text->text[pos - 1]))
		pos--;
	word.begin = pos;
	return word;
}

/* Is it one of these words, which stand between single blanks? */
static bool
is_one_of(const char *words, const struct ev_pattern_text *text, struct span word)
{
	char wanted[24];
	size_t n = word.end - word.begin;

	if (n == 0 || n + 3 > sizeof(wanted))
		return false;
	wanted[0] = ' ';
	memcpy(wanted + 1, text->text + word.begin, n);
	wanted[n + 1] = ' ';
	wanted[n + 2] = '\0';
	return strstr(words, wanted) != NULL;
}

/* Between single blanks. */
static const char prepositions[] =
	" in on at from of within for to by with under behind into im am auf bei an unter fur fuer "
	"sur dans en chez "
	"su nel nella sul sulla em no na nos nas op bij w v ve pa hos ";

/* "in", "in the", "on our": what follows is where something is missing, not what is. */
static bool
is_place(const struct ev_pattern_text *text, struct span noun)
{
	static const char articles[] = " the our this its any your local diesem dieser unserem unserer "
								   "dem der den ce cet cette notre le la les "
								   "este esta nuestro nuestra questo questa nostro nostra el il "
								   "nosso nossa deze dit dat ons onze tym tej naszym "
								   "tomto teto nasem denna detta var dette denne ";
	struct span word = word_before(text, noun.begin);

	if (is_one_of(articles, text, word))
		word = word_before(text, word.begin);
	return is_one_of(prepositions, text, word);
}

/* Recipients, as the first part of a compound: "mail log", "user credentials". */
static bool
names_recipient(const struct ev_pattern_text *text, struct span word)
{
	static const char nouns[] =
		" user users mail email mailbox mailboxes recipient recipients account "
		"accounts address addresses rcpt inbox domain domains e ";

	return is_one_of(nouns, text, word);
}

/* Does one word at most stand between two places, which is a part of a compound ("group" of "user group policy")? */
static bool
is_joined(const struct ev_pattern_text *text, size_t end, size_t pos)
{
	static const char others[] =
		" here there please check see or and but is was has does not no so if you we ";
	struct span word = word_before(text, pos);

	if (pos <= end + 1)
		return true;
	return word.end == pos - 1 && word.begin == end + 1 && word.begin < word.end &&
	       text->text[end] == ' ' && !is_one_of(others, text, word) &&
	       !is_one_of(prepositions, text, word);
}

/* Does the text of the rule begin with what is missing, not with "no such" or "unknown"? */
static bool
begins_with_noun(const struct ev_pattern_text *text, size_t begin)
{
	static const char others[] = " no unknown invalid illegal bad not unable cannot could couldn "
								 "can failed nonexistent non unregistered "
								 "unbekannter unbekannte keinen kein ungultige aucun aucune no "
								 "nessun nessuna nieznany brak ";
	struct span word = {begin, begin};

	while (word.end < text->len && is_letter(text->text[word.end]))
		word.end++;
	return !is_one_of(others, text, word);
}

/* Heads that a genitive may stand behind: "address of the user", and words that are none. */
static const char heads[] =
	" address addresses mailbox account name names id alias one any none some part many most all "
	"because out instead "
	"adresse mailadresse emailadresse postfach konto name boite compte nom adresses direccion "
	"buzon cuenta nombre casilla "
	"correo indirizzo casella nome conta caixa endereco e email mail login inbox reason behalf ";

/* "the server of this mailbox", "base d'utilisateurs": is what stands before, as the head, no mailbox? */
static bool
has_other_head(const struct ev_reply_match *match, const struct ev_pattern_text *text)
{
	struct span word;
	size_t pos = match->begin;

	if (!begins_with_noun(text, pos))
		return false;
	/* "d'utilisateurs" */
	if (pos >= 3 && text->text[pos - 1] == '\'' && text->text[pos - 2] == 'd' &&
	    text->text[pos - 3] == ' ')
	{
		word = word_before(text, pos - 2);
		return word.begin < word.end && !is_one_of(heads, text, word);
	}
	if (pos >= 3 && text->text[pos - 1] == '\'' && text->text[pos - 2] == 'l')
		pos -= 2;
	word = word_before(text, pos);
	if (is_one_of(" the a an our your this that la las los les gli lo ", text, word))
		word = word_before(text, word.begin);
	if (!is_one_of(" of de del des du di della dello dei degli delle do da dos das van ", text,
	               word))
		return false;
	word = word_before(text, word.begin);
	return word.begin < word.end && !is_one_of(heads, text, word);
}

/* One word of German and its neighbours: "Benutzerrolle", "Empfänger-Richtlinie". */
static bool
is_one_word(const struct ev_reply_match *match, const struct ev_pattern_text *text)
{
	static const char nouns[] =
		" benutzer empfanger empfaenger nutzer adressat adressaten postfach konto teilnehmer "
		"gebruiker gebruikers "
		"ontvanger ontvangers anvandar mottagar bruger bruker modtager mottaker ";
	static const char endings[] = " n s en e es in innen er ern et en erna ene na name namen "
								  "kennung konto adresse adressen postfach mailbox "
								  "account id mail email nr nummer naam adres account en ";
	const char *s = text->text + match->begin;
	size_t n = 0;

	while (is_letter(s[n]))
		n++;
	if (s[n] == '-' && is_letter(s[n + 1]) &&
	    is_one_of(nouns, text, (struct span){match->begin, match->begin + n}))
	{
		struct span second = {match->begin + n + 1, match->begin + n + 1};

		while (is_letter(text->text[second.end]))
			second.end++;
		return !is_one_of(endings, text, second);
	}
	for (size_t k = 4; k < n; k++)
		if (is_one_of(nouns, text, (struct span){match->begin, match->begin + k}) &&
		    is_one_of(endings, text, (struct span){match->begin + k, match->begin + n}))
			return false;
	for (size_t k = 4; k < n; k++)
		if (is_one_of(nouns, text, (struct span){match->begin, match->begin + k}))
			return true;
	return false;
}

/* Is it said of somebody else: "sender: no such user", "auth - unknown user"? */
static bool
is_said_of_another(const struct ev_reply_match *match, const struct ev_pattern_text *text)
{
	static const char others[] = " sender from auth authentication login helo ehlo sasl callout "
								 "callback spf dkim dmarc dns ";
	size_t pos = match->begin;
	bool mark = false;

	while (pos > 0 && strchr(" :-=<>\"'(\x01", text->text[pos - 1]) != NULL)
	{
		mark |= strchr(":-=", text->text[pos - 1]) != NULL;
		pos--;
	}
	return mark && is_one_of(others, text, word_before(text, pos));
}

/* Is the noun at byte pos a part of what is said, and its subject: "mail log", "user: the domain", "MAC address"? */
static bool
is_subject(const struct ev_reply_match *match, const struct ev_pattern_text *text, size_t pos,
           size_t end)
{
	bool of_mailbox = match->rule->about == EV_ABOUT_RECIPIENT;
	struct span noun = {pos, pos};
	struct span word = word_before(text, pos);

	while (noun.end < text->len && is_letter(text->text[noun.end]))
		noun.end++;
	if (pos > end)
	{
		word = word_before(text, end);
		return is_joined(text, end, pos) && names_recipient(text, word) && !is_place(text, word);
	}
	if (pos > match->begin)
	{
		if (word.begin >= match->begin && names_recipient(text, word))
			return (of_mailbox || is_one_of(" domain domains ", text, word)) &&
			       !is_place(text, word);
		return of_mailbox && pos < match->end && !is_place(text, noun);
	}
	if (!of_mailbox || pos == match->begin)
		return false;
	if (noun.end + 1 == match->begin && text->text[noun.end] == ' ' &&
	    begins_with_noun(text, match->begin))
		return !is_place(text, noun);
	word = word_before(text, match->begin);
	if (is_one_of(" the a an our your this ", text, word))
		word = word_before(text, word.begin);
	return is_one_of(" for to fur fuer pour para per ", text, word) &&
	       word_before(text, word.begin).begin == pos;
}

bool
ev_noun_phrase_is_other(const struct ev_reply_match *match, const struct ev_pattern_text *text,
                        const struct ev_reply_marks *marks)
{
	size_t end = match->end;

	if (match->rule->about == EV_ABOUT_RECIPIENT &&
	    (has_other_head(match, text) || is_one_word(match, text) ||
	     is_said_of_another(match, text)))
		return true;
	if ((marks->seen & (1u << EV_MARK_NOUN | 1u << EV_MARK_COMPOUND)) == 0)
		return false;
	/* a pattern may end within a word */
	while (end < text->len && is_letter(text->text[end]))
		end++;
	for (size_t i = 0; i < marks->n; i++)
	{
		size_t pos = marks->at[i].pos;

		if (marks->at[i].kind == EV_MARK_COMPOUND && pos >= match->begin && pos <= end)
			return true;
		if (marks->at[i].kind == EV_MARK_NOUN && is_subject(match, text, pos, end))
			return true;
	}
	return false;
}
