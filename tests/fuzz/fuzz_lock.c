/*
 * Any bytes as the file of a lock: nothing but a lock that is whole, is what it can be and stands
 * under its own name is taken, and asking whom it hits comes to an end. And any text as
 * SSH_AUTH_INFO_0: what is recorded of it is text.
 *
 * fuzz_lock --seeds DIR writes a lock of each kind, and ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/lock.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int folder = -1;
static char folder_path[] = "/tmp/fuzz_lock.XXXXXX";

static void must(bool so, const char *what)
{
	if (so)
		return;
	fprintf(stderr, "fuzz_lock: %s\n", what);
	abort();
}

static void auth(const uint8_t *data, size_t size)
{
	char *info = strndup((const char *)data, size), out[TEXT_STR_MAX + 1];

	must(info != NULL, "out of memory");
	lock_auth(info, out);
	must(text_valid(out, strlen(out)), "an auth that is no text");
	free(info);
}

/* Where the bytes say what their name would be, they stand under it. */
static void name_of(const uint8_t *data, size_t size, struct wire_frame *frame, char *ret)
{
	static const struct wire_locked bob = {.kind = "user", .name = "bob"};

	if (wire_decode(data, size, frame) == 0 && frame->type == WIRE_locked)
		lock_file_name(&frame->u.locked, ret);
	else
		lock_file_name(&bob, ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t gids[] = {100};
	static struct wire_frame frame;
	static struct wire_locked lock;
	const struct lock_subject subject = {.user = "bob",
		.uid = 1000,
		.gids = gids,
		.n_gids = 1,
		.rhost = "192.0.2.7",
		.auth = "publickey SHA256:aR5vv7GWTQFZPb8C8fzSCMkmK4xSoxT5dPn+9RTgx30"};
	char name[LOCK_NAME_HEX + 1], own[TEXT_STR_MAX + 1];
	int fd;

	auth(data, size);
	name_of(data, size, &frame, name);
	fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(fd >= 0 && write(fd, data, size) == (ssize_t)size, "cannot write the file");
	close(fd);
	if (lock_file_read(folder, name, &frame, &lock) == 0) {
		must(size <= LOCK_FILE_MAX, "a file that is too long");
		memcpy(own, lock.name, sizeof(own));
		must(lock_check(lock.kind, own, &lock.id) == NULL, "a lock that can be none");
		must(strcmp(own, lock.name) == 0, "a name in another form");
		must(text_valid(lock_words(&lock), strlen(lock_words(&lock))),
			"words that are no text");
		(void)lock_hits(&lock, &subject);
		(void)lock_over(&lock, "boot", 1, 1);
	}
	unlinkat(folder, name, 0);
	return 0;
}

static void seed(const char *dir, const char *kind, const char *name)
{
	struct wire_locked lock = {.id = {.set = true, .uid = 1000},
		.set_at = 1,
		.expires_at = 2,
		.deadline = 3,
		.boot_id = "boot",
		.message = "call 4711"};
	static uint8_t buf[WIRE_MAX];
	char path[4096];
	size_t len;
	FILE *fp;

	snprintf(lock.kind, sizeof(lock.kind), "%s", kind);
	snprintf(lock.name, sizeof(lock.name), "%s", name);
	must(wire_encode(WIRE_locked, 0, &lock, buf, sizeof(buf), &len) == 0, "a bad seed");
	snprintf(path, sizeof(path), "%s/%s", dir, kind);
	fp = fopen(path, "we");
	must(fp != NULL && fwrite(buf, 1, len, fp) == len && fclose(fp) == 0,
		"cannot write a seed");
}

static void remove_folder(void)
{
	(void)rmdir(folder_path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	if (*argc == 3 && strcmp((*argv)[1], "--seeds") == 0) {
		seed((*argv)[2], "user", "bob");
		seed((*argv)[2], "group", "staff");
		seed((*argv)[2], "source", "192.0.2.0/24");
		seed((*argv)[2], "key", "SHA256:aR5vv7GWTQFZPb8C8fzSCMkmK4xSoxT5dPn+9RTgx30");
		exit(0);
	}
	must(mkdtemp(folder_path) != NULL, "cannot make a folder");
	folder = open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(folder >= 0, "cannot open the folder");
	atexit(remove_folder);
	return 0;
}
