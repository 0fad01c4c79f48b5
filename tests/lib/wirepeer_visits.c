/*
 * Visits: leaders that come, stay for a while and leave, in as many slots as are asked for, until
 * SIGTERM; what they saw is told with the clock that all hosts of one machine share, so that who
 * reads it knows when a session was certainly there. A line each, times in ns of CLOCK_BOOTTIME:
 *
 *	open BEFORE AFTER SID USER ANSWER	ANSWER: granted, refused REASON, down, timeout …
 *	close BEFORE AFTER SID USER ANSWER	`gone`: he was dead already, or died of it
 *	gone BEFORE AFTER SID USER died		he died in his session, by no hand of ours
 *	left BEFORE AFTER SID USER killed	we killed him, without a close
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "tests/lib/wirepeer.h"

#define SLOTS_MAX 64
#define USERS_MAX 16
/* One exchange; longer than any deadline of the daemon's. */
#define TIMEOUT (3 * NS_PER_SEC)
/* Of so many visits one ends by a kill. */
#define KILLS 8

struct guest {
	char user[64];
	uint64_t uid, gid;
};

enum step { STEP_AWAY, STEP_OPENING, STEP_IN, STEP_CLOSING, STEP_OVER };

struct slot {
	enum step step;
	const struct guest *guest;
	pid_t pid;
	int channel;
	uint64_t asked_at, until; /* of the step */
	char sid[SID_HEX + 1];
};

static struct guest guests[USERS_MAX];
static size_t n_guests;
static struct slot slots[SLOTS_MAX];
static size_t n_slots;
static uint64_t hold; /* the longest visit; 0: each slot's only one lasts until the end */
static const char *dir;
static unsigned seed;
static volatile sig_atomic_t over;

static void on_term(int signal)
{
	(void)signal;
	over = 1;
}

static uint64_t any(uint64_t below)
{
	return (uint64_t)rand_r(&seed) % below;
}

static void tell(const struct slot *s, const char *what, uint64_t before, const char *answer)
{
	printf("%s %llu %llu %s %s %s\n", what, (unsigned long long)before,
		(unsigned long long)clock_boot(), s->sid[0] != '\0' ? s->sid : "-", s->guest->user,
		answer);
}

static void leave(struct slot *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	close(s->channel);
	s->channel = -1;
	s->step = hold > 0 ? STEP_AWAY : STEP_OVER;
	s->until = clock_boot() + any(hold / 2 + 1);
}

static void come(struct slot *s)
{
	static struct login login;
	struct leader_parts parts = {.dir = dir, .barrier = -1, .login = &login};
	int pair[2];

	s->guest = &guests[hold > 0 ? any(n_guests) : (size_t)(s - slots) % n_guests];
	login = (struct login){.timeout = TIMEOUT, .audit = true};
	login.open.uid = s->guest->uid;
	login.open.gids = (struct gids){.n = 1, .gid = {(uint32_t)s->guest->gid}};
	snprintf(login.open.user, sizeof(login.open.user), "%s", s->guest->user);
	snprintf(login.open.service, sizeof(login.open.service), "sshd");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		die("another leader");
	parts.channel = pair[1];
	s->sid[0] = '\0';
	s->asked_at = clock_boot();
	s->pid = fork();
	if (s->pid < 0)
		die("fork");
	if (s->pid == 0) {
		signal(SIGTERM, SIG_DFL);
		close(pair[0]);
		leader_main(&parts);
	}
	close(pair[1]);
	s->channel = pair[0];
	s->step = STEP_OPENING;
}

/* `WORD PID SID [MORE]`: of more, the first word. */
static void heard_open(struct slot *s, char *text)
{
	char *word = strtok(text, " "), *sid, *more;
	char answer[128];

	strtok(NULL, " ");
	sid = strtok(NULL, " ");
	more = strtok(NULL, " ");
	snprintf(s->sid, sizeof(s->sid), "%s", sid ? sid : "");
	snprintf(answer, sizeof(answer), "%s%s%s", word, more ? " " : "", more ? more : "");
	tell(s, "open", s->asked_at, answer);
	if (strcmp(word, "granted") != 0) {
		leave(s);
		return;
	}
	s->step = STEP_IN;
	s->until = hold > 0 ? clock_boot() + hold / 8 + any(hold) : UINT64_MAX;
}

static void hear(struct slot *s)
{
	char text[REPORT_MAX];
	ssize_t n = recv(s->channel, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	if (s->step == STEP_OPENING && n > 0) {
		heard_open(s, text);
		return;
	}
	if (s->step == STEP_OPENING)
		tell(s, "open", s->asked_at, "gone");
	else if (s->step == STEP_CLOSING)
		tell(s, "close", s->asked_at, n > 0 ? strtok(text, " ") : "gone");
	else
		tell(s, "gone", s->asked_at, "died");
	leave(s);
}

static void part(struct slot *s)
{
	s->asked_at = clock_boot();
	if (any(KILLS) == 0 && hold > 0) {
		tell(s, "left", s->asked_at, "killed");
		leave(s);
		return;
	}
	s->step = STEP_CLOSING;
	if (send(s->channel, "close", 5, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		die("close");
}

/* True: it still has something to do. */
static bool turn(struct slot *s)
{
	if (s->step == STEP_AWAY && over)
		s->step = STEP_OVER;
	if (s->step == STEP_AWAY && clock_boot() >= s->until)
		come(s);
	if (s->step == STEP_IN && (over || clock_boot() >= s->until))
		part(s);
	return s->step != STEP_OVER || !over;
}

static void run(const sigset_t *open_mask)
{
	struct pollfd fds[SLOTS_MAX];
	struct timespec look = {.tv_nsec = 5000000};
	bool busy = true;
	size_t i;

	while (busy) {
		busy = false;
		for (i = 0; i < n_slots; i++) {
			busy |= turn(&slots[i]);
			fds[i] = (struct pollfd){.fd = slots[i].channel, .events = POLLIN};
		}
		if (!busy || ppoll(fds, n_slots, &look, open_mask) <= 0)
			continue;
		for (i = 0; i < n_slots; i++)
			if (fds[i].revents != 0 && slots[i].channel >= 0)
				hear(&slots[i]);
	}
}

static void add_guest(const char *text)
{
	struct guest *g = &guests[n_guests];
	char *rest;

	if (n_guests == USERS_MAX)
		return;
	snprintf(g->user, sizeof(g->user), "%.*s", (int)strcspn(text, ":"), text);
	text += strcspn(text, ":");
	g->uid = strtoull(text + (*text == ':'), &rest, 10);
	g->gid = *rest == ':' ? strtoull(rest + 1, NULL, 10) : g->uid;
	n_guests++;
}

int visits_main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_term};
	sigset_t blocked, before;
	int i;

	if (argc < 5)
		return 2;
	dir = argv[0];
	seed = (unsigned)strtoul(argv[1], NULL, 10);
	n_slots = strtoul(argv[2], NULL, 10);
	if (n_slots > SLOTS_MAX)
		n_slots = SLOTS_MAX;
	hold = strtoull(argv[3], NULL, 10) * NS_PER_MS;
	for (i = 4; i < argc; i++)
		add_guest(argv[i]);
	for (i = 0; i < (int)n_slots; i++)
		slots[i].channel = -1;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	sigaction(SIGTERM, &action, NULL);
	run(&before);
	puts("over");
	return 0;
}
