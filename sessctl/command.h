/*
 * A command of sessctl is a constant entry, in a file of its own: its name, its options, its words
 * and the function that carries it out. Help, usage errors, the completion's words and a test of
 * the man page follow from it.
 */
#ifndef SESSCTL_COMMAND_H
#define SESSCTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "sessctl/context.h"

#define OPTIONS_MAX  8
#define REPEATS_MAX  32
#define OPERANDS_ANY 1000000

struct option_row {
	const char *name;
	char letter;	  /* 0: none */
	const char *arg;  /* what its argument is called, or the choices as `a|b|c`; NULL: a flag */
	const char *help; /* NULL: it is for the completion, and shown nowhere */
};

/* The values of an option that may be given several times, in their order. */
struct repeats {
	const char *value[REPEATS_MAX];
	size_t n;
};

/* What was given on the command line. */
struct args {
	const char *value[OPTIONS_MAX]; /* by row; NULL: not given; a flag that was: "" */
	struct repeats repeats;
	char **operand;
	int n_operands;
};

struct command {
	const char *name;    /* one word or two: `audit verify` */
	const char *summary; /* a line, no full stop */
	const struct option_row *options;
	size_t n_options;
	const char *operands; /* as the usage shows them; "": none */
	int min_operands;
	int max_operands;
	const char *text;    /* what else its help says: whole lines; may be "" */
	const char *repeats; /* the name of the option that may be given several times; or NULL */
	const char *choices; /* the words of that one, as `a|b|c`, for the completion; or NULL */
	int (*exec)(struct context *ctx, const struct args *args);
};

#define OPTIONS(rows) .options = (rows), .n_options = sizeof(rows) / sizeof((rows)[0])

/* The commands, in the order in which help shows them; cmd_NAME.c has each. */
#define COMMANDS(C)         \
	C(list)             \
	C(show)             \
	C(check)            \
	C(reauth)           \
	C(revoke)           \
	C(extend)           \
	C(lock)             \
	C(unlock)           \
	C(locks)            \
	C(policy_explain)   \
	C(status)           \
	C(watch)            \
	C(audit_export)     \
	C(audit_verify)     \
	C(audit_key)        \
	C(audit_checkpoint) \
	C(metrics)          \
	C(doctor)           \
	C(help)

#define COMMAND_DECLARE(name) extern const struct command cmd_##name;
COMMANDS(COMMAND_DECLARE)
#undef COMMAND_DECLARE

extern const struct command *const commands[];
extern const size_t n_commands;

/* Options that stand before or behind the command's name. */
enum {
	GLOBAL_RUNTIME_DIR,
	GLOBAL_TIMEOUT,
	GLOBAL_COLOR,
	GLOBAL_HELP,
	GLOBAL_VERSION,
	N_GLOBALS,
};

extern const struct option_row global_options[N_GLOBALS];

/* The command that `words` begin with, and how many of them are its name; NULL: there is none. */
const struct command *command_find(char *const *words, int n, int *ret_used);

/* `audit` is no command, but commands begin with it. */
bool command_is_group(const char *word);

#endif
