/*
 * confine_text.c
 *	  Words for what a prober's process has given up.
 */
#include <string.h>

#include "net/prober.h"

void
ev_confinement_text(uint32_t confinement, char *text)
{
	static const struct
	{
		uint32_t bit;
		const char *word;
	} words[] = {{EV_CONFINED_LIMITS, "limits"},         {EV_CONFINED_PRIVILEGES, "privileges"},
	             {EV_CONFINED_NAMESPACES, "namespaces"}, {EV_CONFINED_FILES, "files"},
	             {EV_CONFINED_PORTS, "ports"},           {EV_CONFINED_SCOPE, "scope"},
	             {EV_CONFINED_SYSCALLS, "syscalls"}};
	char *end = text;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (!(confinement & words[i].bit))
			continue;
		if (end > text)
			end = stpcpy(end, ", ");
		end = stpcpy(end, words[i].word);
	}
	*end = '\0';
}
