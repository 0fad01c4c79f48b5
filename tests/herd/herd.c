/*
 * herd DIR FIRST N LEASE CAP ENDPOINT...: N hosts, called from FIRST on, that do what the lines on
 * standard input say; each line is answered by samples (`WHAT NS [HOW]`), and `done`:
 *
 *	join MS				all of them join, at moments within so long
 *	logins N USERS MS		so many logins on any of the hosts, of any of the users
 *	lock, unlock			the first host locks somebody everywhere
 *	locked, unlocked		until that has come to all of this herd's hosts
 *	logouts				all who are in leave
 *	rest MS
 *	quit
 */
#include "tests/herd/herd.h"

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"

#define STACK	       (512 * 1024)
#define PATIENCE       (120 * NS_PER_SEC)
#define EVENTS	       256
#define LOCK_NAME      "somebody"
#define ORDER_LIFETIME (7 * 24 * 3600 * NS_PER_SEC)

static struct authority authority;

static struct herd herd;

void die(const char *what)
{
	fprintf(stderr, "herd: %s: %s\n", what, strerror(errno));
	_exit(3);
}

static void *live(void *host)
{
	struct host *h = host;
	int r = agent_run(h->agent);

	if (r < 0) {
		errno = -r;
		die("an agent");
	}
	return NULL;
}

static void begin(struct host *h)
{
	pthread_attr_t attr;

	h->begun_at = clock_boot();
	if (agent_new(&h->options, &h->agent) < 0 || pthread_attr_init(&attr) != 0 ||
		pthread_attr_setstacksize(&attr, STACK) != 0 ||
		pthread_create(&h->thread, &attr, live, h) != 0)
		die("a thread");
	pthread_attr_destroy(&attr);
}

/* Is it a connection's, or a host's own? All hosts are in one array. */
static void on_event(void *data)
{
	const char *at = data, *first = (const char *)herd.hosts;
	struct host *h = &herd.hosts[(size_t)(at - first) / sizeof(*h)];

	if (data == h)
		host_accept(&herd, h);
	else
		host_hear(&herd, data);
}

/* Until that moment, or earlier when something has come. */
static void turn(uint64_t until)
{
	struct epoll_event events[EVENTS];
	uint64_t now = clock_boot();
	int i, n, ms = until > now ? (int)((until - now + NS_PER_MS - 1) / NS_PER_MS) : 0;

	n = epoll_wait(herd.epoll, events, EVENTS, ms);
	for (i = 0; i < n; i++)
		on_event(events[i].data.ptr);
}

/* False: it has not come about in time. */
static bool wait_for(const uint64_t *count, uint64_t wanted)
{
	uint64_t until = clock_boot() + PATIENCE;

	while (*count < wanted && clock_boot() < until)
		turn(clock_boot() + 100 * NS_PER_MS);
	if (*count < wanted)
		printf("short %llu\n", (unsigned long long)(wanted - *count));
	return *count >= wanted;
}

static uint64_t number(void)
{
	const char *word = strtok(NULL, " ");

	return word != NULL ? strtoull(word, NULL, 10) : 0;
}

/* --- Commands --- */

