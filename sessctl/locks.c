#include "sessctl/locks.h"

static int one_page(struct conn *c, struct wire_locks *ask, lock_fn *fn, void *arg)
{
	uint64_t before = ask->cursor;
	int r = conn_ask(c, WIRE_locks, ask);

	while (r == EXIT_DONE && (r = conn_next(c)) == EXIT_DONE) {
		if (c->frame.type == WIRE_done) {
			ask->cursor = c->frame.u.done.cursor;
			return before != 0 && ask->cursor == before ? conn_strange(c) : EXIT_DONE;
		}
		if (c->frame.type != WIRE_locked)
			return conn_strange(c);
		r = fn(arg, &c->frame.u.locked);
	}
	return r;
}

int locks_read(struct conn *c, lock_fn *fn, void *arg)
{
	struct wire_locks ask = {.cursor = 0};
	int r;

	do
		r = one_page(c, &ask, fn, arg);
	while (r == EXIT_DONE && ask.cursor != 0 && context_flush(c->ctx));
	return r;
}
