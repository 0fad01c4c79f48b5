/*
 * A crowd of leaders, and what they are told: each line of standard input is a command, each is
 * answered by one line, so that a script never has to guess when something has happened.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "tests/lib/wirepeer.h"

#define LEADERS_MAX 1024

/* How long a command waits for what must come: long after every deadline of the daemon's own. */
#define PATIENCE_MS 30000

struct leader {
	char name[64];
	pid_t pid;
	int channel;
	bool in; /* granted, or gone on without a daemon */
	bool lives;
	char sid[SID_HEX + 1];
};

static struct leader leaders[LEADERS_MAX];
static size_t n_leaders;
static const char *dir;

static struct leader *find(const char *name)
{
	size_t i;

	for (i = 0; i < n_leaders; i++)
		if (strcmp(leaders[i].name, name) == 0)
			return &leaders[i];
	return NULL;
}

static bool is_true(const char *value)
{
	return strcmp(value, "1") == 0;
}

static void set(struct login *l, const char *key, const char *value)
{
	struct wire_open *o = &l->open;

	if (strcmp(key, "user") == 0)
		snprintf(o->user, sizeof(o->user), "%s", value);
	else if (strcmp(key, "service") == 0)
		snprintf(o->service, sizeof(o->service), "%s", value);
	else if (strcmp(key, "rhost") == 0)
		snprintf(o->rhost, sizeof(o->rhost), "%s", value);
	else if (strcmp(key, "uid") == 0)
		o->uid = strtoull(value, NULL, 10);
	else if (strcmp(key, "gid") == 0)
		o->gids = (struct gids){.n = 1, .gid = {(uint32_t)strtoul(value, NULL, 10)}};
	else if (strcmp(key, "timeout") == 0 && duration_parse(value, &l->timeout))
		return;
	else if (strcmp(key, "audit") == 0)
		l->audit = is_true(value);
	else if (strcmp(key, "tty") == 0)
		l->tty = is_true(value);
	else if (strcmp(key, "key") == 0)
		l->key = is_true(value);
	else if (strcmp(key, "stay") == 0)
		l->stay = is_true(value);
	else if (strcmp(key, "spool") == 0)
		l->spool = is_true(value);
	else if (strcmp(key, "hangup") == 0)
		l->hangup = is_true(value);
	else if (strcmp(key, "dead") == 0)
		l->dead = is_true(value);
	else if (strcmp(key, "wake") == 0)
		l->wake = (pid_t)strtol(value, NULL, 10);
	else {
		errno = EINVAL;
		die(key);
	}
}

/* The rest of the line being cut up by strtok(): KEY=VALUE words. */
static void parse_login(struct login *ret)
{
	char *word, *value;

	*ret = (struct login){.timeout = 10 * NS_PER_SEC};
	set(ret, "user", "alice");
	set(ret, "uid", "2001");
	set(ret, "service", "sshd");
	while ((word = strtok(NULL, " ")) != NULL) {
		value = strchr(word, '=');
		if (value != NULL)
			*value++ = '\0';
		set(ret, word, value ? value : "");
	}
}

/* In a new leader: his channel is 3, the barrier 4, and the rest is gone, the commands on standard
 * input too. */
static void keep_descriptors(int channel, int barrier)
{
	channel = fcntl(channel, F_DUPFD, 5);
	barrier = barrier < 0 ? -1 : fcntl(barrier, F_DUPFD, 5);
	if (dup2(channel, 3) < 0 || (barrier >= 0 && dup2(barrier, 4) < 0))
		die("descriptors");
	syscall(SYS_close_range, barrier < 0 ? 4 : 5, ~0U, 0);
	close(0);
}

static struct leader *leader_start(const char *name, struct login *login, int barrier)
{
	struct leader_parts parts = {
		.dir = dir, .channel = 3, .barrier = barrier < 0 ? -1 : 4, .login = login};
	struct leader *l = &leaders[n_leaders];
	int pair[2];

