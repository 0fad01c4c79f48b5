/* The command line, and that help and the man page say what the tables say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sessctl/args.h"
#include "sessctl/help.h"
#include "sessctl/run.h"

#define MAN_PAGE "sessctl/sessctl.8"
#define ARGV_MAX 16

struct result {
	int code;
	char *out;
	char *err;
};

/* Runs a line of words that are parted by one blank each; a test that fails leaks, and that is
 * all. */
static struct result run(const char *line)
{
	char copy[512], *argv[ARGV_MAX] = {NULL}, *word, *rest;
	size_t out_size, err_size;
	struct result r = {0};
	FILE *out = open_memstream(&r.out, &out_size);
	FILE *err = open_memstream(&r.err, &err_size);
	char name[] = "sessctl";
	int argc = 1;

	assert_non_null(out);
	assert_non_null(err);
	assert_true(strlen(line) < sizeof(copy));
	strcpy(copy, line);
	argv[0] = name;
	for (word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
		assert_true(argc < ARGV_MAX - 1);
		argv[argc++] = word;
	}
	r.code = sessctl_run(argc, argv, out, err);
	fclose(out);
	fclose(err);
	return r;
}

static void release(struct result *r)
{
	free(r->out);
	free(r->err);
}

static void test_usage_errors(void **state)
{
	static const struct {
		const char *line;
		const char *says; /* part of the message */
	} cases[] = {
		{"", "a command is missing"},
		{"frobnicate", "frobnicate: there is no such command"},
		{"audit", "audit alone: there is no such command"},
		{"audit list", "audit list: there is no such command"},
		{"list --frob", "list: unknown option --frob"},
		{"--frob list", "unknown option --frob"},
		{"list -x", "list: unknown option -x"},
		{"list -jx", "list: unknown option -jx"},
		{"list --user", "list: a value is missing after --user"},
		{"list -u", "list: a value is missing after -u"},
		{"list --json=yes", "list: no value is wanted by --json=yes"},
		{"list --us", "list: unknown option --us"},
		{"list extra", "list: extra is one too many"},
		{"show", "show: SID is missing"},
		{"show abcd abcd", "show: abcd is one too many"},
		{"show abc", "show: abc is no session's id"},
		{"show ABCD", "show: ABCD is no session's id"},
		{"show 0123456789abcdef0123456789abcdef0", "is no session's id"},
		{"revoke", "revoke: give either session ids, --user or --all"},
		{"revoke abcd --user alice", "revoke: give either session ids, --user or --all"},
		{"revoke --all --user alice", "revoke: give either session ids, --user or --all"},
		{"revoke --cron", "revoke: give either session ids, --user or --all"},
		{"revoke --cron abcd", "revoke: --cron goes with --user or --all"},
		{"revoke abcd nonsense", "revoke: nonsense is no session's id"},
		{"extend abcd", "extend: SID DURATION is missing"},
		{"extend 1h abcd", "extend: 1h is no session's id"},
		{"extend abcd soon", "extend: soon is no time"},
		{"extend abcd 0", "extend: 0 is no time"},
		{"policy", "policy alone: there is no such command"},
		{"policy explain", "policy explain: USER is missing"},
		{"policy explain no-such-user-here", "no-such-user-here: no such user"},
		{"policy explain root --service=", "--service must have 1 to 255 bytes"},
		{"--timeout soon list", "--timeout: soon is no time"},
		{"list --color=blue", "--color: blue is not auto, always or never"},
		{"help frobnicate", "frobnicate: there is no such command"},
		{"help list show", "list show: there is no such command"},
		{"list --user=", "--user must have 1 to 255 bytes"},
	};
	struct result r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		r = run(cases[i].line);
		if (r.code != EXIT_USAGE || strstr(r.err, cases[i].says) == NULL)
			fail_msg("`%s`: exit %d, %s", cases[i].line, r.code, r.err);
		assert_int_equal(strncmp(r.err, "sessctl: ", 9), 0);
		assert_string_equal(r.out, "");
		release(&r);
	}
}

static void test_long_runtime_dir(void **state)
{
	char line[256] = "list --runtime-dir /";
	struct result r;

	(void)state;
	memset(line + strlen(line), 'd', 120);
	r = run(line);
	assert_int_equal(r.code, EXIT_USAGE);
	assert_non_null(strstr(r.err, "--runtime-dir is too long"));
	release(&r);
}

static void test_control_characters_in_a_message(void **state)
{
	struct result r = run("\033[2J");

	(void)state;
	assert_int_equal(r.code, EXIT_USAGE);
	assert_null(strchr(r.err, '\033'));
	assert_non_null(strstr(r.err, "\\x1b[2J"));
	release(&r);
}

