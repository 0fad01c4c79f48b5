/*
 * Reads any bytes as a configuration, and again: the same answer, whatever state libconfuse's lexer
 * was left in. What is accepted is asked about some logins.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/text.h"
#include "sessd/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so, const char *what)
{
	if (so)
		return;
	fprintf(stderr, "fuzz_config: %s\n", what);
	abort();
}

/* A file in memory that nobody else may write, as config_load() demands, and its name. */
static int file_make(const uint8_t *data, size_t size, char path[64])
{
	int fd = memfd_create("sessd.conf", MFD_CLOEXEC);

	must(fd >= 0 && fchmod(fd, 0600) == 0, "cannot make a file");
	must(write(fd, data, size) == (ssize_t)size, "cannot fill a file");
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static void on_warning(void *ctx, const char *line)
{
	size_t *lines = ctx;

	must(text_valid(line, strlen(line)), "a warning with rubbish in it");
	(*lines)++;
}

static void ask(const struct config *config)
{
	static const char *const users[] = {"", "root", "anna"};
	static const char *const sources[] = {"", "10.0.0.1", "fe80::1%eth0", "host.example"};
	static const uint32_t gids[] = {0, 100, 1000};
	struct subject s = {.service = "sshd", .gids = gids, .n_gids = 3};
	struct limits limits;
	size_t i, j;

	for (i = 0; i < sizeof(users) / sizeof(users[0]); i++)
		for (j = 0; j < sizeof(sources) / sizeof(sources[0]); j++) {
			s.user = users[i];
			s.rhost = sources[j];
			policy_resolve(&config->policies, &s, &limits);
			must(limits.exempt == (limits.exempt_policy != NULL), "exempt by nobody");
			must((limits.lifetime > 0) == (limits.lifetime_policy != NULL),
				"a lifetime by nobody");
			must(!limits.exempt || limits.lifetime == 0, "exempt, and limited");
		}
	must(policy_class(&config->policies, "sshd") != CLASS_NONE, "no class");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config one = {.admin_gid = 0}, two = {.admin_gid = 0};
	char first[CONFIG_ERROR_TEXT] = "", second[CONFIG_ERROR_TEXT] = "", path[64];
	size_t warned = 0, again = 0;
	int fd = file_make(data, size, path), r;

	r = config_load(path, on_warning, &warned, &one, first);
	must(config_load(path, on_warning, &again, &two, second) == r, "not the same answer");
	must(strcmp(first, second) == 0, "not the same error");
	must((r < 0) == (first[0] != '\0'), "an error without words, or words without an error");
	must(text_valid(first, strlen(first)), "an error with rubbish in it");
	if (r == 0) {
		must(warned == again, "not the same warnings");
		must(one.policies.n_policies == two.policies.n_policies, "not the same policies");
		ask(&one);
		config_fini(&one);
		config_fini(&two);
	}
	close(fd);
	return 0;
}