	if (n_leaders == LEADERS_MAX ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		die("another leader");
	*l = (struct leader){.channel = pair[0], .lives = true};
	snprintf(l->name, sizeof(l->name), "%s", name);
	l->pid = fork();
	if (l->pid < 0)
		die("fork");
	if (l->pid == 0) {
		keep_descriptors(pair[1], barrier);
		leader_main(&parts);
	}
	close(pair[1]);
	n_leaders++;
	return l;
}

static bool lives(struct leader *l)
{
	if (l->lives && waitpid(l->pid, NULL, WNOHANG) == l->pid)
		l->lives = false;
	return l->lives;
}

/* The leader's next report; `gone` where it died without one. */
static const char *hear(struct leader *l, char text[REPORT_MAX])
{
	struct pollfd p = {.fd = l->channel, .events = POLLIN};
	ssize_t n = -1;
	int pid;

	strcpy(text, "silent");
	if (poll(&p, 1, PATIENCE_MS) > 0) {
		n = recv(l->channel, text, REPORT_MAX - 1, 0);
		if (n <= 0)
			strcpy(text, "gone");
		else
			text[n] = '\0';
	}
	if (strncmp(text, "granted ", 8) == 0 || strncmp(text, "spooled ", 8) == 0 ||
		strncmp(text, "hangup ", 7) == 0)
		l->in = true;
	sscanf(text, "%*s %d %32s", &pid, l->sid);
	return text;
}

static void do_open(void)
{
	const char *name = strtok(NULL, " ");
	static struct login login;
	char text[REPORT_MAX];

	parse_login(&login);
	puts(hear(leader_start(name ? name : "", &login, -1), text));
}

/* N leaders wait at a barrier, which is a pipe that everybody finds closed in the same moment. */
static void do_storm(void)
{
	const char *prefix = strtok(NULL, " "), *number = strtok(NULL, " ");
	size_t n = number ? strtoul(number, NULL, 10) : 0, i, first = n_leaders;
	size_t granted = 0, refused = 0, killed = 0, failed = 0;
	static struct login login;
	char name[64], text[REPORT_MAX];
	int barrier[2];

	parse_login(&login);
	if (pipe(barrier) < 0)
		die("pipe");
	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%.40s%zu", prefix, i);
		leader_start(name, &login, barrier[0]);
	}
	close(barrier[1]);
	for (i = first; i < n_leaders; i++) {
		hear(&leaders[i], text);
		if (leaders[i].in)
			granted++;
		else if (strncmp(text, "refused ", 8) == 0)
			refused++;
		else if (strcmp(text, "gone") == 0)
			killed++;
		else if (failed++ == 0)
			fprintf(stderr, "wirepeer: %s: %s\n", leaders[i].name, text);
	}
	close(barrier[0]);
	printf("granted %zu refused %zu killed %zu failed %zu\n", granted, refused, killed, failed);
}

/* An order to one leader, and his report. */
static struct leader *order(const char *word)
{
	const char *name = strtok(NULL, " ");
	struct leader *l = name ? find(name) : NULL;
	char text[REPORT_MAX];

	if (l == NULL || send(l->channel, word, strlen(word), MSG_NOSIGNAL) < 0) {
		puts("gone");
		return NULL;
	}
	puts(hear(l, text));
	return strncmp(text, "error", 5) == 0 ? NULL : l;
}

static void do_close(void)
{
	struct leader *l = order("close");

	if (l != NULL)
		l->in = false;
}

static void do_again(void)
{
	order("again");
}

static void do_renew(void)
{
	order("renew");
}

static void do_prove(void)
{
	order("prove");
}

static void do_replay(void)
{
	order("replay");
}

static void leader_end(struct leader *l)
{
	if (l->lives) {
		kill(l->pid, SIGKILL);
		waitpid(l->pid, NULL, 0);
	}
	l->lives = false;
	close(l->channel);
}

static void do_kill(void)
{
	const char *name = strtok(NULL, " ");
	struct leader *l = name ? find(name) : NULL;

	if (l != NULL && l->lives) {
		kill(l->pid, SIGKILL);
		waitpid(l->pid, NULL, 0);
		l->lives = false;
	}
	puts("gone");
}

/* `gone` as soon as the leader has died by whoever's hand. */
static void do_await(void)
{
	const char *name = strtok(NULL, " ");
	struct leader *l = name ? find(name) : NULL;
	uint64_t until = clock_boot() + PATIENCE_MS * NS_PER_MS;
	struct pollfd none = {.fd = -1};

	while (l != NULL && lives(l) && clock_boot() < until)
		poll(&none, 1, 5);
	puts(l != NULL && l->lives ? "lives" : "gone");
}

