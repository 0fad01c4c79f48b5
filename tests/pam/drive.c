#include <dirent.h>
#include <dlfcn.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <security/pam_modules.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/timestamp.h"
#include "tests/pam/drive.h"

/* Where pam_systemd looks. */
#define RUNTIME_KEY "systemd.runtime_max_sec"

/* No errno has this number. */
#define SENTINEL 4242

struct drive {
	const struct login_plan *plan;
	const struct module *module;
	pam_handle_t *pamh;
	struct login_result *result;
	bool direct, twice;
	bool begun; /* pam_echo has said its word */
};

void module_load(const char *path, struct module *ret)
{
	void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (so == NULL)
		errx(2, "%s", dlerror());
	*(void **)&ret->acct_mgmt = dlsym(so, "pam_sm_acct_mgmt");
	*(void **)&ret->open_session = dlsym(so, "pam_sm_open_session");
	*(void **)&ret->close_session = dlsym(so, "pam_sm_close_session");
	if (ret->acct_mgmt == NULL || ret->open_session == NULL || ret->close_session == NULL)
		errx(2, "%s: an entry point is missing", path);
}

/* A session keyring of this thread's own, so that no token lands in the one it came with. */
static void fresh_keyring(void)
{
	(void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
}

static int token_there(void)
{
	if (syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "sessd:token",
		    0) >= 0)
		return 1;
	return errno == ENOSYS || errno == EPERM ? -1 : 0;
}

static bool read_spooled(int folder, const char *name, struct spool_view *ret)
{
	static _Thread_local uint8_t buf[WIRE_MAX + 1];
	static _Thread_local struct wire_frame frame;
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char hex[SID_HEX + 1];
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT;
	n = read(fd, buf, sizeof(buf));
	if (fstat(fd, &st) < 0 || st.st_mode != (S_IFREG | 0600))
		n = -1;
	close(fd);
	if (n < 0 || wire_decode(buf, (size_t)n, &frame) < 0 || frame.type != WIRE_spooled ||
		frame.serial != 0 || strcmp(sid_hex(&frame.u.spooled.sid, hex), name) != 0)
		return false;
	ret->there = true;
	ret->record = frame.u.spooled;
	return true;
}

