/*
 * A leader: a process that opens a session as pam_sess.so would in sshd's monitor, and stays. It
 * speaks by common/client.c as the module does: one deadline, a second try where the connection
 * broke, and the spool where both failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <keyutils.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/timestamp.h"
#include "common/token_key.h"
#include "sessd/proc.h"
#include "tests/lib/wirepeer.h"

static struct wire_frame frame;
static uint8_t buf[WIRE_MAX];

static void report(const struct leader_parts *parts, const char *word, const char *more)
{
	char text[REPORT_MAX], hex[SID_HEX + 1];

	snprintf(text, sizeof(text), "%s %d %s%s%s", word, (int)getpid(),
		sid_hex(&parts->login->open.sid, hex), *more ? " " : "", more);
	/* the one who asked may be gone */
	send(parts->channel, text, strlen(text), MSG_NOSIGNAL);
}

/* A new loginuid brings a new audit session. */
static void take_audit_session(uid_t uid)
{
	int fd = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || dprintf(fd, "%u", (unsigned)uid) < 0)
		die("/proc/self/loginuid");
	close(fd);
}

static void take_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 || setsid() < 0)
		die("a terminal");
	/* the first terminal that a leader of a session opens is his */
	slave = open(ptsname(master), O_RDWR);
	if (slave < 0)
		die(ptsname(master));
}

static enum client_status ask_once(
	const struct leader_parts *parts, enum wire_type type, const void *msg, bool *opened)
{
	uint64_t deadline = clock_boot() + parts->login->timeout;
	enum client_status status;
	struct client client;
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", parts->dir, WIRE_PAM_SOCKET);
	status = client_open(&client, path, "wirepeer", deadline);
	*opened = status == CLIENT_OK;
	if (status == CLIENT_OK)
		status = client_send(&client, type, msg);
	if (status == CLIENT_OK && !parts->login->hangup)
		status = client_recv(&client, buf, &frame);
	client_close(&client);
	return status;
}

static enum client_status ask(
	const struct leader_parts *parts, enum wire_type type, const void *msg)
{
	bool opened;
	enum client_status status = ask_once(parts, type, msg, &opened);

	if (status == CLIENT_DOWN && opened)
		status = ask_once(parts, type, msg, &opened);
	return status;
}

/* As the module does; `closed`: that the session is over, too. */
static void write_spool(const struct leader_parts *parts, bool closed)
{
	static struct wire_spooled rec;
	const struct wire_open *open_request = &parts->login->open;
	char hex[SID_HEX + 1], from[512], to[512], boot_id[PROC_BOOT_ID];
	struct proc_stat st;
	size_t len;
	int fd;

#define COPY(record, kind, name, tag, presence) \
	memcpy(&rec.name, &open_request->name, sizeof(rec.name));
	WIRE_FIELDS_open(COPY, )
#undef COPY
		if (proc_stat(getpid(), &st) < 0 || proc_boot_id(boot_id) < 0) die("/proc");
	rec.leader_pid = (uint64_t)getpid();
	rec.leader_start = st.start;
	rec.opened_at = clock_wall();
	rec.closed_at = closed ? rec.opened_at : 0;
	memcpy(rec.boot_id, boot_id, sizeof(boot_id));
	if (wire_encode(WIRE_spooled, 0, &rec, buf, sizeof(buf), &len) < 0)
		die("encode what is spooled");
	sid_hex(&rec.sid, hex);
	snprintf(from, sizeof(from), "%s/pending/.%s.tmp", parts->dir, hex);
	snprintf(to, sizeof(to), "%s/pending/%s", parts->dir, hex);
	fd = open(from, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, buf, len) != (ssize_t)len || rename(from, to) < 0)
		die(to);
	close(fd);
}

static void report_frame(const struct leader_parts *parts)
{
	char more[TEXT_LONG_MAX + 64] = "";

	switch (frame.type) {
	case WIRE_refused:
		snprintf(more, sizeof(more), "%s %s", reason_name(frame.u.refused.reason),
			frame.u.refused.text);
		break;
	case WIRE_error:
		snprintf(more, sizeof(more), "%s %s", error_id(frame.u.error.code),
			frame.u.error.text);
		break;
	default:
		break;
	}
	report(parts, wire_info(frame.type)->name, more);
}

/* What the key held when it was last looked at, and before that. */
static struct token shown, shown_before;

static void take_key(struct wire_open *request)
{
	long key;

	if (keyctl_join_session_keyring(NULL) < 0)
		die("a session keyring");
	key = add_key(TOKEN_KEY_TYPE, TOKEN_KEY_NAME, request->new_token.b, TOKEN_BYTES,
		KEY_SPEC_SESSION_KEYRING);
	if (key < 0 || keyctl_setperm((key_serial_t)key, TOKEN_KEY_PERM) < 0)
		die("a key");
	request->token_key = (uint64_t)key;
	shown = request->new_token;
}

static void look_at_key(const struct wire_open *request)
{
	struct token now;

	if (token_key_read((int32_t)request->token_key, &now) < 0)
		die("the key");
	if (memcmp(&now, &shown, sizeof(now)) == 0)
		return;
	shown_before = shown;
	shown = now;
}

