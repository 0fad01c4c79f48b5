/*
 * grow DIR N: makes a ledger in DIR with N events or a few more, logins of many users that are
 * over, sealed, as sessd writes it. For what must be shown over many events.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/timestamp.h"
#include "sessd/ledger.h"
#include "sessd/loop.h"

#define USERS 1000

/* Events that are under way at a time. */
#define AHEAD 20000

static size_t waiting;

static void done(void *ctx, int result)
{
	(void)ctx;
	if (result < 0)
		errx(1, "not committed: %s", strerror(-result));
	waiting--;
}

static void fill(struct entry *e, size_t i)
{
	size_t session = i / 2, user = session * 7919 % USERS;

	entry_init(e, i % 2 ? ENTRY_SESSION_ENDED : ENTRY_SESSION_OPENED, clock_wall());
	memset(&e->sid, (int)(session % 251) + 1, sizeof(e->sid));
	memcpy(&e->sid, &session, sizeof(session));
	e->class = CLASS_LOGIN;
	snprintf(e->user, sizeof(e->user), "user%zu", user);
	e->uid = (struct opt_uid){.set = true, .uid = (uid_t)(1000 + user)};
	snprintf(e->service, sizeof(e->service), "sshd");
	snprintf(e->tty, sizeof(e->tty), "ssh");
	snprintf(e->rhost, sizeof(e->rhost), "192.0.2.%zu", session % 250 + 1);
	snprintf(e->auth, sizeof(e->auth),
		"publickey SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU");
	e->leader_pid = 1000 + session % 60000;
	e->audit_session = session + 1;
	e->opened_at = e->time;
	snprintf(e->policy, sizeof(e->policy), "default");
	if (i % 2 == 0)
		return;
	e->reason = session % 10 ? REASON_LOGOUT : REASON_REVOKED;
	if (session % 10 != 0)
		return;
	snprintf(e->by, sizeof(e->by), "root");
	e->signalled = 3;
	e->elapsed = 4200000 + session % 1000 * 1000;
}

int main(int argc, char **argv)
{
	struct ledger *ledger;
	struct loop *loop;
	struct entry e;
	size_t i, n;

	if (argc != 3)
		errx(2, "usage: grow DIR N");
	n = strtoul(argv[2], NULL, 10);
	if (loop_new(&loop) < 0 || ledger_open(argv[1], loop, &ledger) < 0 ||
		ledger_seal(ledger) < 0)
		errx(1, "%s: no ledger can be made", argv[1]);
	for (i = 0; i < n; i++) {
		fill(&e, i);
		if (ledger_append(ledger, &e, e.uid.uid, NULL, done, NULL) < 0)
			errx(1, "event %zu", i);
		waiting++;
		while (waiting >= AHEAD || (i + 1 == n && waiting > 0))
			if (loop_turn(loop, 1000) < 0)
				errx(1, "loop");
	}
	ledger_close(ledger);
	loop_free(loop);
	return 0;
}
