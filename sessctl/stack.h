/*
 * The stacks of a PAM service, one for each type, as libpam puts them together from its files: what
 * is included stands in its place, and a substack is a level of its own. What is wrong with the
 * files goes to the findings.
 */
#ifndef SESSCTL_STACK_H
#define SESSCTL_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sessctl/finding.h"
#include "sessctl/module.h"
#include "sessctl/pam_rule.h"

/* Of a service, all types and files together; libpam has no such bound. */
#define STACK_ITEMS_MAX 2048
#define STACK_FILES_MAX 256

/* Files that include each other, and substacks in each other; PAM_SUBSTACK_MAX_LEVEL of libpam. */
#define STACK_DEPTH_MAX 16

struct stack_item {
	bool is_substack; /* the items behind it with a higher level are what is in it */
	bool is_broken;	  /* it fails without a module being asked */
	bool is_ours;	  /* pam_sess.so */
	bool installed;
	unsigned level;
	int action[PAM_RETURNS];
	uint32_t returns;   /* values that it may return, as bits */
	struct where where; /* the place belongs to the stacks */
	char *text;	    /* what the next two point into */
	const char *module; /* "" of a substack, or of one that is broken */
	char *args;	    /* NULL: none */
};

struct stack {
	struct stack_item *items;
	size_t n;
};

struct stacks {
	struct stack of[PAM_TYPES];
	const char *file; /* of the service; NULL: it has none */
	char **files;	  /* all that were read, as they are shown */
	size_t n_files;
	bool incomplete; /* something could not be read, or was too much */
};

/* What is wrong is found; an empty stack of a type is filled from the service `other`. -ENOMEM. */
int stacks_read(struct stacks *s, const struct modules *modules, const char *service,
	struct findings *findings);
void stacks_fini(struct stacks *s);

/* The first item of a module in a stack, from `from` on; stack->n: there is none. */
size_t stack_find(const struct stack *stack, const char *module, size_t from);
/* The same of pam_sess.so. */
size_t stack_ours(const struct stack *stack, size_t from);

/* Where what stands in `level` from item i on ends. */
size_t stack_end(const struct stack *stack, size_t i, unsigned level);

#endif
