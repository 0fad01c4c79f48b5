#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pam_module/spool.h"

#define TMP_NAME (sizeof(".") + SID_HEX + sizeof(".tmp"))

/* A file being read or written; on the heap, wiped because it holds a token. */
struct page {
	struct wire_frame frame;
	uint8_t buf[WIRE_MAX + 1];
	size_t len;
};

/* Opens a folder that only root can have filled, made with `mode` when it is missing. */
static int folder_open(int at, const char *name, mode_t mode)
{
	bool made = mkdirat(at, name, mode) == 0;
	struct stat st;
	int fd, r = 0;

	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* the caller's umask may have taken bits away, and is not ours to change */
	if ((made && fchmod(fd, mode) < 0) || fstat(fd, &st) < 0)
		r = -errno;
	else if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
		r = -EPERM;
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

static int spool_open(const char *dir)
{
	int top, fd;

	if (geteuid() != 0)
		return -EPERM;
	top = folder_open(AT_FDCWD, dir, 0755);
	if (top < 0)
		return top;
	fd = folder_open(top, SPOOL_FOLDER, 0700);
	close(top);
	return fd;
}

static int write_all(int fd, const uint8_t *buf, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, buf, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

static int tmp_create(int folder, const char *tmp)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(folder, tmp, flags, 0600);

	/* left over by a process of this session that was killed in the middle */
	if (fd < 0 && errno == EEXIST && unlinkat(folder, tmp, 0) == 0)
		fd = openat(folder, tmp, flags, 0600);
	return fd < 0 ? -errno : fd;
}

static int page_write(int folder, const struct wire_spooled *record, struct page *page)
{
	char hex[SID_HEX + 1], tmp[TMP_NAME];
	int fd, r;

	r = wire_encode(WIRE_spooled, 0, record, page->buf, WIRE_MAX, &page->len);
	if (r < 0)
		return r;
	sid_hex(&record->sid, hex);
	snprintf(tmp, sizeof(tmp), ".%s.tmp", hex);
	fd = tmp_create(folder, tmp);
	if (fd < 0)
		return fd;
	/* a umask of 0777 would hide it from a daemon without CAP_DAC_OVERRIDE */
	r = fchmod(fd, 0600) < 0 ? -errno : write_all(fd, page->buf, page->len);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(folder, tmp, folder, hex) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(folder, tmp, 0);
	return r;
}

static int read_all(int fd, uint8_t *buf, size_t size, size_t *ret)
{
	size_t at = 0;
	ssize_t n;

	do {
		n = read(fd, buf + at, size - at);
		if (n > 0)
			at += (size_t)n;
	} while ((n > 0 && at < size) || (n < 0 && errno == EINTR));
	if (n < 0)
		return -errno;
	*ret = at;
	return 0;
}

/* Reads the file of this sid into page->frame. -EBADMSG: it holds something else. */
static int page_read(int folder, const struct sid *sid, struct page *page)
{
	char hex[SID_HEX + 1];
	int fd, r;

	fd = openat(folder, sid_hex(sid, hex), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = read_all(fd, page->buf, sizeof(page->buf), &page->len);
	close(fd);
	if (r < 0)
		return r;
	if (wire_decode(page->buf, page->len, &page->frame) < 0 ||
		page->frame.type != WIRE_spooled || !sid_equal(&page->frame.u.spooled.sid, sid))
		return -EBADMSG;
	return 0;
}

/* Writes what is in the session's file, closed; or `other`, where there is none that can be read.
 */
static int close_page(int folder, const struct wire_spooled *record,
	const struct wire_spooled *other, struct page *page)
{
	int r = page_read(folder, &record->sid, page);

	if (r == 0) {
		page->frame.u.spooled.closed_at = record->closed_at;
		return page_write(folder, &page->frame.u.spooled, page);
	}
	return other != NULL ? page_write(folder, other, page) : r;
}

static int with_page(const char *dir, const struct wire_spooled *record,
	int (*act)(int folder, const struct wire_spooled *record, struct page *page))
{
	struct page *page = calloc(1, sizeof(*page));
	int folder, r;

	if (page == NULL)
		return -ENOMEM;
	folder = spool_open(dir);
	r = folder < 0 ? folder : act(folder, record, page);
	if (folder >= 0)
		close(folder);
	explicit_bzero(page, sizeof(*page));
	free(page);
	return r;
}

static int act_keep_closed(int folder, const struct wire_spooled *record, struct page *page)
{
	return close_page(folder, record, record, page);
}

static int act_mark_closed(int folder, const struct wire_spooled *record, struct page *page)
{
	return close_page(folder, record, NULL, page);
}

int spool_keep(const char *dir, const struct wire_spooled *record)
{
	return with_page(dir, record, page_write);
}

int spool_keep_closed(const char *dir, const struct wire_spooled *record)
{
	return with_page(dir, record, act_keep_closed);
}

int spool_mark_closed(const char *dir, const struct wire_spooled *record)
{
	return with_page(dir, record, act_mark_closed);
}
