#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/manager.h"
#include "common/service.h"
#include "sessctl/services.h"
#include "sessctl/stack.h"

/* Those by which users become others. runuser is root's, and pkexec asks no password of its own. */
static const char *const elevations[] = {"su", "su-l", "sudo", "sudo-i", "doas"};

bool services_must_have(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(elevations) / sizeof(elevations[0]); i++)
		if (strcmp(elevations[i], name) == 0)
			return true;
	return service_builtin(name) == CLASS_LOGIN;
}

/* A file in PAM's folders. */
struct candidate {
	char *name;
	bool is_ours;	  /* pam_sess.so is in its stacks */
	bool is_included; /* by another one */
};

struct candidates {
	struct candidate *rows;
	size_t n;
};

static struct candidate *candidate_find(const struct candidates *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (strcmp(c->rows[i].name, name) == 0)
			return &c->rows[i];
	return NULL;
}

static int candidate_add(struct candidates *c, const char *name)
{
	struct candidate *rows;

	if (candidate_find(c, name) != NULL)
		return 0;
	rows = realloc(c->rows, (c->n + 1) * sizeof(*rows));
	if (rows == NULL)
		return -ENOMEM;
	c->rows = rows;
	rows[c->n] = (struct candidate){.name = strdup(name)};
	if (rows[c->n].name == NULL)
		return -ENOMEM;
	c->n++;
	return 0;
}

static int candidates_list(struct candidates *c, const struct tree *tree)
{
	static const char *const folders[] = {"/etc/pam.d", "/usr/lib/pam.d"};
	struct tree_names names;
	size_t i, k;
	int r = 0;

	for (i = 0; i < sizeof(folders) / sizeof(folders[0]) && r == 0; i++) {
		if (tree_list(tree, folders[i], NULL, &names) < 0)
			continue;
		for (k = 0; k < names.n && r == 0; k++)
			r = candidate_add(c, names.name[k]);
		tree_names_free(&names);
	}
	return r;
}

/* Notes which files the service includes, and whether it has to do with us. */
static void note(const struct candidates *c, struct candidate *own, const struct stacks *stacks)
{
	struct candidate *other;
	const char *slash;
	size_t i;

	for (i = 0; i < PAM_TYPES; i++)
		own->is_ours |= stack_ours(&stacks->of[i], 0) < stacks->of[i].n;
	for (i = 0; i < stacks->n_files; i++) {
		slash = strrchr(stacks->files[i], '/');
		other = candidate_find(c, slash != NULL ? slash + 1 : stacks->files[i]);
		if (other != NULL && other != own)
			other->is_included = true;
	}
}

static int candidates_read(struct candidates *c, const struct modules *modules)
{
	struct findings unsaid = {0};
	struct stacks stacks;
	size_t i;
	int r = 0;

	for (i = 0; i < c->n && r == 0; i++) {
		r = stacks_read(&stacks, modules, c->rows[i].name, &unsaid);
		note(c, &c->rows[i], &stacks);
		stacks_fini(&stacks);
	}
	findings_fini(&unsaid);
	return r;
}

static int take(struct services *s, const struct candidates *c)
{
	size_t i;

	s->files = c->n;
	s->name = calloc(c->n + 1, sizeof(*s->name));
	if (s->name == NULL)
		return -ENOMEM;
	for (i = 0; i < c->n; i++) {
		if (!services_must_have(c->rows[i].name) &&
			strcmp(c->rows[i].name, SERVICES_REAUTH) != 0 &&
			!manager_is(c->rows[i].name) &&
			(!c->rows[i].is_ours || c->rows[i].is_included))
			continue;
		s->name[s->n] = strdup(c->rows[i].name);
		if (s->name[s->n] == NULL)
			return -ENOMEM;
		s->n++;
	}
	return 0;
}

int services_find(struct services *s, const struct modules *modules)
{
	struct candidates c = {0};
	size_t i;
	int r;

	*s = (struct services){0};
	r = candidates_list(&c, modules->tree);
	if (r == 0)
		r = candidates_read(&c, modules);
	if (r == 0)
		r = take(s, &c);
	for (i = 0; i < c.n; i++)
		free(c.rows[i].name);
	free(c.rows);
	return r;
}

void services_fini(struct services *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		free(s->name[i]);
	free(s->name);
	*s = (struct services){0};
}