bool spool_view(const char *dir, const struct sid *sid, struct spool_view *ret)
{
	char path[4096], hex[SID_HEX + 1];
	const struct dirent *entry;
	bool good = true;
	DIR *folder;

	ret->there = false;
	snprintf(path, sizeof(path), "%s/pending", dir);
	folder = opendir(path);
	if (folder == NULL)
		return errno == ENOENT;
	if (sid != NULL)
		good = read_spooled(dirfd(folder), sid_hex(sid, hex), ret);
	while (sid == NULL && good && (entry = readdir(folder)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			good = !ret->there && read_spooled(dirfd(folder), entry->d_name, ret);
	closedir(folder);
	return good;
}

static int make_call(struct drive *d, enum call call)
{
	const struct login_plan *plan = d->plan;
	const struct module *m = d->module;

	if (!d->direct)
		return call == CALL_acct   ? pam_acct_mgmt(d->pamh, plan->flags)
		       : call == CALL_open ? pam_open_session(d->pamh, plan->flags)
					   : pam_close_session(d->pamh, plan->flags);
	if (call == CALL_acct)
		return m->acct_mgmt(d->pamh, plan->flags, plan->argc, plan->argv);
	if (call == CALL_open || call == CALL_open_again)
		return m->open_session(d->pamh, plan->flags, plan->argc, plan->argv);
	return m->close_session(d->pamh, plan->flags, plan->argc, plan->argv);
}

/* Makes the call between two looks at the process. */
static void watch(struct drive *d, enum call call)
{
	struct witness *states = calloc(2, sizeof(*states));
	struct login_result *result = d->result;
	uint64_t begun;
	unsigned changed;
	int after;

	if (states == NULL)
		err(2, NULL);
	witness_take(&states[0]);
	begun = clock_boot();
	errno = SENTINEL;
	result->pam[call] = make_call(d, call);
	after = errno;
	begun = clock_boot() - begun;
	witness_take(&states[1]);
	changed = witness_differ(&states[0], &states[1]);
	free(states);
	result->called[call] = true;
	result->changed |= d->plan->watch_all ? changed : changed & ~PROPERTIES_OF_ALL_THREADS;
	if (d->direct && after != SENTINEL)
		result->errno_changed = true;
	if (begun > result->longest)
		result->longest = begun;
}

static void look(struct drive *d, struct spool_view *ret)
{
	const struct sid *sid = d->result->has_sid ? &d->result->sid : NULL;

	/* without a sid, other threads' files cannot be told from this login's */
	if (sid == NULL && !d->plan->watch_all)
		return;
	if (!spool_view(d->plan->dir, sid, ret))
		errx(1, "%s/pending holds something else than one login", d->plan->dir);
}

static void free_data(pam_handle_t *pamh, void *data, int status)
{
	(void)pamh;
	(void)status;
	free(data);
}

/* As another module would have done, in direct calls. */
static void set_runtime(struct drive *d)
{
	if (d->direct && d->plan->runtime != NULL &&
		pam_set_data(d->pamh, RUNTIME_KEY, strdup(d->plan->runtime), free_data) !=
			PAM_SUCCESS)
		errx(2, "pam_set_data");
}

/* As pam_systemd does, in direct calls. */
static void get_runtime(struct drive *d)
{
	const void *data = NULL;

	if (d->direct && pam_get_data(d->pamh, RUNTIME_KEY, &data) == PAM_SUCCESS && data != NULL)
		snprintf(d->result->runtime, sizeof(d->result->runtime), "%s", (const char *)data);
}

static void all_calls(struct drive *d)
{
	struct login_result *result = d->result;
	const char *hex;

	set_runtime(d);
	watch(d, CALL_acct);
	watch(d, CALL_open);
	get_runtime(d);
	result->token = token_there();
	hex = pam_getenv(d->pamh, "SESSD_SID");
	result->has_sid = hex != NULL && sid_parse(hex, &result->sid);
	look(d, &result->opened);
	if (d->twice && result->has_sid) {
		watch(d, CALL_open_again);
		watch(d, CALL_close_first);
		look(d, &result->half_closed);
	}
	if (!d->direct && result->pam[CALL_open] != PAM_SUCCESS)
		return;
	watch(d, CALL_close);
	look(d, &result->closed);
}

/* pam_echo's word starts the direct calls; the module's refusals are kept. */
static int converse(
	int n, const struct pam_message **messages, struct pam_response **ret, void *data)
{
	struct pam_response *responses = calloc((size_t)n, sizeof(*responses));
	struct drive *d = data;
	int i;

	if (responses == NULL)
		return PAM_BUF_ERR;
	for (i = 0; i < n; i++) {
		if (messages[i]->msg_style == PAM_ERROR_MSG) {
			d->result->refusals++;
			snprintf(d->result->refusal, sizeof(d->result->refusal), "%s",
				messages[i]->msg);
		} else if (messages[i]->msg_style == PAM_TEXT_INFO && d->direct && !d->begun) {
			d->begun = true;
			all_calls(d);
		} else if (messages[i]->msg_style == PAM_TEXT_INFO) {
			d->result->told++;
			strncat(d->result->telling, messages[i]->msg,
				sizeof(d->result->telling) - strlen(d->result->telling) - 2);
			strcat(d->result->telling, "\n");
		}
	}
	*ret = responses;
	return PAM_SUCCESS;
}

static void drive(struct drive *d)
{
	const struct login_plan *plan = d->plan;
	struct pam_conv conv = {.conv = converse, .appdata_ptr = d};

	memset(d->result, 0, sizeof(*d->result));
	fresh_keyring();
	if (pam_start_confdir(plan->service, plan->user, &conv,
		    d->direct ? plan->direct : plan->through, &d->pamh) != PAM_SUCCESS)
		errx(2, "pam_start_confdir");
	if (plan->rhost != NULL && pam_set_item(d->pamh, PAM_RHOST, plan->rhost) != PAM_SUCCESS)
		errx(2, "pam_set_item");
	if (plan->tty != NULL && pam_set_item(d->pamh, PAM_TTY, plan->tty) != PAM_SUCCESS)
		errx(2, "pam_set_item");
	/* as sshd leaves it after two methods */
	if (pam_putenv(d->pamh, "SSH_AUTH_INFO_0=" DRIVE_AUTH "\npassword\n") != PAM_SUCCESS)
		errx(2, "pam_putenv");
	if (d->direct)
		(void)pam_open_session(d->pamh, 0);
	else
		all_calls(d);
	if (pam_end(d->pamh, PAM_SUCCESS) != PAM_SUCCESS)
		errx(2, "pam_end");
	if (!d->result->called[CALL_open])
		errx(2, "the stack did not get to the module");
}

void drive_through(const struct login_plan *plan, struct login_result *ret)
{
	struct drive d = {.plan = plan, .result = ret};

	drive(&d);
}

void drive_direct(const struct login_plan *plan, const struct module *module, bool twice,
	struct login_result *ret)
{
	struct drive d = {
		.plan = plan, .module = module, .result = ret, .direct = true, .twice = twice};

	drive(&d);
}
