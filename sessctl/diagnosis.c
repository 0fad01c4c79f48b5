#include <errno.h>
#include <security/_pam_types.h>
#include <stdlib.h>
#include <string.h>

#include "common/manager.h"
#include "common/module_args.h"
#include "sessctl/diagnosis.h"
#include "sessctl/services.h"
#include "sessctl/walk.h"

#define BIT(value) (UINT32_C(1) << (value))

static const struct stack *stack_of(const struct diagnosis *d, enum pam_type type)
{
	return &d->stacks->of[type];
}

static bool is_of(const struct diagnosis *d, uint32_t classes)
{
	return (classes & BIT(d->class)) != 0;
}

static bool has_ours(const struct diagnosis *d, enum pam_type type)
{
	return stack_ours(stack_of(d, type), 0) < stack_of(d, type)->n;
}

/* At an item. */
static void found(const struct diagnosis *d, enum finding_kind kind, const struct stack_item *item)
{
	findings_add(d->findings, kind, item->where, item->module);
}

/* At the first line of pam_sess.so of that type. */
static void found_at_ours(const struct diagnosis *d, enum finding_kind kind, enum pam_type type)
{
	const struct stack *stack = stack_of(d, type);

	findings_add(d->findings, kind, stack->items[stack_ours(stack, 0)].where, "");
}

/* The next argument of an item, from a copy of them that the caller frees. */
static char *copy_args(const struct stack_item *item)
{
	return strdup(item->args != NULL ? item->args : "");
}

/* -ENOMEM; 1: the item has the argument, 0: it has not. Of one that ends in `=`, any value. */
static int has_argument(const struct stack_item *item, const char *argument)
{
	char *copy = copy_args(item), *rest = copy, *word;
	size_t n = strlen(argument);
	int r = 0;

	if (copy == NULL)
		return -ENOMEM;
	while (r == 0 && (word = pam_word(&rest)) != NULL)
		r = argument[n - 1] == '=' ? strncmp(word, argument, n) == 0
					   : strcmp(word, argument) == 0;
	free(copy);
	return r;
}

/* ---- what is there ---- */

static void check_missing(const struct diagnosis *d)
{
	const struct where where = {d->stacks->file != NULL ? d->stacks->file : d->service, 0};

	if (has_ours(d, PAM_AUTH) || has_ours(d, PAM_ACCOUNT) || has_ours(d, PAM_SESSION))
		return;
	findings_add(d->findings,
		is_of(d, BIT(CLASS_LOGIN)) ? FINDING_MISSING : FINDING_ELEVATION_MISSING, where,
		"");
}

static int check_auth_missing(const struct diagnosis *d)
{
	const struct stack *account = stack_of(d, PAM_ACCOUNT);
	int r;

	if (has_ours(d, PAM_AUTH) || !has_ours(d, PAM_ACCOUNT))
		return 0;
	r = has_argument(&account->items[stack_ours(account, 0)], "reauth=");
	if (r < 0)
		return r;
	found_at_ours(d, r > 0 ? FINDING_REAUTH_UNKNOWN : FINDING_AUTH_MISSING, PAM_ACCOUNT);
	return 0;
}

/* By sessctl reauth a user does what reauth= wants of him. */
static int check_reauth(const struct diagnosis *d)
{
	const struct stack *account = stack_of(d, PAM_ACCOUNT), *auth = stack_of(d, PAM_AUTH);
	size_t rootok = stack_find(auth, "pam_rootok", 0), ours = stack_ours(account, 0);
	int r = 0;

	if (strcmp(d->service, SERVICES_REAUTH) == 0 && rootok < auth->n)
		findings_add(d->findings, FINDING_REAUTH_ROOTOK, auth->items[rootok].where, "");
	if (ours < account->n)
		r = has_argument(&account->items[ours], "reauth=");
	if (r > 0)
		*d->wants_reauth = true;
	if (r > 0 && !d->has_reauth)
		found_at_ours(d, FINDING_REAUTH_SERVICE, PAM_ACCOUNT);
	return r < 0 ? r : 0;
}

static void check_manager(const struct diagnosis *d)
{
	const struct where where = {d->stacks->file != NULL ? d->stacks->file : d->service, 0};

	if (manager_is(d->service) && !has_ours(d, PAM_ACCOUNT))
		findings_add(d->findings, FINDING_MANAGER_MISSING, where, "");
}

static int check_presence(const struct diagnosis *d)
{
	check_manager(d);
	if (!d->must_have)
		return 0;
	check_missing(d);
	if (has_ours(d, PAM_SESSION) && !has_ours(d, PAM_ACCOUNT))
		found_at_ours(d, FINDING_ACCOUNT_MISSING, PAM_SESSION);
	if (has_ours(d, PAM_ACCOUNT) && !has_ours(d, PAM_SESSION))
		found_at_ours(d, FINDING_SESSION_MISSING, PAM_ACCOUNT);
	return check_auth_missing(d);
}

/* ---- order ---- */