/* The account phase of a sudo. */
static void call_sudo(const struct leader_parts *parts, const char *how)
{
	const struct wire_open *request = &parts->login->open;
	struct wire_acct acct = {.uid = request->uid, .again = true, .service = "sudo"};
	enum client_status status;

	look_at_key(request);
	memcpy(acct.user, request->user, sizeof(acct.user));
	acct.authenticated = strcmp(how, "renew") == 0;
	acct.token = strcmp(how, "replay") == 0 ? shown_before : shown;
	if (token_is_zero(&acct.token)) {
		report(parts, "none", "");
		return;
	}
	status = ask(parts, WIRE_acct, &acct);
	if (status == CLIENT_OK)
		report_frame(parts);
	else
		report(parts, "down", client_status_words(status));
}

/* True: it is admitted, or goes on without a daemon. */
static bool open_session(const struct leader_parts *parts)
{
	enum client_status status = ask(parts, WIRE_open, &parts->login->open);

	if (parts->login->hangup) {
		report(parts, "hangup", client_status_words(status));
		return true;
	}
	if (status == CLIENT_OK) {
		report_frame(parts);
		return frame.type == WIRE_granted;
	}
	if (parts->login->spool && status != CLIENT_HOSTILE) {
		write_spool(parts, false);
		report(parts, "spooled", "");
		return true;
	}
	report(parts,
		status == CLIENT_DOWN	   ? "down"
		: status == CLIENT_TIMEOUT ? "timeout"
					   : "failed",
		client_status_words(status));
	return false;
}

static void close_session(const struct leader_parts *parts)
{
	struct wire_close msg = {.sid = parts->login->open.sid};
	enum client_status status = ask(parts, WIRE_close, &msg);

	if (status == CLIENT_OK) {
		report_frame(parts);
		return;
	}
	if (parts->login->spool)
		write_spool(parts, true);
	report(parts, "down", client_status_words(status));
}

static void send_packet(int fd, enum wire_type type, const void *msg)
{
	size_t len;

	if (wire_encode(type, 1, msg, buf, sizeof(buf), &len) < 0)
		die("encode a request");
	send(fd, buf, len, MSG_NOSIGNAL);
}

/* The word of the first answer that is no welcome. */
static const char *hear(int fd)
{
	ssize_t n;

	do {
		n = recv(fd, buf, sizeof(buf), 0);
		if (n <= 0)
			return "closed";
		if (wire_decode(buf, (size_t)n, &frame) < 0)
			return "malformed";
	} while (frame.type == WIRE_welcome);
	return wire_info(frame.type)->name;
}

/*
 * Connects, and dies; then a child that has the connection too asks on it. The connection is the
 * dead leader's, whoever writes to it.
 */
_Noreturn static void ask_after_death(const struct leader_parts *parts)
{
	struct wire_hello hello = {.version_min = 1, .version_max = 1, .program = "wirepeer"};
	struct pollfd death = {.events = POLLIN, .fd = pidfd_open_pid(getpid())};
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", parts->dir, WIRE_PAM_SOCKET);
	fd = connect_socket(path);
	if (fd < 0 || death.fd < 0)
		die(path);
	send_packet(fd, WIRE_hello, &hello);
	/* the daemon has accepted it and knows who it is */
	if (parts->login->wake == 0 && recv(fd, buf, sizeof(buf), 0) <= 0)
		die("no welcome");
	if (fork() != 0)
		_exit(0);
	while (poll(&death, 1, -1) < 0 && errno == EINTR)
		;
	if (parts->login->wake != 0)
		kill(parts->login->wake, SIGCONT);
	send_packet(fd, WIRE_open, &parts->login->open);
	report(parts, hear(fd), "");
	_exit(0);
}

static void obey(const struct leader_parts *parts)
{
	char order[32];
	ssize_t n;

	while ((n = recv(parts->channel, order, sizeof(order) - 1, 0)) > 0) {
		order[n] = '\0';
		if (strcmp(order, "exit") == 0)
			return;
		if (strcmp(order, "again") == 0)
			open_session(parts);
		else if (strcmp(order, "close") == 0)
			close_session(parts);
		else
			call_sudo(parts, order);
	}
}

/* A refused leader is told to end; where the machine is busy, before he could read why. */
static void hold_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(how, &set, NULL);
}

void leader_main(const struct leader_parts *parts)
{
	struct login *l = parts->login;
	struct pollfd p = {.fd = parts->barrier, .events = POLLIN};
	bool stays;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	hold_signals(SIG_BLOCK);
	if (sid_random(&l->open.sid) < 0 || token_random(&l->open.new_token) < 0)
		die("random numbers");
	if (l->audit)
		take_audit_session((uid_t)l->open.uid);
	if (l->tty)
		take_terminal();
	if (l->key)
		take_key(&l->open);
	if (parts->barrier >= 0)
		while (poll(&p, 1, -1) < 0 && errno == EINTR)
			;
	if (l->dead)
		ask_after_death(parts);
	stays = open_session(parts) || l->stay;
	hold_signals(SIG_UNBLOCK);
	if (stays)
		obey(parts);
	_exit(0);
}
