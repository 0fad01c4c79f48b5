#include <ctype.h>
#include <errno.h>
#include <security/_pam_types.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "sessctl/pam_rule.h"

#define BLANKS " \n\t"

/* No line has so many rules behind it: more is more than there are. */
#define JUMP_MAX 100000

/* No value is given an action yet. */
#define UNDEFINED (-6)

_Static_assert(PAM_RETURNS == _PAM_RETURN_VALUES, "libpam has other return values");

const char *const pam_type_names[PAM_TYPES] = {"auth", "account", "password", "session"};

/* By their values; `default` is the rest. */
static const char *const return_names[PAM_RETURNS + 1] = {"success", "open_err", "symbol_err",
	"service_err", "system_err", "buf_err", "perm_denied", "auth_err", "cred_insufficient",
	"authinfo_unavail", "user_unknown", "maxtries", "new_authtok_reqd", "acct_expired",
	"session_err", "cred_unavail", "cred_expired", "cred_err", "no_module_data", "conv_err",
	"authtok_err", "authtok_recover_err", "authtok_lock_busy", "authtok_disable_aging",
	"try_again", "ignore", "abort", "authtok_expired", "module_unknown", "bad_item",
	"conv_again", "incomplete", "default"};

/* By their negated values. */
static const char *const action_names[] = {"ignore", "ok", "done", "bad", "die", "reset"};

#define N_ACTIONS (sizeof(action_names) / sizeof(action_names[0]))

/* What the words of old stand for. */
static const struct control {
	const char *word;
	int success; /* and new_authtok_reqd */
	int ignore;
	int rest;
} controls[] = {
	{"required", PAM_DO_OK, PAM_DO_IGNORE, PAM_DO_BAD},
	{"requisite", PAM_DO_OK, PAM_DO_IGNORE, PAM_DO_DIE},
	{"optional", PAM_DO_OK, PAM_DO_IGNORE, PAM_DO_IGNORE},
	{"sufficient", PAM_DO_DONE, PAM_DO_IGNORE, PAM_DO_IGNORE},
};

/* ---- lines ---- */

/* One line of the file, without its newline; false: there is none. */
static bool next_line(struct pam_text *t, const char **ret, size_t *ret_len)
{
	const char *newline;

	if (t->at == t->end)
		return false;
	newline = memchr(t->at, '\n', (size_t)(t->end - t->at));
	*ret = t->at;
	*ret_len = (size_t)((newline != NULL ? newline : t->end) - t->at);
	t->at = newline != NULL ? newline + 1 : t->end;
	t->line++;
	return true;
}

/* Cuts off blanks at both ends and a comment; *ret_continued: the next line belongs to it. A
 * comment ends the line, whatever stands in it. */
static void strip(const char **s, size_t *len, bool *ret_continued)
{
	const char *comment = memchr(*s, '#', *len), *nul = memchr(*s, '\0', *len);

	if (comment != NULL)
		*len = (size_t)(comment - *s);
	if (nul != NULL && (size_t)(nul - *s) < *len)
		*len = (size_t)(nul - *s);
	for (; *len > 0 && isspace((unsigned char)**s); (*s)++, (*len)--)
		;
	for (; *len > 0 && isspace((unsigned char)(*s)[*len - 1]); (*len)--)
		;
	*ret_continued = comment == NULL && *len > 0 && (*s)[*len - 1] == '\\';
	if (*ret_continued)
		(*len)--;
}

int pam_text_next(struct pam_text *t, char *buf, unsigned *ret_line)
{
	bool continued = false, begun = false;
	size_t len, used = 0;
	const char *s;

	while (next_line(t, &s, &len)) {
		strip(&s, &len, &continued);
		if (len == 0 && !continued) {
			/* a blank line does not end one that is continued */
			continued = begun;
			continue;
		}
		if (used + len + 2 > PAM_LINE_MAX)
			return -E2BIG;
		if (!begun)
			*ret_line = t->line;
		begun = true;
		memcpy(buf + used, s, len);
		used += len;
		buf[used++] = ' ';
		if (!continued)
			break;
	}
	if (!begun)
		return 0;
	buf[used] = '\0';
	return continued ? -EBADMSG : 1;
}

/* ---- words ---- */

char *pam_word(char **rest)
{
	char *from = *rest, *end, *to;

	if (from == NULL)
		return NULL;
	from += strspn(from, BLANKS);
	if (*from == '\0')
		return *rest = NULL;
	if (*from == '[') {
		for (to = end = ++from; *end != '\0' && *end != ']'; to++, end++) {
			if (end[0] == '\\' && end[1] == ']')
				end++;
			*to = *end;
		}
		if (to != end)
			*to = '\0';
	} else {
		end = from + strcspn(from, BLANKS);
	}
	if (*end != '\0')
		*end++ = '\0';
	*rest = *end != '\0' ? end : NULL;
	return from;
}