static void test_parser(void **state)
{
	static const struct option_row rows[] = {
		{"user", 'u', "USER", "h"}, {"all", 'a', NULL, "h"}, {"json", 'j', NULL, "h"}};
	char line[] = "x0\0-aj\0x1\0-ualice\0-\0--user=b=c\0--user\0--\0--\0--all\0x2";
	char *argv[16], *at = line;
	const char *values[3] = {NULL};
	const struct option_set set = {rows, 3, values};
	struct context ctx;
	const struct args_parser p = {.ctx = &ctx, .sets = &set, .n_sets = 1};
	int n = 0, operands = -1;

	(void)state;
	for (; at < line + sizeof(line); at += strlen(at) + 1)
		argv[n++] = at;
	context_init(&ctx, stdout, stderr);
	assert_int_equal(args_parse(&p, argv, n, &operands), EXIT_DONE);
	assert_int_equal(operands, 5);
	assert_string_equal(argv[0], "x0");
	assert_string_equal(argv[1], "x1");
	assert_string_equal(argv[2], "-");
	assert_string_equal(argv[3], "--all");
	assert_string_equal(argv[4], "x2");
	assert_string_equal(values[0], "--"); /* the last one holds, and takes any word */
	assert_non_null(values[1]);
	assert_non_null(values[2]);
}

/* Each in its order, in all forms; of an option that may not be repeated the last one holds. */
static void test_repeats(void **state)
{
	static const struct option_row rows[] = {
		{"event", 'e', "EVENT", "h"},
		{"user", 'u', "USER", "h"},
	};
	static const struct command command = {.name = "c", .operands = "", .repeats = "event"};
	char line[] = "-ea\0-u\0x\0--event=b\0-u\0y\0--event\0c\0-e\0-d";
	char *argv[16], *at = line;
	const char *values[2] = {NULL};
	struct repeats repeats = {0};
	const struct option_set set = {rows, 2, values};
	struct context ctx;
	const struct args_parser p = {
		.ctx = &ctx, .command = &command, .sets = &set, .n_sets = 1, .repeats = &repeats};
	int n = 0, operands = -1;

	(void)state;
	for (; at < line + sizeof(line); at += strlen(at) + 1)
		argv[n++] = at;
	context_init(&ctx, stdout, stderr);
	assert_int_equal(args_parse(&p, argv, n, &operands), EXIT_DONE);
	assert_int_equal(operands, 0);
	assert_int_equal(repeats.n, 4);
	assert_string_equal(repeats.value[0], "a");
	assert_string_equal(repeats.value[1], "b");
	assert_string_equal(repeats.value[2], "c");
	assert_string_equal(repeats.value[3], "-d");
	assert_string_equal(values[0], "-d");
	assert_string_equal(values[1], "y");
}

static void test_version(void **state)
{
	struct result r = run("--version");

	(void)state;
	assert_int_equal(r.code, EXIT_DONE);
	assert_int_equal(strncmp(r.out, "sessctl ", 8), 0);
	release(&r);
	r = run("-V");
	assert_int_equal(r.code, EXIT_DONE);
	release(&r);
}

/* `COMMAND --help`, `--help COMMAND` and `help COMMAND` are one, and name every option. */
static void test_help_of_each(void **state)
{
	static const char *const forms[][2] = {
		{"", " --help"}, {"--help ", ""}, {"help ", ""}, {"", " -h"}};
	const struct command *c;
	char line[64], option[64];
	struct result r;
	size_t i, k, f;

	(void)state;
	for (i = 0; i < n_commands; i++)
		for (f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
			c = commands[i];
			snprintf(line, sizeof(line), "%s%s%s", forms[f][0], c->name, forms[f][1]);
			r = run(line);
			assert_int_equal(r.code, EXIT_DONE);
			assert_string_equal(r.err, "");
			assert_non_null(strstr(r.out, c->summary));
			for (k = 0; k < c->n_options; k++) {
				snprintf(option, sizeof(option), "--%s", c->options[k].name);
				if ((strstr(r.out, option) == NULL) != (c->options[k].help == NULL))
					fail_msg("help of %s and %s", c->name, option);
			}
			release(&r);
		}
}

static void test_help_lists_all(void **state)
{
	struct result r = run("help"), same = run("--help");
	size_t i;

	(void)state;
	assert_int_equal(r.code, EXIT_DONE);
	assert_string_equal(r.out, same.out);
	for (i = 0; i < n_commands; i++)
		assert_non_null(strstr(r.out, commands[i]->name));
	for (i = 0; i < N_GLOBALS; i++)
		assert_non_null(strstr(r.out, global_options[i].name));
	release(&r);
	release(&same);
}

static void test_words_for_the_completion(void **state)
{
	struct result r = run("help --words");

	(void)state;
	assert_int_equal(r.code, EXIT_DONE);
	assert_non_null(strstr(r.out, "-\t--color\tauto|always|never\n"));
	assert_non_null(strstr(r.out, "show\t-\tSID\n"));
	assert_non_null(strstr(r.out, "audit export\t-o\tFILE\n"));
	assert_non_null(strstr(r.out, "audit export\t-f\tjsonl|csv|ocsf|ecs|cef|syslog\n"));
	assert_non_null(strstr(r.out, "audit export\t--event\tdaemon_started|daemon_stopped|"));
	assert_non_null(strstr(r.out, "list\t--all\t-\n"));
	assert_null(strstr(r.out, "--words"));
	release(&r);
}

