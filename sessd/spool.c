#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sessd/fault.h"
#include "sessd/log.h"
#include "sessd/spool.h"

struct spool {
	struct core *core;
	struct loop *loop;
	struct loop_io io;
	char *path;
	int dir_fd;
	int inotify_fd;
	LIST_HEAD(item_list, item) items;
	uint8_t buf[WIRE_MAX];
	struct wire_frame frame;
};

/* A file whose event is with core. */
struct item {
	struct answer answer;
	struct spool *spool;
	LIST_ENTRY(item) link;
	char name[SID_HEX + 1];
	ino_t inode;
};

static void item_free(struct item *item)
{
	LIST_REMOVE(item, link);
	free(item);
}

void spool_free(struct spool *spool)
{
	if (spool == NULL)
		return;
	while (!LIST_EMPTY(&spool->items))
		item_free(LIST_FIRST(&spool->items));
	loop_io_remove(spool->loop, &spool->io);
	if (spool->inotify_fd >= 0)
		close(spool->inotify_fd);
	if (spool->dir_fd >= 0)
		close(spool->dir_fd);
	free(spool->path);
	free(spool);
}

static int open_folder(struct spool *spool)
{
	struct stat st;

	if (mkdir(spool->path, 0700) < 0 && errno != EEXIST)
		return -errno;
	spool->dir_fd = open(spool->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (spool->dir_fd < 0 || fstat(spool->dir_fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || (st.st_mode & 022))
		return -EPERM;
	return 0;
}

int spool_open(const char *runtime_dir, struct loop *loop, struct core *core, struct spool **ret)
{
	struct spool *spool = calloc(1, sizeof(*spool));
	int r = -ENOMEM;

	if (spool == NULL)
		return r;
	spool->core = core;
	spool->loop = loop;
	spool->dir_fd = spool->inotify_fd = -1;
	if (asprintf(&spool->path, "%s/pending", runtime_dir) < 0)
		spool->path = NULL;
	else
		r = open_folder(spool);
	if (r < 0) {
		log_error("%s: %s%s", spool->path ? spool->path : runtime_dir, strerror(-r),
			r == -EPERM ? "; it must be owned by root and writable by nobody else"
				    : "");
		spool_free(spool);
		return r;
	}
	*ret = spool;
	return 0;
}

static void answered(struct answer *answer, enum wire_type type, const void *msg, bool last)
{
	struct item *item = container_of(answer, struct item, answer);
	struct spool *spool = item->spool;
	struct stat st;

	(void)msg;
	if (!last)
		return;
	fault_point(FAULT_spool_adopted);
	/* on an error the file stays for the next start; one that was written anew meanwhile is
	 * another event */
	if (type != WIRE_error &&
		fstatat(spool->dir_fd, item->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		st.st_ino == item->inode && unlinkat(spool->dir_fd, item->name, 0) < 0)
		log_error("%s/%s: %s", spool->path, item->name, strerror(errno));
	fault_point(FAULT_spool_removed);
	item_free(item);
}

/* The name of a session's file is its sid; an order's says nothing. */
static bool is_sound(const struct wire_frame *frame, const struct sid *name)
{
	if (frame->type == WIRE_password)
		return frame->u.password.uid < UINT32_MAX;
	return frame->type == WIRE_spooled && sid_equal(&frame->u.spooled.sid, name) &&
	       frame->u.spooled.uid < UINT32_MAX;
}

/* Reads the file into spool->frame. -EPROTO: it is not what the module writes. */
static int read_file(struct spool *spool, const char *name, const struct sid *sid, ino_t *ret_inode)
{
	int fd = openat(spool->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
		close(fd);
		return -EPROTO;
	}
	n = read(fd, spool->buf, sizeof(spool->buf));
	close(fd);
	*ret_inode = st.st_ino;
	if (n < 0)
		return -EIO;
	if (wire_decode(spool->buf, (size_t)n, &spool->frame) < 0 || !is_sound(&spool->frame, sid))
		return -EPROTO;
	return 0;
}

static void set_aside(const struct spool *spool, const char *name)
{
	char bad[NAME_MAX + 1];

	log_error("%s/%s: malformed; set aside as bad.%s", spool->path, name, name);
	snprintf(bad, sizeof(bad), "bad.%.*s", SID_HEX, name);
	if (renameat(spool->dir_fd, name, spool->dir_fd, bad) < 0)
		log_error("%s/%s: %s", spool->path, name, strerror(errno));
}

/* Core has it already and has not answered yet. */
static bool under_way(const struct spool *spool, const char *name, ino_t inode)
{
	const struct item *item;

	LIST_FOREACH (item, &spool->items, link)
		if (strcmp(item->name, name) == 0 && item->inode == inode)
			return true;
	return false;
}

static void hand_in(struct spool *spool, const char *name, ino_t inode)
{
	struct item *item = calloc(1, sizeof(*item));
	struct event event = {.type = EVENT_SPOOLED, .u.spooled = &spool->frame.u.spooled};

	if (spool->frame.type == WIRE_password)
		event = (struct event){
			.type = EVENT_PASSWORD_CHANGED, .u.password = &spool->frame.u.password};
	if (item == NULL) {
		log_error("%s/%s: out of memory", spool->path, name);
		return;
	}
	item->answer.fn = answered;
	item->spool = spool;
	item->inode = inode;
	snprintf(item->name, sizeof(item->name), "%.*s", SID_HEX, name);
	LIST_INSERT_HEAD(&spool->items, item, link);
	event.answer = &item->answer;
	core_handle(spool->core, &event);
}

static bool is_closed(const struct wire_frame *frame)
{
	return frame->type == WIRE_spooled && frame->u.spooled.closed_at != 0;
}

static void read_entry(struct spool *spool, const char *name, bool closed)
{
	struct sid sid;
	ino_t inode = 0;
	int r;

	if (!sid_parse(name, &sid))
		return;
	r = read_file(spool, name, &sid, &inode);
	if (r == -EPROTO)
		set_aside(spool, name);
	else if (r < 0)
		log_error("%s/%s: %s", spool->path, name, strerror(-r));
	else if (is_closed(&spool->frame) == closed && !under_way(spool, name, inode))
		hand_in(spool, name, inode);
}

/* A file of the spool, and when its login was. */
struct found {
	char name[SID_HEX + 1];
	struct timespec written;
};

struct finds {
	struct found *list;
	size_t n, room;
};

static int found_compare(const void *a, const void *b)
{
	const struct timespec *x = &((const struct found *)a)->written;
	const struct timespec *y = &((const struct found *)b)->written;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* Passes over what is no file of a session, and what has just gone. -ENOMEM. */
static int finds_add(struct finds *f, int dir_fd, const char *name)
{
	size_t room = f->room ? 2 * f->room : 64;
	struct found *list = f->list;
	struct sid sid;
	struct stat st;

	if (!sid_parse(name, &sid) || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (f->n == f->room) {
		list = reallocarray(f->list, room, sizeof(*list));
		if (list == NULL)
			return -ENOMEM;
		f->list = list;
		f->room = room;
	}
	memcpy(list[f->n].name, name, sizeof(list[f->n].name));
	list[f->n++].written = st.st_mtim;
	return 0;
}

/* The oldest first, which is not a folder's order: whoever logged in first has the better right to
 * a place, and is the one that evict_oldest means. */
void spool_read(struct spool *spool, bool closed)
{
	int fd = openat(spool->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct finds finds = {.list = NULL};
	struct dirent *d;
	size_t i;

	if (dir == NULL) {
		log_error("%s: %s", spool->path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return;
	}
	while (r == 0 && (d = readdir(dir)) != NULL)
		r = finds_add(&finds, spool->dir_fd, d->d_name);
	closedir(dir);
	if (r < 0)
		log_error("%s: out of memory: a part of it is read later", spool->path);
	if (finds.n > 0)
		qsort(finds.list, finds.n, sizeof(*finds.list), found_compare);
	for (i = 0; i < finds.n; i++)
		read_entry(spool, finds.list[i].name, closed);
	free(finds.list);
}

static void changed(void *ctx, uint32_t events)
{
	struct spool *spool = ctx;
	char buf[4096];

	(void)events;
	while (read(spool->inotify_fd, buf, sizeof(buf)) > 0)
		;
	spool_read(spool, true);
	spool_read(spool, false);
}

int spool_watch(struct spool *spool)
{
	int r;

	spool->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (spool->inotify_fd < 0 ||
		inotify_add_watch(spool->inotify_fd, spool->path, IN_MOVED_TO) < 0)
		r = -errno;
	else
		r = loop_io_add(
			spool->loop, &spool->io, spool->inotify_fd, EPOLLIN, changed, spool);
	if (r < 0)
		log_error("%s: cannot be watched: %s", spool->path, strerror(-r));
	return r;
}
