#include <errno.h>
#include <security/_pam_types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sessctl/stack.h"

/* A file that is being read, and those that include it. */
struct frame {
	const struct frame *up;
	const char *path;
	const char *shown;    /* belongs to the stacks */
	enum pam_type wanted; /* PAM_TYPES: all */
	unsigned level;
	unsigned depth;
};

struct reader {
	struct stacks *stacks;
	const struct modules *modules;
	struct findings *findings;
	size_t items;
	bool full; /* a bound was reached, and the rest is left out */
};

static int read_file(struct reader *r, struct frame *frame);

static void found(
	const struct reader *r, enum finding_kind kind, struct where where, const char *detail)
{
	findings_add(r->findings, kind, where, detail);
}

/* ---- items ---- */

static int add_item(struct reader *r, enum pam_type type, const struct stack_item *item)
{
	struct stack *stack = &r->stacks->of[type];
	struct stack_item *items;

	items = realloc(stack->items, (stack->n + 1) * sizeof(*items));
	if (items == NULL)
		return -ENOMEM;
	stack->items = items;
	items[stack->n++] = *item;
	r->items++;
	return 0;
}

static void fail_always(struct stack_item *item, const struct pam_rule *rule)
{
	size_t i;

	memcpy(item->action, rule->action, sizeof(item->action));
	if (rule->kind != PAM_RULE_BROKEN)
		for (i = 0; i < PAM_RETURNS; i++)
			item->action[i] = PAM_DO_BAD;
	item->is_broken = true;
	item->returns = UINT32_C(1) << PAM_PERM_DENIED;
	item->module = "";
	item->args = NULL;
}

/* A module, or what stands in the place of one. `line` is what the rule points into. */
static int add_module(struct reader *r, const struct frame *frame, struct where where,
	const struct pam_rule *rule)
{
	enum pam_type type = rule->type != PAM_TYPES	 ? rule->type
			     : frame->wanted < PAM_TYPES ? frame->wanted
							 : PAM_AUTH;
	struct stack_item item = {.level = frame->level, .where = where, .installed = true};
	size_t n;
	int e;

	if (rule->kind != PAM_RULE_MODULE) {
		fail_always(&item, rule);
		return add_item(r, type, &item);
	}
	n = strlen(rule->target) + 1;
	item.text = malloc(n + (rule->args != NULL ? strlen(rule->args) + 1 : 0));
	if (item.text == NULL)
		return -ENOMEM;
	item.module = memcpy(item.text, rule->target, n);
	if (rule->args != NULL)
		item.args = memcpy(item.text + n, rule->args, strlen(rule->args) + 1);
	memcpy(item.action, rule->action, sizeof(item.action));
	item.is_ours = module_is(item.module, "pam_sess");
	item.installed = modules_has(r->modules, item.module);
	/* ours is judged as if it were there: that it is not is said once */
	item.returns = item.installed || item.is_ours ? module_returns(item.module)
						      : UINT32_C(1) << PAM_MODULE_UNKNOWN;
	e = add_item(r, type, &item);
	if (e < 0)
		free(item.text);
	return e;
}

/* ---- files ---- */

#define OWN_FOLDER    "/etc/pam.d"
#define VENDOR_FOLDER "/usr/lib/pam.d"

/* Where libpam looks. False: there is none. */
static bool find_file(const struct reader *r, const char *name, char *ret)
{
	static const char *const folders[] = {OWN_FOLDER, VENDOR_FOLDER};
	const struct tree *tree = r->modules->tree;
	size_t i;

	if (name[0] == '/') {
		snprintf(ret, TREE_PATH_MAX, "%s", name);
		return strlen(name) < TREE_PATH_MAX && tree_has(tree, ret);
	}
	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (snprintf(ret, TREE_PATH_MAX, "%s/%s", folders[i], name) < TREE_PATH_MAX &&
			tree_has(tree, ret))
			return true;
	return false;
}

/* The path as it is shown, kept with the stacks. */
static const char *keep_path(struct reader *r, const char *path)
{
	struct stacks *s = r->stacks;
	char **files, *shown;

	files = realloc(s->files, (s->n_files + 1) * sizeof(*files));
	if (files == NULL)
		return NULL;
	s->files = files;
	if (asprintf(&shown, "%s%s", r->modules->tree->root, path) < 0)
		return NULL;
	s->files[s->n_files++] = shown;
	return shown;
}

static bool is_being_read(const struct frame *frame, const char *path)
{
	for (; frame != NULL; frame = frame->up)
		if (strcmp(frame->path, path) == 0)
			return true;
	return false;
}

/* Reads the file that a line includes. 1: it cannot be had, so the line fails. */
static int read_included(struct reader *r, const struct frame *frame, struct where where,
	const struct pam_rule *rule)
{
	char path[TREE_PATH_MAX];
	struct frame inner = {.up = frame,
		.path = path,
		.wanted = rule->type != PAM_TYPES ? rule->type : frame->wanted,
		.level = frame->level + (rule->kind == PAM_RULE_SUBSTACK),
		.depth = frame->depth + 1};

	if (!find_file(r, rule->target, path)) {
		found(r, FINDING_INCLUDE_MISSING, where, rule->target);
		return 1;
	}
	/* Debian's patch of libpam 1.5 looks for services in both folders, for what they include in
	 * the first */
	if (rule->target[0] != '/' && strncmp(path, VENDOR_FOLDER, strlen(VENDOR_FOLDER)) == 0)
		found(r, FINDING_INCLUDE_VENDOR, where, rule->target);
	if (is_being_read(frame, path)) {
		found(r, FINDING_INCLUDE_LOOP, where, rule->target);
		return 1;
	}
	if (inner.depth >= STACK_DEPTH_MAX) {
		found(r, FINDING_INCLUDE_DEEP, where, rule->target);
		return 1;
	}
	return read_file(r, &inner);
}