/* Rows that nobody can give, or that two of which share a name, are mistakes of ours. */
static void test_tables(void **state)
{
	const struct command *c;
	size_t i, k, m, repeats;

	(void)state;
	for (i = 0; i < n_commands; i++) {
		c = commands[i];
		assert_non_null(c->exec);
		assert_non_null(c->text);
		assert_non_null(c->operands);
		assert_true(c->n_options <= OPTIONS_MAX);
		assert_true(c->min_operands <= c->max_operands);
		assert_true((c->max_operands == 0) == (c->operands[0] == '\0'));
		for (k = 0, repeats = 0; k < c->n_options; k++) {
			repeats += c->repeats != NULL &&
				   strcmp(c->options[k].name, c->repeats) == 0 &&
				   c->options[k].arg != NULL;
			for (m = 0; m < k; m++) {
				assert_string_not_equal(c->options[k].name, c->options[m].name);
				assert_true(c->options[k].letter == 0 ||
					    c->options[k].letter != c->options[m].letter);
			}
			for (m = 0; m < N_GLOBALS; m++) {
				assert_string_not_equal(c->options[k].name, global_options[m].name);
				assert_true(c->options[k].letter == 0 ||
					    c->options[k].letter != global_options[m].letter);
			}
		}
		/* the one that repeats is there, and has an argument */
		assert_int_equal(repeats, c->repeats != NULL);
	}
}

static char *read_man(void)
{
	FILE *f = fopen(MAN_PAGE, "re");
	char *text = calloc(1, 256 * 1024);

	if (f == NULL)
		fail_msg("%s cannot be read: run from the top of the source", MAN_PAGE);
	assert_non_null(text);
	assert_true(fread(text, 1, 256 * 1024 - 1, f) > 0);
	fclose(f);
	return text;
}

/* The rows of a table stand as items in this part of the page, with letter and argument. */
static void check_items(
	const char *part, const struct option_row *rows, size_t n, const char *where)
{
	char item[128], letter[16] = "";
	size_t i;

	for (i = 0; i < n; i++) {
		if (rows[i].help == NULL)
			continue;
		letter[0] = '\0';
		if (rows[i].letter != 0)
			snprintf(letter, sizeof(letter), "%c , Fl ", rows[i].letter);
		snprintf(item, sizeof(item), "\n.It Fl %s-%s%s%s\n", letter, rows[i].name,
			rows[i].arg ? " Ar " : "", rows[i].arg ? rows[i].arg : "");
		if (strstr(part, item) == NULL)
			fail_msg("%s: the man page lacks%s", where, item);
	}
}

/* The part of the page that begins at `begin` and goes to the next `end`; cut out in place. */
static char *cut_part(char *text, const char *begin, const char *end)
{
	char *part = strstr(text, begin), *stop;

	if (part == NULL)
		fail_msg("the man page lacks %s", begin);
	stop = strstr(part + strlen(begin), end);
	if (stop != NULL)
		*stop = '\0';
	return part;
}

static void test_man_has_every_row(void **state)
{
	char item[64], *text, *part;
	size_t i;

	(void)state;
	text = read_man();
	check_items(cut_part(text, ".Sh DESCRIPTION", "\n.Sh "), global_options, N_GLOBALS,
		"all commands");
	free(text);
	for (i = 0; i < n_commands; i++) {
		text = read_man();
		snprintf(item, sizeof(item), "\n.It Ic %s", commands[i]->name);
		/* up to the next command, or the end of the section */
		part = cut_part(cut_part(text, ".Sh COMMANDS", "\n.Sh "), item, "\n.It Ic ");
		assert_true(part[strlen(item)] == ' ' || part[strlen(item)] == '\n');
		check_items(part, commands[i]->options, commands[i]->n_options, commands[i]->name);
		free(text);
	}
}

static bool is_option(const char *name, size_t len)
{
	const struct command *c;
	size_t i, k;

	for (i = 0; i < N_GLOBALS; i++)
		if (strlen(global_options[i].name) == len &&
			strncmp(global_options[i].name, name, len) == 0)
			return true;
	for (i = 0; i < n_commands; i++) {
		c = commands[i];
		for (k = 0; k < c->n_options; k++)
			if (strlen(c->options[k].name) == len &&
				strncmp(c->options[k].name, name, len) == 0)
				return true;
	}
	return false;
}

static void test_man_has_nothing_else(void **state)
{
	char *text = read_man(), *at;
	size_t len, n = 0;

	(void)state;
	for (at = strstr(text, "Fl -"); at != NULL; at = strstr(at, "Fl -"), n++) {
		at += 4;
		len = strcspn(at, " \n");
		if (!is_option(at, len))
			fail_msg("the man page invents --%.*s", (int)len, at);
	}
	assert_true(n > N_GLOBALS);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usage_errors),
		cmocka_unit_test(test_long_runtime_dir),
		cmocka_unit_test(test_control_characters_in_a_message),
		cmocka_unit_test(test_parser),
		cmocka_unit_test(test_repeats),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_help_of_each),
		cmocka_unit_test(test_help_lists_all),
		cmocka_unit_test(test_words_for_the_completion),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_man_has_every_row),
		cmocka_unit_test(test_man_has_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