/* Modules that must come before ours in session. */
static const struct {
	const char *module;
	uint32_t classes;
	enum finding_kind missing;
	enum finding_kind after;
} before_ours[] = {
	{"pam_loginuid", BIT(CLASS_LOGIN) | BIT(CLASS_BACKGROUND), FINDING_LOGINUID_MISSING,
		FINDING_LOGINUID_AFTER},
	{"pam_keyinit", BIT(CLASS_LOGIN), FINDING_KEYINIT_MISSING, FINDING_KEYINIT_AFTER},
};

/* Those that must not. */
static const struct {
	const char *module;
	enum finding_kind before;
} behind_ours[] = {
	{"pam_systemd", FINDING_SYSTEMD_BEFORE},
	{"pam_namespace", FINDING_NAMESPACE_BEFORE},
};

static void check_before(const struct diagnosis *d, const struct stack *stack, size_t ours)
{
	size_t i, at;

	for (i = 0; i < sizeof(before_ours) / sizeof(before_ours[0]); i++) {
		if (!is_of(d, before_ours[i].classes))
			continue;
		at = stack_find(stack, before_ours[i].module, 0);
		if (at == stack->n)
			found_at_ours(d, before_ours[i].missing, PAM_SESSION);
		else if (at > ours)
			findings_add(d->findings, before_ours[i].after, stack->items[at].where, "");
	}
}

static void check_behind(const struct diagnosis *d, const struct stack *stack, size_t ours)
{
	size_t i, at;

	for (i = 0; i < sizeof(behind_ours) / sizeof(behind_ours[0]); i++) {
		at = stack_find(stack, behind_ours[i].module, 0);
		if (at < ours && stack->items[at].installed)
			findings_add(
				d->findings, behind_ours[i].before, stack->items[at].where, "");
	}
}

/* `su -` is to have a keyring of its own: there account has run before. */
static int check_keyinit_hides(const struct diagnosis *d, const struct stack *stack, size_t ours)
{
	size_t at = stack_find(stack, "pam_keyinit", 0), n = strlen(d->service);
	int r = 0;

	if (at > ours || !is_of(d, BIT(CLASS_ELEVATION)) ||
		(n > 2 && strcmp(d->service + n - 2, "-l") == 0))
		return 0;
	r = has_argument(&stack->items[at], "force");
	if (r > 0)
		findings_add(d->findings, FINDING_KEYINIT_HIDES, stack->items[at].where, "");
	return r < 0 ? r : 0;
}

static int check_order(const struct diagnosis *d)
{
	const struct stack *stack = stack_of(d, PAM_SESSION);
	size_t ours = stack_ours(stack, 0);

	if (ours == stack->n)
		return 0;
	check_before(d, stack, ours);
	check_behind(d, stack, ours);
	return check_keyinit_hides(d, stack, ours);
}

static bool can_refuse(const struct stack_item *item)
{
	int value;

	/* what is broken is said already */
	if (item->is_substack || item->is_broken)
		return false;
	for (value = 0; value < PAM_RETURNS; value++)
		if ((item->returns & BIT(value)) != 0 &&
			(item->action[value] == PAM_DO_BAD || item->action[value] == PAM_DO_DIE))
			return true;
	return false;
}

/* Success here is the end of the stack. */
static bool suffices(const struct stack_item *item)
{
	return !item->is_substack && item->action[PAM_SUCCESS] == PAM_DO_DONE;
}

