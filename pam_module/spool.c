#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/folder.h"
#include "pam_module/spool.h"

/* A file being read or written; on the heap, wiped because it holds a token. */
struct page {
	struct wire_frame frame;
	uint8_t buf[WIRE_MAX + 1];
	size_t len;
};

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

static int message_write(
	int folder, const struct sid *name, enum wire_type type, const void *msg, struct page *page)
{
	char hex[SID_HEX + 1];
	int r;

	r = wire_encode(type, 0, msg, page->buf, WIRE_MAX, &page->len);
	if (r < 0)
		return r;
	return folder_write(folder, sid_hex(name, hex), page->buf, page->len);
}

static int page_write(int folder, const struct wire_spooled *record, struct page *page)
{
	return message_write(folder, &record->sid, WIRE_spooled, record, page);
}

/* Reads the file of this sid into page->frame. -EBADMSG: it holds something else. */
static int page_read(int folder, const struct sid *sid, struct page *page)
{
	char hex[SID_HEX + 1];
	ssize_t n = folder_read(folder, sid_hex(sid, hex), page->buf, sizeof(page->buf));

	if (n < 0)
		return (int)n;
	page->len = (size_t)n;
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

/* msg: a struct wire_spooled, or what else act takes. */
static int with_page(const char *dir, const void *msg,
	int (*act)(int folder, const void *msg, struct page *page))
{
	struct page *page = calloc(1, sizeof(*page));
	int folder, r;

	if (page == NULL)
		return -ENOMEM;
	folder = spool_open(dir);
	r = folder < 0 ? folder : act(folder, msg, page);
	if (folder >= 0)
		close(folder);
	explicit_bzero(page, sizeof(*page));
	free(page);
	return r;
}

static int act_keep(int folder, const void *record, struct page *page)
{
	return page_write(folder, record, page);
}

static int act_keep_closed(int folder, const void *record, struct page *page)
{
	return close_page(folder, record, record, page);
}

static int act_mark_closed(int folder, const void *record, struct page *page)
{
	return close_page(folder, record, NULL, page);
}

static int act_keep_password(int folder, const void *order, struct page *page)
{
	struct sid name;
	int r = sid_random(&name);

	return r < 0 ? r : message_write(folder, &name, WIRE_password, order, page);
}

int spool_keep(const char *dir, const struct wire_spooled *record)
{
	return with_page(dir, record, act_keep);
}

int spool_keep_closed(const char *dir, const struct wire_spooled *record)
{
	return with_page(dir, record, act_keep_closed);
}

int spool_mark_closed(const char *dir, const struct wire_spooled *record)
{
	return with_page(dir, record, act_mark_closed);
}

int spool_keep_password(const char *dir, const struct wire_password *order)
{
	return with_page(dir, order, act_keep_password);
}