static int by_time(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* n moments within so many ms from now, in their order. */
static uint64_t *moments(size_t n, uint64_t ms)
{
	uint64_t *at = calloc(n + 1, sizeof(*at)), now = clock_boot();
	size_t i;

	if (at == NULL)
		die("moments");
	for (i = 0; i < n; i++)
		at[i] = now +
			(ms > 0 ? randombytes_uniform((uint32_t)ms * 1000) * UINT64_C(1000) : 0);
	qsort(at, n, sizeof(*at), by_time);
	return at;
}

static void await(uint64_t moment)
{
	while (clock_boot() < moment)
		turn(moment);
}

static void do_join(void)
{
	uint64_t *at = moments(herd.n_hosts, number());
	size_t i;

	for (i = 0; i < herd.n_hosts; i++) {
		await(at[i]);
		begin(&herd.hosts[i]);
	}
	free(at);
	wait_for(&herd.tally.joined, herd.n_hosts);
}

static void do_logins(void)
{
	uint64_t n = number(), users = number(), ms = number(), i, *at = moments(n, ms);
	uint32_t uid;
	char user[64];

	if (users == 0)
		die("logins: of no users");
	for (i = 0; i < n; i++) {
		await(at[i]);
		uid = randombytes_uniform((uint32_t)users);
		snprintf(user, sizeof(user), "user%u", uid);
		host_login(&herd.hosts[randombytes_uniform((uint32_t)herd.n_hosts)], user,
			100000 + uid);
		turn(0);
	}
	free(at);
	wait_for(&herd.tally.placed, n);
}

static void do_lock(void)
{
	struct wire_lock lock = {.kind = "user", .name = LOCK_NAME, .fleet = true};

	snprintf(lock.text, sizeof(lock.text), "%llu", (unsigned long long)clock_boot());
	host_order(&herd.hosts[0], WIRE_lock, &lock);
	wait_for(&herd.tally.told, 1);
}

static void do_unlock(void)
{
	struct wire_unlock unlock = {.kind = "user", .name = LOCK_NAME, .fleet = true};

	host_order(&herd.hosts[0], WIRE_unlock, &unlock);
	wait_for(&herd.tally.told, 1);
}

static void do_locked(void)
{
	wait_for(&herd.tally.locked, herd.n_hosts);
	herd.tally.locked = 0;
}

static void do_unlocked(void)
{
	wait_for(&herd.tally.unlocked, herd.n_hosts);
	herd.tally.unlocked = 0;
}

static void do_logouts(void)
{
	struct stay *s, *next;
	size_t i;

	for (i = 0; i < herd.n_hosts; i++)
		for (s = TAILQ_FIRST(&herd.hosts[i].stays); s != NULL; s = next) {
			next = TAILQ_NEXT(s, link);
			host_logout(&herd.hosts[i], s);
		}
}

static void do_rest(void)
{
	await(clock_boot() + number() * NS_PER_MS);
}

static const struct {
	const char *name;
	void (*fn)(void);
} commands[] = {
	{"join", do_join},
	{"logins", do_logins},
	{"lock", do_lock},
	{"unlock", do_unlock},
	{"locked", do_locked},
	{"unlocked", do_unlocked},
	{"logouts", do_logouts},
	{"rest", do_rest},
};

static void obey(char *line)
{
	const char *word = strtok(line, " \n");
	size_t i;

	herd.tally.joined = herd.tally.placed = herd.tally.told = 0;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (word != NULL && strcmp(word, commands[i].name) == 0)
			break;
	if (i < sizeof(commands) / sizeof(commands[0]))
		commands[i].fn();
	else
		puts("?");
	puts("done");
	fflush(stdout);
}

/* --- The whole --- */

/* All sign with one key: what it costs is the same. */
static void load_keys(void)
{
	char error[SIGNER_ERROR], secret[4096], signers[4096];

	snprintf(secret, sizeof(secret), "%s/key", herd.dir);
	snprintf(signers, sizeof(signers), "%s/keys", herd.dir);
	if (authority_load(&authority, secret, signers, "herd", error) < 0)
		die(error);
}

static void make_hosts(size_t first, uint64_t lease, unsigned cap, char **endpoints, unsigned n)
{
	struct host *h;
	size_t i;
	unsigned k;

	herd.hosts = calloc(herd.n_hosts, sizeof(*herd.hosts));
	if (herd.hosts == NULL || n == 0 || n > ETCD_ENDPOINTS_MAX)
		die("hosts");
	for (i = 0; i < herd.n_hosts; i++) {
		h = &herd.hosts[i];
		snprintf(h->name, sizeof(h->name), "host%zu", first + i);
		snprintf(h->dir, sizeof(h->dir), "%s/%s", herd.dir, h->name);
		snprintf(h->socket, sizeof(h->socket), "%s/s", h->dir);
		h->cap = cap;
		h->options = (struct agent_options){.host = h->name,
			.socket = h->socket,
			.state_dir = h->dir,
			.data_dir = h->dir,
			.order_lifetime = ORDER_LIFETIME,
			.authority = &authority,
			.lease_ttl = lease};
		for (k = 0; k < n; k++)
			h->options.etcd.endpoints[k] = endpoints[k];
		h->options.etcd.n_endpoints = n;
		host_listen(&herd, h);
	}
}

static void end_all(void)
{
	size_t i;

	/* each has read its own alone: signalfd(2) */
	for (i = 0; i < herd.n_hosts; i++)
		if (herd.hosts[i].begun_at != 0)
			pthread_kill(herd.hosts[i].thread, SIGTERM);
	for (i = 0; i < herd.n_hosts; i++)
		if (herd.hosts[i].begun_at != 0) {
			pthread_join(herd.hosts[i].thread, NULL);
			agent_free(herd.hosts[i].agent);
		}
}

/* While a command is awaited, the hosts live on. */
static bool next_line(char *line, int size)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	int both = epoll_create1(EPOLL_CLOEXEC), n;
	bool ready = false;

	event.data.fd = 0;
	if (both < 0 || epoll_ctl(both, EPOLL_CTL_ADD, 0, &event) < 0)
		die("standard input");
	event.data.fd = herd.epoll;
	if (epoll_ctl(both, EPOLL_CTL_ADD, herd.epoll, &event) < 0)
		die("epoll");
	while (!ready) {
		n = epoll_wait(both, &event, 1, -1);
		if (n == 1 && event.data.fd == 0)
			ready = true;
		else if (n == 1)
			turn(0);
	}
	close(both);
	return fgets(line, size, stdin) != NULL;
}

int main(int argc, char **argv)
{
	sigset_t term;
	char line[256];

	if (argc < 7)
		return 2;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigaddset(&term, SIGINT);
	sigprocmask(SIG_BLOCK, &term, NULL);
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdin, NULL, _IONBF, 0);
	if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return 1;
	log_set_level(LOG_WARNING);
	herd.dir = argv[1];
	herd.n_hosts = strtoul(argv[3], NULL, 10);
	herd.epoll = epoll_create1(EPOLL_CLOEXEC);
	load_keys();
	make_hosts(strtoul(argv[2], NULL, 10), strtoull(argv[4], NULL, 10),
		(unsigned)strtoul(argv[5], NULL, 10), argv + 6, (unsigned)argc - 6);
	while (next_line(line, sizeof(line)) && strncmp(line, "quit", 4) != 0)
		obey(line);
	end_all();
	authority_fini(&authority);
	return 0;
}
