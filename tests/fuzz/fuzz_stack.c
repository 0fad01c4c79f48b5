/*
 * Any bytes as the PAM files of a machine: they are read and judged in bounded time and memory, and
 * what is found is text. A NUL ends a file, and the next one begins; `sshd` includes them by their
 * names, `a` and `b`.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/text.h"
#include "sessctl/diagnosis.h"
#include "sessctl/walk.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"sshd", "a", "b"};

#define N_NAMES (sizeof(names) / sizeof(names[0]))

static char root[] = "/tmp/fuzz_stack.XXXXXX";
static struct tree tree;
static struct modules modules;
static int folder = -1;

static void must(bool so, const char *what)
{
	if (so)
		return;
	fprintf(stderr, "fuzz_stack: %s\n", what);
	abort();
}

static void write_files(const uint8_t *data, size_t size)
{
	const uint8_t *nul;
	size_t i, n;
	int fd;

	for (i = 0; i < N_NAMES; i++, data += n, size -= n) {
		nul = i + 1 < N_NAMES && size > 0 ? memchr(data, '\0', size) : NULL;
		n = nul != NULL ? (size_t)(nul - data) : size;
		fd = openat(folder, names[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		must(fd >= 0 && write(fd, data, n) == (ssize_t)n, "cannot write a file");
		close(fd);
		n += nul != NULL;
	}
}

static void check_items(const struct stacks *stacks)
{
	size_t type, i, n = 0;

	for (type = 0; type < PAM_TYPES; type++) {
		n += stacks->of[type].n;
		for (i = 0; i < stacks->of[type].n; i++) {
			must(stacks->of[type].items[i].level < STACK_DEPTH_MAX, "too deep");
			must(stacks->of[type].items[i].where.line > 0, "a line without a number");
		}
	}
	must(n <= STACK_ITEMS_MAX + 2, "too many lines");
	must(stacks->n_files <= STACK_FILES_MAX, "too many files");
}

static void check_findings(const struct findings *findings)
{
	char *text = NULL;
	size_t len, i, from;
	FILE *out = open_memstream(&text, &len);

	must(out != NULL, "out of memory");
	findings_print(findings, out, false);
	findings_json(findings, out);
	must(fclose(out) == 0, "out of memory");
	for (i = from = 0; i < len; i++)
		if (text[i] == '\n') {
			must(text_valid(text + from, i - from), "a line that cannot be shown");
			from = i + 1;
		}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct findings findings = {.service = "sshd"};
	struct stacks stacks;
	bool wants_reauth = false;
	const struct diagnosis d = {.service = "sshd",
		.wants_reauth = &wants_reauth,
		.class = CLASS_LOGIN,
		.must_have = true,
		.stacks = &stacks,
		.dir = "/run/sessd",
		.findings = &findings};

	write_files(data, size);
	must(stacks_read(&stacks, &modules, "sshd", &findings) == 0, "out of memory");
	check_items(&stacks);
	must(diagnosis_make(&d) == 0, "out of memory");
	check_findings(&findings);
	stacks_fini(&stacks);
	findings_fini(&findings);
	return 0;
}

static void remove_tree(void)
{
	size_t i;

	for (i = 0; i < N_NAMES; i++)
		(void)unlinkat(folder, names[i], 0);
	(void)unlinkat(tree.fd, "etc/pam.d", AT_REMOVEDIR);
	(void)unlinkat(tree.fd, "etc", AT_REMOVEDIR);
	(void)rmdir(root);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	must(mkdtemp(root) != NULL && tree_open(&tree, root) == 0, "cannot make a folder");
	must(mkdirat(tree.fd, "etc", 0700) == 0 && mkdirat(tree.fd, "etc/pam.d", 0700) == 0,
		"cannot make a folder");
	folder = openat(tree.fd, "etc/pam.d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(folder >= 0, "cannot open the folder");
	modules_init(&modules, &tree);
	atexit(remove_tree);
	return 0;
}
