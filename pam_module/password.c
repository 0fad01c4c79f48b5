#include <errno.h>
#include <security/pam_ext.h>
#include <shadow.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/text.h"
#include "pam_module/ask.h"
#include "pam_module/leader.h"
#include "pam_module/login.h"
#include "pam_module/password.h"
#include "pam_module/spool.h"

#define KEY "sessd_password"

/* Bytes of one entry of the shadow database. */
#define ENTRY_MIN 1024
#define ENTRY_MAX (1 << 20)

static void wipe(char *hash)
{
	if (hash != NULL)
		explicit_bzero(hash, strlen(hash));
	free(hash);
}

static void cleanup(pam_handle_t *pamh, void *data, int status)
{
	(void)pamh;
	(void)status;
	wipe(data);
}

/* The user's entry, read into a buffer of this size. 0, -ENOENT, or -ERANGE: it is too small. */
static int read_hash(const char *user, size_t size, char **ret)
{
	char *buf = malloc(size);
	struct spwd entry, *found = NULL;
	int r;

	if (buf == NULL)
		return -ENOMEM;
	r = getspnam_r(user, &entry, buf, size, &found);
	if (r == ERANGE) {
		r = -ERANGE;
	} else if (r != 0 || found == NULL || found->sp_pwdp == NULL) {
		r = -ENOENT;
	} else {
		*ret = strdup(found->sp_pwdp);
		r = *ret != NULL ? 0 : -ENOMEM;
	}
	explicit_bzero(buf, size);
	free(buf);
	return r;
}

/* What shadow(5) has as the user's password, to be wiped; NULL: he has none there. */
static char *shadow_hash(const char *user)
{
	char *hash = NULL;
	size_t size;

	for (size = ENTRY_MIN; size <= ENTRY_MAX && read_hash(user, size, &hash) == -ERANGE;
		size *= 2)
		;
	return hash;
}

int password_note(const struct visit *visit)
{
	const struct passwd *pw = login_account(visit->pamh);
	char *hash;

	if (!visit->args.revoke_others || pw == NULL)
		return PAM_IGNORE;
	hash = shadow_hash(pw->pw_name);
	/* one from an earlier change on this handle must not stay */
	if (pam_set_data(visit->pamh, KEY, hash, cleanup) != PAM_SUCCESS) {
		pam_set_data(visit->pamh, KEY, NULL, NULL);
		wipe(hash);
	}
	return PAM_IGNORE;
}

/* Has the user another password now than in the preliminary pass? */
static bool is_changed(const struct visit *visit, const char *user)
{
	const void *before = NULL;
	char *now = shadow_hash(user);
	bool changed;

	if (pam_get_data(visit->pamh, KEY, &before) != PAM_SUCCESS)
		before = NULL;
	changed = before != NULL && now != NULL && strcmp(before, now) != 0;
	if (before == NULL || now == NULL)
		pam_syslog(visit->pamh, LOG_WARNING,
			"revoke_others: %s has no password in shadow(5) that could be seen to "
			"change: no session is ended",
			user);
	wipe(now);
	return changed;
}

static void keep(
	const struct visit *visit, const struct wire_password *order, const struct answer *answer)
{
	char shown[TEXT_LONG_MAX + 1];
	int r = spool_keep_password(visit->args.dir, order);

	text_escape(answer->text, strlen(answer->text), shown, sizeof(shown));
	if (r < 0)
		pam_syslog(visit->pamh, LOG_ERR,
			"the other sessions of %s (uid %u) are not ended (%s), and the order "
			"cannot be kept in %s/%s: %s",
			order->user, (unsigned)order->uid, shown, visit->args.dir, SPOOL_FOLDER,
			strerrordesc_np(-r));
	else
		pam_syslog(visit->pamh, LOG_WARNING,
			"the order to end the other sessions of %s (uid %u) is kept for sessd: %s",
			order->user, (unsigned)order->uid, shown);
	if (!visit->silent)
		pam_error(visit->pamh, "sessd: the other sessions of %s %s", order->user,
			r < 0 ? "were not ended" : "end as soon as sessd answers again");
}

static void tell(const struct visit *visit, const struct wire_password *order, uint64_t count)
{
	pam_syslog(visit->pamh, LOG_NOTICE, "%llu other sessions of %s (uid %u) were ended",
		(unsigned long long)count, order->user, (unsigned)order->uid);
	if (count > 0 && !visit->silent && !visit->args.quiet)
		pam_info(visit->pamh, "sessd: %llu other session%s of %s %s ended",
			(unsigned long long)count, count == 1 ? "" : "s", order->user,
			count == 1 ? "was" : "were");
}

static void give_order(const struct visit *visit, const struct passwd *pw)
{
	struct wire_password order = {.uid = pw->pw_uid, .audit_session = leader_audit_session()};
	struct answer answer;

	text_escape(pw->pw_name, strlen(pw->pw_name), order.user, sizeof(order.user));
	ask_daemon(&visit->args, visit->deadline, WIRE_password, &order, &answer);
	if (answer.verdict == VERDICT_CLOSED)
		tell(visit, &order, answer.count);
	else
		keep(visit, &order, &answer);
}

int password_changed(const struct visit *visit)
{
	const struct passwd *pw = login_account(visit->pamh);

	if (visit->args.revoke_others && pw != NULL && is_changed(visit, pw->pw_name))
		give_order(visit, pw);
	return PAM_IGNORE;
}
