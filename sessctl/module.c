#include <security/_pam_types.h>
#include <stdio.h>
#include <string.h>

#include "sessctl/module.h"

#define BIT(value) (UINT32_C(1) << (value))

/* Anything but "come back later", which no stack goes on from. */
#define ANYTHING (~BIT(PAM_INCOMPLETE))

#define FAILURES                                                                                   \
	(BIT(PAM_AUTH_ERR) | BIT(PAM_PERM_DENIED) | BIT(PAM_ACCT_EXPIRED) | BIT(PAM_SESSION_ERR) | \
		BIT(PAM_CRED_ERR) | BIT(PAM_AUTHTOK_ERR))

/* Those whose answer is known. */
static const struct {
	const char *name;
	uint32_t returns;
} known[] = {
	{"pam_deny", FAILURES},
	{"pam_permit", BIT(PAM_SUCCESS)},
};

/* Which of the folders `lib/NAME/security` has pam_unix.so. */
static bool find_below(struct modules *m, const char *lib)
{
	struct tree_names names;
	char path[TREE_PATH_MAX];
	bool found = false;
	size_t i;

	if (tree_list(m->tree, lib, NULL, &names) < 0)
		return false;
	for (i = 0; i < names.n && !found; i++) {
		snprintf(m->folder, sizeof(m->folder), "%s/%s/security", lib, names.name[i]);
		found = (size_t)snprintf(path, sizeof(path), "%s/pam_unix.so", m->folder) <
				sizeof(path) &&
			tree_has(m->tree, path);
	}
	tree_names_free(&names);
	return found;
}

void modules_init(struct modules *m, const struct tree *tree)
{
	static const char *const plain[] = {
		"/lib64/security", "/usr/lib64/security", "/lib/security", "/usr/lib/security"};
	char path[TREE_PATH_MAX];
	size_t i;

	m->tree = tree;
	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		snprintf(m->folder, sizeof(m->folder), "%s", plain[i]);
		snprintf(path, sizeof(path), "%s/pam_unix.so", plain[i]);
		if (tree_has(tree, path))
			return;
	}
	if (!find_below(m, "/lib") && !find_below(m, "/usr/lib"))
		m->folder[0] = '\0';
}

bool modules_has(const struct modules *m, const char *module)
{
	char path[2 * TREE_PATH_MAX];

	/* $ISA is what libpam was built with */
	if (m->folder[0] == '\0' || strchr(module, '$') != NULL)
		return true;
	if (module[0] == '/')
		return tree_has(m->tree, module);
	return (size_t)snprintf(path, sizeof(path), "%s/%s", m->folder, module) >= sizeof(path) ||
	       tree_has(m->tree, path);
}

bool module_is(const char *module, const char *name)
{
	const char *slash = strrchr(module, '/');
	size_t n = strlen(name);

	if (slash != NULL)
		module = slash + 1;
	return strncmp(module, name, n) == 0 &&
	       (module[n] == '\0' || strcmp(module + n, ".so") == 0);
}

uint32_t module_returns(const char *module)
{
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (module_is(module, known[i].name))
			return known[i].returns;
	return ANYTHING;
}
