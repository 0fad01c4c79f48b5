#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sessd/reading.h"

struct reading {
	struct core *core;
	struct core_read read; /* and not recorded yet; count 0: nothing */
	uint64_t at;	       /* where it goes on */
	bool complete;	       /* it was once at the end of what there is */
	bool follows;
};

static void record(struct reading *r, const struct caller *caller)
{
	if (r->read.count > 0)
		core_note_read(r->core, caller, &r->read);
	r->read = (struct core_read){0};
}

static void closed(void *kept, const struct caller *caller)
{
	record(kept, caller);
	free(kept);
}

static struct reading *of_peer(struct core *core, struct peer *peer)
{
	struct reading *r = peer_kept(peer);

	if (r != NULL)
		return r;
	r = malloc(sizeof(*r));
	if (r != NULL) {
		*r = (struct reading){.core = core};
		peer_keep(peer, r, closed);
	}
	return r;
}

int reading_ask(struct core *core, struct peer *peer, uint64_t after, bool wait)
{
	struct reading *r = of_peer(core, peer);
	struct core_read all = {.first = after + 1};

	if (r == NULL)
		return -ENOMEM;
	if (after != r->at) {
		record(r, peer_caller(peer));
		r->complete = r->follows = false;
		r->at = after;
	}
	if (wait && !r->follows) {
		record(r, peer_caller(peer));
		core_note_read(core, peer_caller(peer), &all);
		r->follows = true;
	}
	return 0;
}

/* The number of a page's first line. */
static uint64_t first_of(const struct ledger_page *page)
{
	static const char head[] = "{\"seq\":";
	const char *at = page->body + sizeof(head) - 1, *end = page->body + page->len;
	uint64_t seq = 0;

	for (; at < end && *at >= '0' && *at <= '9'; at++)
		seq = seq * 10 + (uint64_t)(*at - '0');
	return seq;
}

static uint64_t lines_of(const struct ledger_page *page)
{
	const char *at = page->body, *end = page->body + page->len;
	uint64_t n = 0;

	for (; at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++)
		n++;
	return n;
}

void reading_give(struct peer *peer, const struct ledger_page *page)
{
	struct reading *r = peer_kept(peer);

	if (r == NULL)
		return;
	if (page->len > 0)
		r->at = page->last;
	if (r->follows)
		return;
	if (page->len > 0) {
		if (r->read.count == 0)
			r->read.first = first_of(page);
		r->read.last = page->last;
		r->read.count += lines_of(page);
	}
	if (!page->more && !r->complete) {
		record(r, peer_caller(peer));
		r->complete = true;
	}
}
