/*
 * subject.c
 *	  Read a clause backwards for a word that could be its subject.
 */
#include "engine/subject.h"

#include <string.h>

#include "engine/ascii.h"

/* Longer clauses name something. */
#define WORDS_MAX 24

/* Between single blanks; sorted by what they are. */
static const char no_subjects[] =
	/* recipients */
	" recipient recipients recipient's user users user's mailbox mailboxes mail email e address "
	"addresses "
	"addressee account accounts username alias id person people customer member employee "
	"destination target local part rcpt to "
	/* refusals */
	"sorry error errors warning failed failure rejected refused denied invalid bad undeliverable "
	"unknown permanent fatal delivery requested action taken reason because status "
	/* little words */
	"a an the this that these those it its he she they we i you one which who what there here is "
	"was "
	"are were be been being has have had does do did done can could cannot will would may might "
	"must "
	"no not any such or and but nor so as if of for at in on by with from since therefore seems "
	"seem "
	"appears appear probably simply currently also just entered specified given said says ";

static bool
is_word_byte(char c)
{
	return ev_is_alnum(c) || c == '\'' || (unsigned char) c >= 0x80;
}

/* "550", repeated in a text. */
static bool
is_reply_code(const char *word, size_t n)
{
	return n == 3 && word[0] == '5' && ev_is_digit(word[1]) && ev_is_digit(word[2]);
}

static bool
is_no_subject(const char *word, size_t n)
{
	char wanted[20];

	if (is_reply_code(word, n))
		return true;
	if (n + 3 > sizeof(wanted))
		return false;
	wanted[0] = ' ';
	memcpy(wanted + 1, word, n);
	wanted[n + 1] = ' ';
	wanted[n + 2] = '\0';
	return strstr(no_subjects, wanted) != NULL;
}

bool
ev_subject_is_named(const char *text, size_t pos)
{
	for (int words = 0; words < WORDS_MAX; words++)
	{
		size_t end;

		/* a colon joins "recipient rejected: not found"; a dash between blanks divides */
		while (pos > 0 && !is_word_byte(text[pos - 1]))
		{
			char c = text[--pos];

			if (c == '\x01' || strchr(".,;!?()[]<>\"=|", c) != NULL ||
			    (c == '-' && pos > 0 && text[pos - 1] == ' '))
				return false;
		}
		if (pos == 0)
			return false;
		end = pos;
		while (pos > 0 && is_word_byte(text[pos - 1]))
			pos--;
		if (!is_no_subject(text + pos, end - pos))
			return true;
	}
	return true;
}
