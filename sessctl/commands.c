#include <string.h>

#include "sessctl/command.h"

const struct command *const commands[] = {
#define COMMAND_ROW(name) &cmd_##name,
	COMMANDS(COMMAND_ROW)
#undef COMMAND_ROW
};

const size_t n_commands = sizeof(commands) / sizeof(commands[0]);

const struct option_row global_options[N_GLOBALS] = {
	[GLOBAL_RUNTIME_DIR] = {"runtime-dir", 0, "DIR", "where sessd's sockets are (/run/sessd)"},
	[GLOBAL_TIMEOUT] = {"timeout", 0, "DURATION",
		"how long to wait for each answer (10s; 0: for ever)"},
	[GLOBAL_COLOR] = {"color", 0, "auto|always|never",
		"bold and colour in what people read (auto: on a terminal)"},
	[GLOBAL_HELP] = {"help", 'h', NULL, "say how to use it"},
	[GLOBAL_VERSION] = {"version", 'V', NULL, "print the version"},
};

const struct command *command_find(char *const *words, int n, int *ret_used)
{
	const char *space;
	size_t i, len;

	for (i = 0; i < n_commands; i++) {
		space = strchr(commands[i]->name, ' ');
		if (space == NULL) {
			if (n < 1 || strcmp(words[0], commands[i]->name) != 0)
				continue;
			*ret_used = 1;
			return commands[i];
		}
		len = (size_t)(space - commands[i]->name);
		if (n < 2 || strlen(words[0]) != len ||
			strncmp(words[0], commands[i]->name, len) != 0 ||
			strcmp(words[1], space + 1) != 0)
			continue;
		*ret_used = 2;
		return commands[i];
	}
	return NULL;
}

bool command_is_group(const char *word)
{
	size_t i, len = strlen(word);

	for (i = 0; i < n_commands; i++)
		if (strncmp(commands[i]->name, word, len) == 0 && commands[i]->name[len] == ' ')
			return true;
	return false;
}