/* ---- controls ---- */

static void set_default(int *action, int value)
{
	size_t i;

	for (i = 0; i < PAM_RETURNS; i++)
		if (action[i] == UNDEFINED)
			action[i] = value;
}

static const char *skip_blanks(const char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

/* Which of the names s begins with, and moves behind it; n: none. */
static size_t take_name(const char **s, const char *const *names, size_t n)
{
	size_t i, len;

	for (i = 0; i < n; i++) {
		len = strlen(names[i]);
		if (strncmp(*s, names[i], len) != 0)
			continue;
		*s += len;
		break;
	}
	return i;
}

/* The number of a jump; 0: there is none. */
static int take_jump(const char **s)
{
	int n = 0;

	for (; isdigit((unsigned char)**s); (*s)++)
		n = n > JUMP_MAX ? n : 10 * n + (**s - '0');
	return n;
}

/* `value=action ...`; false: libpam does not understand it. */
static bool parse_pairs(const char *s, int *action)
{
	size_t value, name;
	int act;

	for (s = skip_blanks(s); *s != '\0'; s = skip_blanks(s)) {
		value = take_name(&s, return_names, PAM_RETURNS + 1);
		s = skip_blanks(s);
		if (value > PAM_RETURNS || *s++ != '=')
			return false;
		s = skip_blanks(s);
		name = take_name(&s, action_names, N_ACTIONS);
		act = name < N_ACTIONS ? -(int)name : take_jump(&s);
		if (name == N_ACTIONS && act == 0)
			return false;
		if (value < PAM_RETURNS)
			action[value] = act;
		else
			set_default(action, act);
	}
	return true;
}

static void parse_control(const char *word, struct pam_rule *rule)
{
	size_t i;

	for (i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
		if (strcasecmp(word, controls[i].word) != 0)
			continue;
		rule->action[PAM_SUCCESS] = controls[i].success;
		rule->action[PAM_NEW_AUTHTOK_REQD] = controls[i].success;
		rule->action[PAM_IGNORE] = controls[i].ignore;
		set_default(rule->action, controls[i].rest);
		return;
	}
	if (!parse_pairs(word, rule->action)) {
		rule->wrong = "its control is not understood, so whatever the module says is bad";
		for (i = 0; i < PAM_RETURNS; i++)
			rule->action[i] = UNDEFINED;
	}
	set_default(rule->action, PAM_DO_BAD);
}

/* ---- rules ---- */

static enum pam_type type_of(const char *word)
{
	size_t i;

	for (i = 0; i < PAM_TYPES; i++)
		if (strcasecmp(word, pam_type_names[i]) == 0)
			return (enum pam_type)i;
	return PAM_TYPES;
}

static void broken(struct pam_rule *rule, const char *why)
{
	size_t i;

	rule->kind = PAM_RULE_BROKEN;
	rule->wrong = why;
	for (i = 0; i < PAM_RETURNS; i++)
		if (rule->action[i] == UNDEFINED)
			rule->action[i] = PAM_DO_BAD;
}

void pam_rule_parse(char *line, struct pam_rule *ret)
{
	char *rest = line, *word = pam_word(&rest), *control = NULL;
	size_t i;

	*ret = (struct pam_rule){.kind = PAM_RULE_MODULE, .type = PAM_TYPES};
	for (i = 0; i < PAM_RETURNS; i++)
		ret->action[i] = UNDEFINED;
	if (word != NULL && strcasecmp(word, "@include") == 0) {
		ret->kind = PAM_RULE_INCLUDE;
	} else {
		ret->type = word != NULL ? type_of(word + (word[0] == '-')) : PAM_TYPES;
		control = pam_word(&rest);
		if (control == NULL) {
			broken(ret, "it has no control");
			return;
		}
		if (strcasecmp(control, "include") == 0)
			ret->kind = PAM_RULE_INCLUDE;
		else if (strcasecmp(control, "substack") == 0)
			ret->kind = PAM_RULE_SUBSTACK;
		else
			parse_control(control, ret);
		if (ret->type == PAM_TYPES)
			broken(ret, "its type is none of auth, account, password, session");
	}
	ret->target = pam_word(&rest);
	ret->args = rest;
	if (ret->target == NULL && ret->kind != PAM_RULE_BROKEN)
		broken(ret,
			ret->kind == PAM_RULE_MODULE ? "it names no module" : "it names no file");
}
