#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <security/pam_ext.h>
#include <security/pam_modutil.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/lock.h"
#include "pam_module/keyring.h"
#include "pam_module/login.h"

/* What Linux lets a process carry (NGROUPS_MAX), and so the most that a directory may answer. */
#define GROUPS_MAX 65536

/* Bytes of one entry of the group database, its members included. */
#define GROUP_ENTRY_MIN 4096
#define GROUP_ENTRY_MAX (16 << 20)

static void put(char out[TEXT_STR_MAX + 1], const char *s, size_t len)
{
	text_escape(s, len, out, TEXT_STR_MAX + 1);
}

static const char *item(pam_handle_t *pamh, int type)
{
	const void *value = NULL;

	if (pam_get_item(pamh, type, &value) != PAM_SUCCESS || value == NULL)
		return "";
	return value;
}

static struct passwd *account(pam_handle_t *pamh)
{
	const char *user = item(pamh, PAM_USER);

	return user[0] != '\0' ? pam_modutil_getpwnam(pamh, user) : NULL;
}

/* All groups of the user, malloc'ed; NULL when out of memory or beyond GROUPS_MAX. */
static gid_t *all_groups(const struct passwd *pw, int *ret_n)
{
	int n = 64, room;
	gid_t *list;

	for (;;) {
		room = n;
		list = calloc((size_t)room, sizeof(*list));
		if (list == NULL)
			return NULL;
		if (getgrouplist(pw->pw_name, pw->pw_gid, list, &n) >= 0)
			break;
		free(list);
		if (n <= room || n > GROUPS_MAX)
			return NULL;
	}
	*ret_n = n;
	return list;
}

static void fill_groups(pam_handle_t *pamh, const struct passwd *pw, struct gids *ret)
{
	gid_t *list;
	int n, i;

	ret->gid[0] = pw->pw_gid;
	ret->n = 1;
	list = all_groups(pw, &n);
	if (list == NULL) {
		pam_syslog(pamh, LOG_WARNING,
			"the groups of uid %u cannot be read: only the primary group counts",
			pw->pw_uid);
		return;
	}
	if (n > FIELD_GIDS_MAX) {
		pam_syslog(pamh, LOG_WARNING, "uid %u is in %d groups: only the first %d count",
			pw->pw_uid, n, FIELD_GIDS_MAX);
		n = FIELD_GIDS_MAX;
	}
	for (i = 0; i < n; i++)
		ret->gid[i] = list[i];
	ret->n = (uint32_t)n;
	free(list);
}

void login_find_token(struct wire_spooled *ret)
{
	ret->forged = false;
	if (keyring_find(&ret->token))
		return;
	memset(&ret->token, 0, sizeof(ret->token));
	ret->forged = keyring_is_forged();
}

int login_fill(pam_handle_t *pamh, struct wire_spooled *ret)
{
	const struct passwd *pw = account(pamh);
	const char *service = item(pamh, PAM_SERVICE), *tty = item(pamh, PAM_TTY);
	const char *rhost = item(pamh, PAM_RHOST), *ruser = item(pamh, PAM_RUSER);
	const char *auth = pam_getenv(pamh, "SSH_AUTH_INFO_0");

	if (pw == NULL)
		return PAM_USER_UNKNOWN;
	put(ret->user, pw->pw_name, strlen(pw->pw_name));
	ret->uid = pw->pw_uid;
	fill_groups(pamh, pw, &ret->gids);
	put(ret->service, service, strlen(service));
	put(ret->tty, tty, strlen(tty));
	put(ret->rhost, rhost, strlen(rhost));
	put(ret->ruser, ruser, strlen(ruser));
	if (auth != NULL)
		lock_auth(auth, ret->auth);
	login_find_token(ret);
	return PAM_SUCCESS;
}

static bool group_id(const char *name, gid_t *ret)
{
	struct group group, *found;
	size_t size = GROUP_ENTRY_MIN;
	char *buf = NULL, *more;
	int r;

	do {
		more = realloc(buf, size);
		if (more == NULL)
			break;
		buf = more;
		found = NULL;
		r = getgrnam_r(name, &group, buf, size, &found);
		if (r == 0 && found != NULL) {
			*ret = group.gr_gid;
			free(buf);
			return true;
		}
		size *= 2;
	} while (r == ERANGE && size <= GROUP_ENTRY_MAX);
	free(buf);
	return false;
}

/* The user's whole list is asked for: a group that was cut off in the record counts here. */
static bool in_group(pam_handle_t *pamh, const char *name)
{
	const struct passwd *pw = account(pamh);
	bool member = false;
	gid_t *list, gid;
	int n, i;

	if (pw == NULL || !group_id(name, &gid))
		return false;
	if (pw->pw_gid == gid)
		return true;
	list = all_groups(pw, &n);
	if (list == NULL)
		return false;
	for (i = 0; i < n && !member; i++)
		member = list[i] == gid;
	free(list);
	return member;
}

bool login_breaks_glass(pam_handle_t *pamh, const struct wire_spooled *login)
{
	if (login->uid == 0 && strcmp(login->service, "login") == 0 && login->rhost[0] == '\0')
		return true;
	return in_group(pamh, LOGIN_BREAKGLASS_GROUP);
}

bool login_keeps_token(const struct wire_spooled *login)
{
	static const char *const others[] = {"su", "su-l", "sudo", "sudo-i", "runuser", "runuser-l",
		"doas", "cron", "crond", "atd", "systemd-user"};
	size_t i;

	/* a set-user-id program that a user started is no login, whatever its name */
	if (getuid() != 0)
		return false;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(login->service, others[i]) == 0)
			return false;
	return true;
}