/* Modules that may succeed without having asked for anything. */
static bool asks_nobody(const struct stack_item *item)
{
	static const char *const modules[] = {"pam_rootok", "pam_succeed_if", "pam_wheel",
		"pam_permit", "pam_rhosts", "pam_listfile", "pam_localuser", "pam_access"};
	size_t i;

	for (i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
		if (module_is(item->module, modules[i]))
			return true;
	return false;
}

/* Last, or above the first one of those that ask and suffice: who succeeds there would not come to
 * it. */
static int check_auth_is_last(const struct diagnosis *d)
{
	const struct stack *stack = stack_of(d, PAM_AUTH);
	size_t ours = stack_ours(stack, 0), i;

	for (i = ours; i < stack->n; i++) {
		if (suffices(&stack->items[i])) {
			if (!asks_nobody(&stack->items[i]))
				break;
			found(d, FINDING_AUTH_UNASKED, &stack->items[i]);
		}
		if (stack->items[i].is_ours || !can_refuse(&stack->items[i]))
			continue;
		found(d, FINDING_AUTH_NOT_LAST, &stack->items[i]);
		break;
	}
	return 0;
}

/* ---- our own lines ---- */

static void check_argument(const struct diagnosis *d, const struct stack_item *item, char *word)
{
	struct module_args args;

	module_args_init(&args);
	if (!module_args_set(&args, word))
		findings_add(d->findings, FINDING_ARGUMENT, item->where, word);
}

static int check_line(const struct diagnosis *d, const struct stack_item *item)
{
	char *copy = copy_args(item), *rest = copy, *word;
	const char *dir = MODULE_DIR;

	if (copy == NULL)
		return -ENOMEM;
	if (!item->installed)
		found(d, FINDING_MODULE_MISSING, item);
	while ((word = pam_word(&rest)) != NULL) {
		check_argument(d, item, word);
		if (strncmp(word, "dir=", 4) == 0)
			dir = word + 4;
	}
	if (strcmp(dir, d->dir) != 0)
		findings_add(d->findings, FINDING_DIR, item->where, dir);
	free(copy);
	return 0;
}

static int check_lines(const struct diagnosis *d)
{
	const struct stack *stack;
	size_t type, i, first;
	int r = 0;

	for (type = 0; type < PAM_TYPES; type++) {
		stack = stack_of(d, (enum pam_type)type);
		first = stack_ours(stack, 0);
		for (i = first; i < stack->n && r == 0; i = stack_ours(stack, i + 1)) {
			r = check_line(d, &stack->items[i]);
			if (i > first)
				findings_add(d->findings, FINDING_TWICE, stack->items[i].where, "");
		}
	}
	return r;
}

/* ---- ways through ---- */

static const enum finding_kind bypasses[PAM_TYPES] = {
	[PAM_AUTH] = FINDING_AUTH_BYPASS,
	[PAM_ACCOUNT] = FINDING_ACCOUNT_BYPASS,
	[PAM_SESSION] = FINDING_SESSION_BYPASS,
};

/* Some answer of the module ends the stack, or jumps. */
static bool leads_away(const struct stack_item *item)
{
	int value, action;

	for (value = 0; value < PAM_RETURNS; value++) {
		action = item->action[value];
		if ((item->returns & BIT(value)) != 0 &&
			(action > 0 || action == PAM_DO_DONE || action == PAM_DO_DIE))
			return true;
	}
	return false;
}

/* Root may become anybody without authenticating: that is no way around us. */
static bool may_leap(const struct stack *stack, size_t i, enum pam_type type)
{
	const struct stack_item *item = &stack->items[i];

	if (item->is_ours || item->is_substack || !leads_away(item) ||
		stack_ours(stack, i) == stack->n)
		return false;
	return type != PAM_AUTH || !module_is(item->module, "pam_rootok");
}

static int check_bypass(const struct diagnosis *d, enum pam_type type)
{
	const struct stack *stack = stack_of(d, type);
	size_t i;
	int r;

	for (i = 0; i < stack->n; i++) {
		struct walk w = {.stack = stack, .leaper = i};

		if (!may_leap(stack, i, type))
			continue;
		r = walk_run(&w);
		if (r < 0)
			return r;
		if (w.bypassed)
			found(d, bypasses[type], &stack->items[i]);
	}
	return 0;
}

/* The first of our lines that lets who is refused go on. */
static const struct stack_item *forgiving(const struct stack *stack)
{
	size_t first = stack_ours(stack, 0), i;

	for (i = first; i < stack->n; i = stack_ours(stack, i + 1))
		if (stack->items[i].action[PAM_PERM_DENIED] != PAM_DO_BAD &&
			stack->items[i].action[PAM_PERM_DENIED] != PAM_DO_DIE)
			return &stack->items[i];
	return &stack->items[first];
}

static int check_refusal(const struct diagnosis *d, enum pam_type type)
{
	const struct stack *stack = stack_of(d, type);
	struct walk any = {.stack = stack, .leaper = stack->n};
	struct walk refused = {.stack = stack, .leaper = stack->n, .ours = BIT(PAM_PERM_DENIED)};
	struct walk ignored = {.stack = stack, .leaper = stack->n, .ours = BIT(PAM_IGNORE)};
	int r = walk_run(&any);

	if (r == 0)
		r = walk_run(&refused);
	if (r == 0)
		r = walk_run(&ignored);
	if (r < 0)
		return r;
	if (!any.reached)
		found_at_ours(d, FINDING_UNREACHABLE, type);
	if (refused.passed)
		findings_add(d->findings, FINDING_REFUSAL_IGNORED, forgiving(stack)->where, "");
	if (any.passed && !ignored.succeeds)
		found_at_ours(d, FINDING_ALONE, type);
	return 0;
}

static int check_ways(const struct diagnosis *d)
{
	static const enum pam_type types[] = {PAM_AUTH, PAM_ACCOUNT, PAM_SESSION};
	size_t i;
	int r = 0;

	for (i = 0; i < sizeof(types) / sizeof(types[0]) && r == 0; i++) {
		if (!has_ours(d, types[i]))
			continue;
		r = check_bypass(d, types[i]);
		/* in auth we never refuse */
		if (r == 0 && types[i] != PAM_AUTH)
			r = check_refusal(d, types[i]);
	}
	return r;
}

int diagnosis_make(const struct diagnosis *d)
{
	static int (*const checks[])(const struct diagnosis *d) = {check_presence, check_order,
		check_auth_is_last, check_lines, check_ways, check_reauth};
	size_t i;
	int r = 0;

	if (d->stacks->incomplete)
		return 0;
	for (i = 0; i < sizeof(checks) / sizeof(checks[0]) && r == 0; i++)
		r = checks[i](d);
	return r;
}
