#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pam_module/leader.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

/* Reads the beginning of a small file, NUL-terminated. 0 or -errno. */
static int read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int r = 0;

	if (fd < 0)
		return -errno;
	do
		n = read(fd, buf, size - 1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		r = -errno;
	else
		buf[n] = '\0';
	close(fd);
	return r;
}

bool leader_start_parse(const char *stat, uint64_t *ret)
{
	const char *p = strrchr(stat, ')');
	unsigned long long start;
	char *end;
	int field;

	/* the parenthesis ends field 2 */
	for (field = 2; field < 22 && p != NULL; field++)
		p = strchr(p + 1, ' ');
	if (p == NULL || p[1] < '0' || p[1] > '9')
		return false;
	errno = 0;
	start = strtoull(p + 1, &end, 10);
	if (errno != 0 || *end != ' ')
		return false;
	*ret = start;
	return true;
}

uint32_t leader_audit_session(void)
{
	char buf[32], *end;
	unsigned long id;

	if (read_text("/proc/self/sessionid", buf, sizeof(buf)) < 0)
		return 0;
	errno = 0;
	id = strtoul(buf, &end, 10);
	return errno == 0 && end != buf && id < UINT32_MAX ? (uint32_t)id : 0;
}

int leader_boot_id(char *out, size_t size)
{
	char buf[TEXT_STR_MAX + 1];
	int r = read_text(BOOT_ID, buf, sizeof(buf));

	if (r == 0)
		text_escape(buf, strcspn(buf, "\n"), out, size);
	return r;
}

int leader_fill(struct wire_spooled *ret)
{
	char buf[1024];
	int r;

	ret->leader_pid = (uint64_t)getpid();
	r = read_text("/proc/self/stat", buf, sizeof(buf));
	if (r < 0)
		return r;
	if (!leader_start_parse(buf, &ret->leader_start))
		return -EINVAL;
	return leader_boot_id(ret->boot_id, sizeof(ret->boot_id));
}
