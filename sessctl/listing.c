#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sessctl/listing.h"

void listing_fini(struct listing *l)
{
	size_t i;

	for (i = 0; i < l->kept; i++)
		free(l->line[i]);
	*l = (struct listing){.room = l->room};
}

int listing_add(struct listing *l, const char *line, size_t len)
{
	char *copy;

	l->n++;
	if (len > LISTING_LINE || l->room == 0)
		return 0;
	copy = strndup(line, len);
	if (copy == NULL)
		return -ENOMEM;
	if (l->kept < l->room)
		l->kept++;
	free(l->line[l->next]);
	l->line[l->next] = copy;
	l->next = (l->next + 1) % l->room;
	return 0;
}

const char *listing_line(const struct listing *l, size_t i)
{
	size_t oldest = l->kept < l->room ? 0 : l->next;

	return l->line[(oldest + i) % l->room];
}