/* `N SID...`: of those whose leader lives; all: also those that were not let in. */
static void do_living(void)
{
	const char *which = strtok(NULL, " ");
	bool all = which != NULL && strcmp(which, "all") == 0;
	size_t i, n = 0;

	for (i = 0; i < n_leaders; i++)
		n += lives(&leaders[i]) && (all || leaders[i].in);
	printf("%zu", n);
	for (i = 0; i < n_leaders; i++)
		if (leaders[i].lives && (all || leaders[i].in))
			printf(" %s", leaders[i].sid);
	putchar('\n');
}

static void do_forget(void)
{
	size_t i;

	for (i = 0; i < n_leaders; i++)
		leader_end(&leaders[i]);
	n_leaders = 0;
	puts("ok");
}

/* A process that has no part in the session asks to close it. */
static void do_stranger(void)
{
	const char *hex = strtok(NULL, " ");
	struct wire_close msg;
	static struct wire_frame frame;
	static uint8_t buf[WIRE_MAX];
	enum client_status status;
	struct client client;
	char path[256];

	if (hex == NULL || !sid_parse(hex, &msg.sid)) {
		puts("?");
		return;
	}
	snprintf(path, sizeof(path), "%s/%s", dir, WIRE_PAM_SOCKET);
	status = client_open(&client, path, "wirepeer", clock_boot() + 10 * NS_PER_SEC);
	if (status == CLIENT_OK)
		status = client_send(&client, WIRE_close, &msg);
	if (status == CLIENT_OK)
		status = client_recv(&client, buf, &frame);
	client_close(&client);
	if (status != CLIENT_OK)
		puts(client_status_words(status));
	else if (frame.type == WIRE_error)
		printf("error %s\n", error_id(frame.u.error.code));
	else
		puts(wire_info(frame.type)->name);
}

/* `PID SEQ QUEUED` of the daemon, or `down`. */
static void do_ping(void)
{
	static const struct wire_status msg;
	static struct wire_frame frame;
	static uint8_t buf[WIRE_MAX];
	enum client_status status;
	struct client client;
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, WIRE_CTL_SOCKET);
	status = client_open(&client, path, "wirepeer", clock_boot() + 10 * NS_PER_SEC);
	if (status == CLIENT_OK)
		status = client_send(&client, WIRE_status, &msg);
	if (status == CLIENT_OK)
		status = client_recv(&client, buf, &frame);
	client_close(&client);
	if (status != CLIENT_OK || frame.type != WIRE_state)
		puts("down");
	else
		printf("%llu %llu %llu\n", (unsigned long long)frame.u.state.pid,
			(unsigned long long)frame.u.state.ledger_seq,
			(unsigned long long)frame.u.state.ledger_queued);
}

static const struct {
	const char *name;
	void (*fn)(void);
} orders[] = {
	{"open", do_open},	   /* NAME [KEY=VALUE...]: as the leader reports */
	{"storm", do_storm},	   /* PREFIX N [KEY=VALUE...]: how many were granted and so on */
	{"close", do_close},	   /* NAME: the leader closes his session, and lives on */
	{"again", do_again},	   /* NAME: the same request once more */
	{"renew", do_renew},	   /* NAME, who has a key: his user has authenticated again */
	{"prove", do_prove},	   /* NAME: calls sudo with the token that is in the key */
	{"replay", do_replay},	   /* NAME: with the one that was in it before */
	{"kill", do_kill},	   /* NAME */
	{"await", do_await},	   /* NAME: until he is dead */
	{"living", do_living},	   /* [all] */
	{"forget", do_forget},	   /* kills all */
	{"stranger", do_stranger}, /* SID */
	{"ping", do_ping},
};

int crowd_main(int argc, char **argv)
{
	char line[1024];
	const char *word;
	size_t i;

	(void)argc;
	dir = argv[0];
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		word = strtok(line, " ");
		for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
			if (word != NULL && strcmp(word, orders[i].name) == 0)
				break;
		if (i < sizeof(orders) / sizeof(orders[0]))
			orders[i].fn();
		else
			puts("?");
		fflush(stdout);
	}
	return 0;
}
