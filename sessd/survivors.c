#include <stdio.h>
#include <string.h>

#include "sessd/proc.h"
#include "sessd/survivors.h"

#define MORE ", ..."

void survivors_init(struct survivors *s)
{
	s->n = 0;
	s->len = 0;
	s->text[0] = '\0';
}

/* The process chose its name: it must neither break the line nor look like a second entry. */
static void show_name(const char *comm, char *out, size_t size)
{
	char text[4 * PROC_COMM + 1];
	size_t i, len = 0;

	text_escape(comm, strlen(comm), text, sizeof(text));
	for (i = 0; text[i] != '\0' && len + 5 <= size; i++) {
		if (text[i] == ',')
			len += (size_t)snprintf(out + len, size - len, "\\x2c");
		else
			out[len++] = text[i];
	}
	out[len] = '\0';
}

void survivors_add(struct survivors *s, pid_t pid)
{
	struct proc_stat st = {.comm = "?", .state = '?'};
	char name[4 * PROC_COMM + 8], entry[128];
	size_t len;

	s->n++;
	if (s->len == sizeof(s->text)) /* it is full, and says so */
		return;
	proc_stat(pid, &st);
	show_name(st.comm, name, sizeof(name));
	len = (size_t)snprintf(entry, sizeof(entry), "%s%d %s %c", s->len > 0 ? ", " : "", (int)pid,
		name, st.state);
	if (s->len + len + sizeof(MORE) > sizeof(s->text)) {
		memcpy(s->text + s->len, MORE, sizeof(MORE));
		s->len = sizeof(s->text);
		return;
	}
	memcpy(s->text + s->len, entry, len + 1);
	s->len += len;
}