static int add_include(struct reader *r, const struct frame *frame, struct where where,
	const struct pam_rule *rule)
{
	const struct stack_item marker = {
		.is_substack = true, .level = frame->level, .where = where, .module = ""};
	int e = 0;

	if (rule->kind == PAM_RULE_SUBSTACK)
		e = add_item(r, rule->type, &marker);
	if (e == 0)
		e = read_included(r, frame, where, rule);
	return e == 1 ? add_module(r, frame, where, rule) : e;
}

static int take_line(struct reader *r, const struct frame *frame, char *line, unsigned number)
{
	const struct where where = {frame->shown, number};
	struct pam_rule rule;

	pam_rule_parse(line, &rule);
	/* of other types even what is wrong is passed over */
	if (frame->wanted != PAM_TYPES && rule.type != PAM_TYPES && rule.type != frame->wanted)
		return 0;
	if (rule.wrong != NULL)
		found(r, FINDING_MALFORMED, where, rule.wrong);
	switch (rule.kind) {
	case PAM_RULE_BROKEN:
	case PAM_RULE_MODULE:
		return add_module(r, frame, where, &rule);
	case PAM_RULE_INCLUDE:
	case PAM_RULE_SUBSTACK:
		return add_include(r, frame, where, &rule);
	}
	return 0;
}

static int take_lines(struct reader *r, const struct frame *frame, struct pam_text *text)
{
	char line[PAM_LINE_MAX];
	unsigned number = 0;
	int e;

	while ((e = pam_text_next(text, line, &number)) > 0) {
		if (r->items >= STACK_ITEMS_MAX) {
			r->full = true;
			break;
		}
		e = take_line(r, frame, line, number);
		if (e < 0 || r->full)
			return e;
	}
	if (e == -E2BIG || e == -EBADMSG)
		found(r, FINDING_MALFORMED, (struct where){frame->shown, text->line},
			e == -E2BIG ? "it is longer than libpam reads"
				    : "the file ends in a line that is to be continued");
	return 0;
}

static int read_file(struct reader *r, struct frame *frame)
{
	struct pam_text text;
	size_t len;
	char *all;
	int e;

	if (r->stacks->n_files >= STACK_FILES_MAX) {
		r->full = true;
		return 0;
	}
	frame->shown = keep_path(r, frame->path);
	if (frame->shown == NULL)
		return -ENOMEM;
	e = tree_read(r->modules->tree, frame->path, &all, &len);
	if (e == -ENOMEM)
		return e;
	if (e < 0) {
		found(r, FINDING_UNREADABLE, (struct where){frame->shown, 0}, strerror(-e));
		r->stacks->incomplete = true;
		return 1;
	}
	text = (struct pam_text){.at = all, .end = all + len};
	e = take_lines(r, frame, &text);
	free(all);
	return e;
}

/* ---- services ---- */

/* Into `stacks` what the file of that name says; *ret_file is left alone where there is none. */
static int read_service(struct reader *r, const char *name, const char **ret_file)
{
	char path[TREE_PATH_MAX];
	struct frame frame = {.path = path, .wanted = PAM_TYPES};
	int e;

	if (!find_file(r, name, path))
		return 0;
	e = read_file(r, &frame);
	*ret_file = frame.shown;
	return e < 0 ? e : 0;
}

static void stack_fini(struct stack *stack)
{
	size_t i;

	for (i = 0; i < stack->n; i++)
		free(stack->items[i].text);
	free(stack->items);
	*stack = (struct stack){0};
}

/* A type that the service's file does not mention is that of `other`. */
static int read_other(struct reader *r)
{
	struct stack own[PAM_TYPES];
	const char *file = NULL;
	size_t i;
	int e;

	memcpy(own, r->stacks->of, sizeof(own));
	memset(r->stacks->of, 0, sizeof(own));
	e = read_service(r, "other", &file);
	for (i = 0; i < PAM_TYPES; i++) {
		if (own[i].n == 0)
			continue;
		stack_fini(&r->stacks->of[i]);
		r->stacks->of[i] = own[i];
	}
	return e;
}

static bool lacks_a_type(const struct stacks *s)
{
	return s->of[PAM_AUTH].n == 0 || s->of[PAM_ACCOUNT].n == 0 || s->of[PAM_SESSION].n == 0;
}

int stacks_read(struct stacks *s, const struct modules *modules, const char *service,
	struct findings *findings)
{
	struct reader r = {.stacks = s, .modules = modules, .findings = findings};
	int e;

	*s = (struct stacks){0};
	e = read_service(&r, service, &s->file);
	if (e == 0 && lacks_a_type(s))
		e = read_other(&r);
	if (r.full) {
		found(&r, FINDING_TOO_LARGE, (struct where){s->files[0], 0}, "");
		s->incomplete = true;
	}
	return e;
}

void stacks_fini(struct stacks *s)
{
	size_t i;

	for (i = 0; i < PAM_TYPES; i++)
		stack_fini(&s->of[i]);
	for (i = 0; i < s->n_files; i++)
		free(s->files[i]);
	free(s->files);
	*s = (struct stacks){0};
}

size_t stack_find(const struct stack *stack, const char *module, size_t from)
{
	for (; from < stack->n; from++)
		if (module_is(stack->items[from].module, module))
			break;
	return from;
}

size_t stack_ours(const struct stack *stack, size_t from)
{
	for (; from < stack->n; from++)
		if (stack->items[from].is_ours)
			break;
	return from;
}

size_t stack_end(const struct stack *stack, size_t i, unsigned level)
{
	while (i < stack->n && stack->items[i].level >= level)
		i++;
	return i;
}
