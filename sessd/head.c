/*
 * The head of this host's ledger, which other hosts keep: the agent is told of each checkpoint, and
 * asks whether the ledger still has one that is kept. What it says that ledgers lack is recorded.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sid.h"
#include "common/timestamp.h"
#include "sessd/fleet.h"
#include "sessd/log.h"

struct probe {
	struct answer *answer;
	struct chain kept;
};

/* --- Telling --- */

void head_look(struct core *core)
{
	struct fleet *f = core->fleet;
	struct ledger_stats stats;

	if (!f->there)
		return;
	ledger_stats(core->parts.ledger, &stats);
	if (strcmp(stats.checkpoint, f->head) == 0)
		return;
	memcpy(f->head, stats.checkpoint, sizeof(f->head));
	f->head_due = f->head[0] != '\0';
}

void head_tell(struct fleet *f, struct answer *a)
{
	struct wire_head msg = {.seen_at = 0};

	snprintf(msg.checkpoint, sizeof(msg.checkpoint), "%s", f->head);
	f->head_due = false;
	answer_send(a, WIRE_head, &msg, false);
}

/* --- The question --- */

static void tell(struct probe *p, struct wire_probed msg)
{
	static const struct wire_done done;

	answer_send(p->answer, WIRE_probed, &msg, false);
	answer_send(p->answer, WIRE_done, &done, true);
	free(p);
}

/* The first line of the page is that event, if there is one. */
static bool is_first(const struct ledger_page *page, const struct chain *kept)
{
	const char *end = memchr(page->body, '\n', page->len);
	struct chain found = {.seq = kept->seq - 1};
	char start[32];
	size_t n = (size_t)snprintf(start, sizeof(start), "{\"seq\":%" PRIu64 ",", kept->seq);

	if (end == NULL || (size_t)(end - page->body) < n || memcmp(page->body, start, n) != 0)
		return false;
	chain_append(&found, page->body, (size_t)(end - page->body));
	return memcmp(found.hash, kept->hash, CHAIN_HASH) == 0;
}

static void on_page(void *ctx, int result, const struct ledger_page *page)
{
	struct probe *p = ctx;

	if (result < 0 && result != -ESTALE) {
		answer_error(
			p->answer, WIRE_E_UNAVAILABLE, "the ledger cannot be read: see the log");
		free(p);
		return;
	}
	tell(p, (struct wire_probed){
			.here = result == 0 && page->len > 0 && is_first(page, &p->kept),
			.pruned = result == -ESTALE});
}

void head_probe(struct core *core, const char *checkpoint, struct answer *answer)
{
	struct probe *p = malloc(sizeof(*p));

	if (p == NULL) {
		answer_error(answer, WIRE_E_UNAVAILABLE, "out of memory");
		return;
	}
	*p = (struct probe){.answer = answer};
	if (!seal_head_parse(checkpoint, &p->kept)) {
		free(p);
		answer_error(answer, WIRE_E_INVALID, "that is no checkpoint");
	} else if (ledger_read(core->parts.ledger, p->kept.seq - 1, LEDGER_ALL_UIDS, on_page, p) <
		   0) {
		free(p);
		answer_error(answer, WIRE_E_UNAVAILABLE, "out of memory");
	}
}

/* --- What is lacking --- */

void head_broken(struct core *core, const struct wire_head_broken *msg, struct answer *answer)
{
	static const struct wire_done done;
	struct chain kept;
	struct entry e;

	if (!seal_head_parse(msg->checkpoint, &kept)) {
		answer_error(answer, WIRE_E_INVALID, "that is no checkpoint");
		return;
	}
	log_error(
		"the ledger of %s lacks its event %" PRIu64 ": %s", msg->host, kept.seq, msg->text);
	entry_init(&e, ENTRY_HEAD_BROKEN, clock_wall());
	snprintf(e.text, sizeof(e.text), "%s: %s", msg->host, msg->text);
	e.last = kept.seq;
	hex_encode(kept.hash, CHAIN_HASH, e.hash);
	core_record(core, &e);
	answer_send(answer, WIRE_done, &done, true);
}
