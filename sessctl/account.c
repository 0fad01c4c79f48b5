#include <errno.h>
#include <grp.h>
#include <pwd.h>

#include "sessctl/account.h"

/* What is beyond the module's own bound is cut off, as the module does. */
static void fill_groups(const struct passwd *pw, struct gids *ret)
{
	int n = FIELD_GIDS_MAX;

	if (getgrouplist(pw->pw_name, pw->pw_gid, ret->gid, &n) < 0)
		n = FIELD_GIDS_MAX;
	ret->n = (uint32_t)n;
}

int account_fill(struct wire_explain *ask)
{
	const struct passwd *pw;

	errno = 0;
	pw = getpwnam(ask->user);
	if (pw == NULL)
		return errno == 0 ? -ENOENT : -errno;
	ask->uid = pw->pw_uid;
	fill_groups(pw, &ask->gids);
	return 0;
}
