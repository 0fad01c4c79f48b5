#include <dirent.h>
#include <errno.h>
#include <security/pam_ext.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/timestamp.h"
#include "pam_module/leader.h"
#include "pam_module/locked.h"
#include "pam_module/login.h"

/* Names that are looked at: the locks, files that are being written, and some strays. */
#define NAMES_MAX (4 * LOCK_MAX)

/* On the heap, because a stranger's thread may have a small stack. */
struct search {
	pam_handle_t *pamh;
	const char *dir;
	const struct wire_spooled *login;
	char boot_id[TEXT_STR_MAX + 1];
	uint64_t wall, boot;
	struct wire_frame frame;
	struct wire_locked lock;
};

static bool spares(const struct search *s)
{
	if (s->lock.even_breakglass)
		return false;
	return login_breaks_glass(s->pamh, s->login) ||
	       (s->login->uid == 0 && !login_keeps_token(s->login));
}

static bool hits(struct search *s, int folder, const char *name)
{
	const struct lock_subject subject = {
		.user = s->login->user,
		.uid = (uint32_t)s->login->uid,
		.gids = s->login->gids.gid,
		.n_gids = s->login->gids.n,
		.rhost = s->login->rhost,
		.auth = s->login->auth,
	};
	int r = lock_file_read(folder, name, &s->frame, &s->lock);

	if (r == -ENOENT)
		return false;
	if (r < 0) {
		pam_syslog(s->pamh, LOG_ALERT, "%s/" LOCK_FOLDER "/%s is passed over: %s", s->dir,
			name, r == -EBADMSG ? "it holds no lock" : strerrordesc_np(-r));
		return false;
	}
	return !lock_over(&s->lock, s->boot_id, s->wall, s->boot) &&
	       lock_hits(&s->lock, &subject) && !spares(s);
}

/* Takes the descriptor over. */
static bool search_folder(struct search *s, int fd)
{
	DIR *dir = fdopendir(fd);
	bool found = false;
	struct dirent *d;
	unsigned n = 0;

	if (dir == NULL) {
		close(fd);
		return false;
	}
	while (!found && (d = readdir(dir)) != NULL) {
		if (++n > NAMES_MAX) {
			pam_syslog(s->pamh, LOG_ALERT,
				"%s/" LOCK_FOLDER ": more than %d names: the rest is passed over",
				s->dir, NAMES_MAX);
			break;
		}
		found = lock_file_name_valid(d->d_name) && hits(s, dirfd(dir), d->d_name);
	}
	closedir(dir);
	return found;
}

bool locked_out(pam_handle_t *pamh, const char *dir, const struct wire_spooled *login,
	struct wire_locked *ret)
{
	struct search *s;
	bool found;
	int fd;

	fd = lock_folder_open(dir, false);
	if (fd < 0) {
		if (fd != -ENOENT)
			pam_syslog(pamh, LOG_ALERT, "%s/" LOCK_FOLDER " is passed over: %s", dir,
				fd == -EPERM ? "it is not root's alone" : strerrordesc_np(-fd));
		return false;
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		close(fd);
		return false;
	}
	s->pamh = pamh;
	s->dir = dir;
	s->login = login;
	s->wall = clock_wall();
	s->boot = clock_boot();
	(void)leader_boot_id(s->boot_id, sizeof(s->boot_id));
	found = search_folder(s, fd);
	if (found)
		*ret = s->lock;
	free(s);
	return found;
}
