#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sessd/auditd.h"
#include "sessd/members.h"

/* Of linux/audit.h and libaudit.h. */
enum {
	ACCT_LOCK = 1135,
	ACCT_UNLOCK = 1136,
	ANOM_LOGIN_SESSIONS = 2102,
	ANOM_LOGIN_LOCATION = 2104,
	RESP_TERM_ACCESS = 2203,
	RESP_ACCT_LOCK_TIMED = 2205,
	RESP_ACCT_UNLOCK_TIMED = 2206,
	RESP_ACCT_LOCK = 2207,
};

/* Which event is which record: the first row whose words are all there. */
static const struct row {
	const char *event;
	const char *reason; /* NULL: any */
	const char *lock;   /* what it begins with; NULL: any or none */
	const char *with;   /* a member that is there; NULL: any */
	int type;
	bool success;
	const char *op;
} rows[] = {
	{"session_refused", "cap", NULL, NULL, ANOM_LOGIN_SESSIONS, false, "login"},
	{"session_refused", "locked", "source ", NULL, ANOM_LOGIN_LOCATION, false, "login"},
	{"session_ended", "revoked", NULL, NULL, RESP_TERM_ACCESS, true, "revoke"},
	{"session_ended", "locked", NULL, NULL, RESP_TERM_ACCESS, true, "lock"},
	{"session_ended", "evicted", NULL, NULL, RESP_TERM_ACCESS, true, "evict"},
	{"session_ended", "password_changed", NULL, NULL, RESP_TERM_ACCESS, true,
		"password-change"},
	{"session_survived", NULL, NULL, NULL, RESP_TERM_ACCESS, false, "end"},
	{"lock_set", NULL, NULL, "expires_at", RESP_ACCT_LOCK_TIMED, true, "lock"},
	{"lock_set", NULL, NULL, "by", ACCT_LOCK, true, "lock"},
	{"lock_set", NULL, NULL, NULL, RESP_ACCT_LOCK, true, "lock"},
	{"lock_lifted", NULL, NULL, NULL, ACCT_UNLOCK, true, "unlock"},
	{"lock_expired", NULL, NULL, NULL, RESP_ACCT_UNLOCK_TIMED, true, "unlock"},
};

