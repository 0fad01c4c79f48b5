#include <string.h>

#include "sessctl/args.h"
#include "sessctl/help.h"

/* The words that are still to be read. */
struct cursor {
	char **argv;
	int n;
	int at;
};

static const struct option_row *find(const struct args_parser *p, const char *name, size_t len,
	char letter, const char ***ret_value)
{
	const struct option_row *row;
	size_t s, i;

	for (s = 0; s < p->n_sets; s++)
		for (i = 0; i < p->sets[s].n; i++) {
			row = &p->sets[s].rows[i];
			if (name != NULL ? strlen(row->name) != len ||
						   strncmp(row->name, name, len) != 0
					 : row->letter != letter)
				continue;
			*ret_value = &p->sets[s].values[i];
			return row;
		}
	return NULL;
}

static int wrong(const struct args_parser *p, const char *what, const char *option)
{
	return help_usage_error(p->ctx, p->command, "%s %s", what, option);
}

static int give(const struct args_parser *p, const struct option_row *row, const char *value,
	const char **to)
{
	struct repeats *repeats = p->repeats;

	*to = value;
	if (repeats == NULL || p->command->repeats == NULL ||
		strcmp(row->name, p->command->repeats) != 0)
		return EXIT_DONE;
	if (repeats->n == REPEATS_MAX)
		return wrong(p, "given too often:", row->name);
	repeats->value[repeats->n++] = value;
	return EXIT_DONE;
}

/* `--name`, `--name=VALUE`, `--name VALUE`. */
static int long_option(const struct args_parser *p, struct cursor *c)
{
	const char *word = c->argv[c->at++], *equals = strchr(word, '='), **to;
	size_t len = equals ? (size_t)(equals - word) - 2 : strlen(word) - 2;
	const struct option_row *row = find(p, word + 2, len, 0, &to);

	if (row == NULL)
		return wrong(p, "unknown option", word);
	if (row->arg == NULL) {
		if (equals != NULL)
			return wrong(p, "no value is wanted by", word);
		*to = "";
		return EXIT_DONE;
	}
	if (equals == NULL && c->at == c->n)
		return wrong(p, "a value is missing after", word);
	return give(p, row, equals ? equals + 1 : c->argv[c->at++], to);
}

/* `-a`, `-ab`, `-oFILE`, `-o FILE`. */
static int short_options(const struct args_parser *p, struct cursor *c)
{
	const char *word = c->argv[c->at++], **to;
	const struct option_row *row;
	size_t i;

	for (i = 1; word[i] != '\0'; i++) {
		row = find(p, NULL, 0, word[i], &to);
		if (row == NULL)
			return wrong(p, "unknown option", word);
		if (row->arg == NULL) {
			*to = "";
			continue;
		}
		if (word[i + 1] == '\0' && c->at == c->n)
			return wrong(p, "a value is missing after", word);
		return give(p, row, word[i + 1] != '\0' ? word + i + 1 : c->argv[c->at++], to);
	}
	return EXIT_DONE;
}

int args_parse(const struct args_parser *p, char **argv, int n, int *ret_operands)
{
	struct cursor c = {.argv = argv, .n = n};
	int operands = 0, r = EXIT_DONE;
	bool only_operands = false;

	while (c.at < c.n && r == EXIT_DONE) {
		if (only_operands || argv[c.at][0] != '-' || argv[c.at][1] == '\0') {
			if (p->stop)
				break;
			argv[operands++] = argv[c.at++];
		} else if (strcmp(argv[c.at], "--") == 0) {
			only_operands = true;
			c.at++;
		} else if (argv[c.at][1] == '-') {
			r = long_option(p, &c);
		} else {
			r = short_options(p, &c);
		}
	}
	if (r != EXIT_DONE)
		return r;
	while (c.at < c.n)
		argv[operands++] = argv[c.at++];
	*ret_operands = operands;
	return EXIT_DONE;
}
