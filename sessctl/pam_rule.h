/*
 * The text of a PAM configuration file (pam.conf(5)) as libpam reads it: lines are joined,
 * comments are cut off, and each becomes a rule. Pure.
 */
#ifndef SESSCTL_PAM_RULE_H
#define SESSCTL_PAM_RULE_H

#include <stddef.h>

/* Bytes of a joined line, NUL included: what libpam 1.5 has room for. */
#define PAM_LINE_MAX 1024

/* Values that a module may return, _PAM_RETURN_VALUES of libpam. */
#define PAM_RETURNS 32

/* PAM_TYPES: none of them alone. */
enum pam_type { PAM_AUTH, PAM_ACCOUNT, PAM_PASSWORD, PAM_SESSION, PAM_TYPES };

/* "auth", "account", "password", "session". */
extern const char *const pam_type_names[PAM_TYPES];

/* What a rule makes of a return value. A positive number: so many rules are jumped over. */
enum pam_action {
	PAM_DO_IGNORE = 0,
	PAM_DO_OK = -1,
	PAM_DO_DONE = -2,
	PAM_DO_BAD = -3,
	PAM_DO_DIE = -4,
	PAM_DO_RESET = -5,
};

/* The lines of a file. */
struct pam_text {
	const char *at, *end;
	unsigned line; /* the number of the line at `at`, less one */
};

/*
 * The next line that is not empty, joined, in buf (PAM_LINE_MAX bytes); *ret_line is the number of
 * its first part. 1; 0 at the end; -E2BIG: it is too long; -EBADMSG: the file ends in a line that
 * is to be continued. libpam takes nothing of a file in which it finds one of the last two.
 */
int pam_text_next(struct pam_text *t, char *buf, unsigned *ret_line);

enum pam_rule_kind {
	PAM_RULE_BROKEN,  /* libpam lets it fail whenever it is come to */
	PAM_RULE_MODULE,  /* of `target`, with `args` */
	PAM_RULE_INCLUDE, /* of the file `target` */
	PAM_RULE_SUBSTACK,
};

struct pam_rule {
	enum pam_rule_kind kind;
	enum pam_type type; /* PAM_TYPES: of whatever type is asked for (`@include`, a bad type) */
	int action[PAM_RETURNS];
	char *target;
	char *args; /* the rest of the line; NULL: nothing */
	const char
		*wrong; /* why it is broken, or its control is not understood; NULL: it is well */
};

/* Takes a joined line apart, which is changed, and which target and args point into. */
void pam_rule_parse(char *line, struct pam_rule *ret);

/*
 * The next word of *rest, which moves behind it, or NULL; `[a word]` is one. The text is changed.
 */
char *pam_word(char **rest);

#endif