/* What a record says beside op, acct and ses, where it is there. */
static const char *const told[] = {
	"sid", "service", "reason", "by", "policy", "limit", "count", "lock", "text"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct event {
	const char *line;
	size_t len;
};

/* A member's value, or "". */
static const char *value_of(const struct event *e, const char *name, char *buf, size_t size)
{
	struct member m;

	buf[0] = '\0';
	if (members_find(e->line, e->len, name, &m))
		members_text(&m, buf, size);
	return buf;
}

static const struct row *row_of(const struct event *e)
{
	char event[64], reason[64], lock[64];
	struct member m;
	size_t i;

	value_of(e, "event", event, sizeof(event));
	value_of(e, "reason", reason, sizeof(reason));
	value_of(e, "lock", lock, sizeof(lock));
	for (i = 0; i < COUNT(rows); i++)
		if (strcmp(rows[i].event, event) == 0 &&
			(rows[i].reason == NULL || strcmp(rows[i].reason, reason) == 0) &&
			(rows[i].lock == NULL ||
				strncmp(rows[i].lock, lock, strlen(rows[i].lock)) == 0) &&
			(rows[i].with == NULL || members_find(e->line, e->len, rows[i].with, &m)))
			return &rows[i];
	return NULL;
}

/* As libaudit's audit_encode_nv_string(): quoted, or in hex where it could be taken for more than
 * one value. */
static void put_value(char *out, size_t size, const char *name, const char *value)
{
	size_t used = strlen(out), i;

	for (i = 0; value[i] > ' ' && value[i] < 0x7f && value[i] != '"'; i++)
		;
	used += (size_t)snprintf(out + used, size - used, " %s=", name);
	if (value[i] == '\0' && used < size) {
		snprintf(out + used, size - used, "\"%s\"", value);
		return;
	}
	for (i = 0; value[i] != '\0' && used + 3 < size; i++, used += 2)
		snprintf(out + used, size - used, "%02X", (unsigned)(unsigned char)value[i]);
}

/* Whose account it is: a lock of a user says it as `user bob`. */
static const char *account_of(const struct event *e, char *buf, size_t size)
{
	static const char of_user[] = "user ";

	if (value_of(e, "user", buf, size)[0] != '\0')
		return buf;
	value_of(e, "lock", buf, size);
	return strncmp(buf, of_user, sizeof(of_user) - 1) == 0 ? buf + sizeof(of_user) - 1 : "";
}

void auditd_record(const char *line, size_t len, struct auditd_record *ret)
{
	const struct event e = {line, len};
	const struct row *row = row_of(&e);
	/* short enough that all of them fit, also in hex */
	char value[64] = "";
	uint8_t ignored[16];
	size_t i;

	*ret = (struct auditd_record){.type = row != NULL ? row->type : 0};
	if (row == NULL)
		return;
	ret->success = row->success;
	snprintf(ret->text, sizeof(ret->text), "op=sessd-%s", row->op);
	put_value(ret->text, sizeof(ret->text), "acct", account_of(&e, value, sizeof(value)));
	value_of(&e, "audit_session", value, sizeof(value));
	snprintf(ret->text + strlen(ret->text), sizeof(ret->text) - strlen(ret->text), " ses=%s",
		value[0] != '\0' ? value : "4294967295");
	for (i = 0; i < COUNT(told); i++)
		if (value_of(&e, told[i], value, sizeof(value))[0] != '\0')
			put_value(ret->text, sizeof(ret->text), told[i], value);
	value_of(&e, "rhost", ret->addr, sizeof(ret->addr));
	if (inet_pton(AF_INET, ret->addr, ignored) != 1 &&
		inet_pton(AF_INET6, ret->addr, ignored) != 1)
		snprintf(ret->addr, sizeof(ret->addr), "?");
	value_of(&e, "tty", ret->terminal, sizeof(ret->terminal));
	if (ret->terminal[0] == '\0' || strpbrk(ret->terminal, " \"'=") != NULL)
		snprintf(ret->terminal, sizeof(ret->terminal), "?");
}

static bool has_capability(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	return syscall(SYS_capget, &head, data) == 0 &&
	       (data[0].effective & (1u << CAP_AUDIT_WRITE)) != 0;
}

/* ISO C has no cast from an object's address to a function's. */
static bool find(const struct auditd *a, const char *name, void *ret)
{
	void *symbol = dlsym(a->library, name);

	memcpy(ret, &symbol, sizeof(symbol));
	return symbol != NULL;
}

static int auditd_open(void *ctx, const char *target, uint64_t head, uint64_t *after)
{
	struct auditd *a = ctx;
	int (*audit_open)(void);

	(void)head;
	(void)after;
	if (!has_capability())
		return -EPERM;
	if (a->library == NULL)
		a->library = dlopen(target, RTLD_NOW | RTLD_LOCAL);
	if (a->library == NULL || !find(a, "audit_open", &audit_open))
		return -ELIBACC;
	a->fd = audit_open();
	return a->fd < 0 ? -errno : 0;
}

static int send_record(const struct auditd *a, const struct auditd_record *record)
{
	int (*log_user)(int fd, int type, const char *message, const char *hostname,
		const char *addr, const char *tty, int result);

	if (!find(a, "audit_log_user_message", &log_user))
		return -ELIBACC;
	errno = 0;
	/* an address is given in any case, or it would look one up */
	if (log_user(a->fd, record->type, record->text, NULL, record->addr, record->terminal,
		    record->success) > 0)
		return 0;
	/* it may leave errno negative */
	return errno < 0 ? errno : errno > 0 ? -errno : -EIO;
}

static int auditd_write(void *ctx, const char *lines, size_t len, uint64_t *after)
{
	const char *end = lines + len, *newline;
	struct auditd_record record;
	struct auditd *a = ctx;
	int r = 0;

	for (; lines < end && r == 0; lines = newline + 1) {
		newline = memchr(lines, '\n', (size_t)(end - lines));
		if (newline == NULL)
			return -EBADMSG;
		auditd_record(lines, (size_t)(newline - lines), &record);
		if (record.type != 0)
			r = send_record(a, &record);
		if (r == 0)
			*after = members_seq(lines, (size_t)(newline - lines));
	}
	return r;
}

static void auditd_close(void *ctx)
{
	struct auditd *a = ctx;

	/* as audit_close() does; the library stays loaded */
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
}

static const char *auditd_explain(int error)
{
	if (error == -EPERM)
		return "CAP_AUDIT_WRITE is missing; see AUDIT RECORDS in sessd(8)";
	if (error == -ELIBACC)
		return "the library cannot be loaded; install libaudit1";
	if (error == -EAFNOSUPPORT || error == -EPROTONOSUPPORT)
		return "there is no audit socket here; see AUDIT RECORDS in sessd(8)";
	return NULL;
}

struct feed_sink auditd_sink(struct auditd *a)
{
	return (struct feed_sink){.name = "auditd",
		.open = auditd_open,
		.write = auditd_write,
		.close = auditd_close,
		.explain = auditd_explain,
		.ctx = a};
}
