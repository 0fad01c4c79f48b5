#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/agent.h"

/* The longest sleep. */
#define TURN_MS 1000
/* sessd is told so often how the fleet stands: it may have given up on an agent that was slow. */
#define TELL_EVERY (2 * NS_PER_SEC)

bool agent_joined(const struct agent *a)
{
	return a->claim.joined && a->lease.id != 0 &&
	       clock_boot() < a->lease.renewed_at + a->o.lease_ttl * NS_PER_SEC;
}

void agent_tell(struct agent *a, enum wire_type type, const void *msg)
{
	int r = link_ask(&a->talk, type, msg, NULL, NULL);

	/* sessd waits for no answer longer than it says itself */
	if (r < 0)
		log_warning("sessd is not told %s: %s", wire_info(type)->name, strerror(-r));
}

static void on_granted(void *ctx)
{
	claim_begin(ctx);
}

static void on_failed(void *ctx, const char *words)
{
	claim_trouble(ctx, words);
}

static void on_lost(void *ctx)
{
	claim_lost(ctx);
}

int agent_new(const struct agent_options *options, struct agent **ret)
{
	struct agent *a = calloc(1, sizeof(*a));
	unsigned i;
	int r;

	if (a == NULL)
		return -ENOMEM;
	a->o = *options;
	link_init(&a->attend, options->socket);
	link_init(&a->talk, options->socket);
	link_init(&a->hand, options->socket);
	link_init(&a->idle_link, options->socket);
	link_init(&a->head_link, options->socket);
	for (i = 0; i < ORDER_LINKS; i++)
		link_init(&a->order_links[i], options->socket);
	members_init(a);
	r = claim_init(a);
	if (r == 0)
		r = overshoots_init(a);
	if (r == 0)
		r = challenges_init(
			&a->challenges, options->state_dir, options->order_lifetime, clock_boot());
	if (r == 0)
		r = editions_init(&a->editions, options->data_dir);
	if (r == 0)
		r = etcd_new(&options->etcd, &a->timers, &a->etcd);
	if (r < 0) {
		agent_free(a);
		return r;
	}
	a->lease = (struct lease){.etcd = a->etcd,
		.timers = &a->timers,
		.ttl = options->lease_ttl,
		.granted = on_granted,
		.failed = on_failed,
		.lost = on_lost,
		.ctx = a};
	*ret = a;
	return 0;
}

void agent_free(struct agent *a)
{
	unsigned i;

	if (a == NULL)
		return;
	attend_stop(a);
	idleness_stop(a);
	locks_stop(a);
	orders_stop(a);
	head_stop(a);
	witness_fini(a);
	errands_fini(a);
	places_fini(a);
	overshoots_fini(a);
	members_fini(a);
	if (a->etcd != NULL) {
		claim_stop(a);
		lease_stop(&a->lease);
	}
	link_fini(&a->attend);
	link_fini(&a->talk);
	link_fini(&a->hand);
	link_fini(&a->idle_link);
	link_fini(&a->head_link);
	for (i = 0; i < ORDER_LINKS; i++)
		link_fini(&a->order_links[i]);
	etcd_free(a->etcd);
	challenges_fini(&a->challenges);
	editions_fini(&a->editions);
	free(a);
}

/* sessd decides by itself while the fleet cannot be asked. */
static void report(struct agent *a)
{
	struct wire_standing msg = {.joined = agent_joined(a)};

	bool changed = msg.joined != a->told_joined;

	if ((!changed && clock_boot() < a->told_at + TELL_EVERY) || a->attend.fd < 0)
		return;
	if (link_ask(&a->talk, WIRE_standing, &msg, NULL, NULL) < 0)
		return;
	a->told_joined = msg.joined;
	a->told_at = clock_boot();
	if (changed && msg.joined) {
		members_write(a);
		head_look(a);
	} else if (changed) {
		log_warning("the fleet is out of reach");
	}
}

static int open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void reload(struct agent *a)
{
	char error[SIGNER_ERROR];

	if (authority_reload(a->o.authority, error) < 0) {
		log_error("%s; the keys from before hold", error);
		return;
	}
	log_info("%s: %zu keys", a->o.authority->signers_path, a->o.authority->signers.n);
	locks_again(a);
}

static void take_signals(struct agent *a, int fd)
{
	struct signalfd_siginfo si;

	while (read(fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGHUP)
			reload(a);
		else
			a->stop = true;
	}
}

static void add_link(struct curl_waitfd *fds, struct link **links, unsigned *n, struct link *l)
{
	if (l->fd < 0)
		return;
	links[*n] = l;
	fds[(*n)++] = (struct curl_waitfd){.fd = l->fd, .events = CURL_WAIT_POLLIN};
}

static int turn(struct agent *a, int signals)
{
	struct curl_waitfd fds[6 + ORDER_LINKS];
	struct link *links[6 + ORDER_LINKS] = {NULL};
	unsigned n = 0, i;
	int r;

	add_link(fds, links, &n, &a->attend);
	add_link(fds, links, &n, &a->talk);
	add_link(fds, links, &n, &a->hand);
	add_link(fds, links, &n, &a->idle_link);
	add_link(fds, links, &n, &a->head_link);
	for (i = 0; i < ORDER_LINKS; i++)
		add_link(fds, links, &n, &a->order_links[i]);
	fds[n] = (struct curl_waitfd){.fd = signals, .events = CURL_WAIT_POLLIN};
	r = http_turn(etcd_http(a->etcd), fds, n + 1, timers_wait(&a->timers, TURN_MS));
	if (r < 0)
		return r;
	for (i = 0; i < n; i++)
		/* a callback may have closed it and opened another */
		if (fds[i].revents != 0 && links[i]->fd == fds[i].fd)
			link_ready(links[i]);
	if (fds[n].revents != 0)
		take_signals(a, signals);
	timers_run(&a->timers);
	report(a);
	return 0;
}

int agent_run(struct agent *a)
{
	int signals = open_signals(), r;

	if (signals < 0)
		return signals;
	r = orders_start(a);
	if (r == 0)
		r = locks_start(a);
	if (r == 0)
		r = idleness_start(a);
	if (r == 0)
		r = witness_init(a);
	if (r == 0) {
		witness_start(a);
		attend_start(a);
		lease_start(&a->lease);
	}
	while (r == 0 && !a->stop)
		r = turn(a, signals);
	close(signals);
	return r;
}
