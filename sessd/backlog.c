#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sessd/backlog.h"

struct backlog_event *backlog_event_new(
	const char *body, size_t len, uid_t subject, const struct ledger_row *row)
{
	size_t record_len = row != NULL ? row->len : 0;
	struct backlog_event *event = malloc(sizeof(*event) + len + record_len);
	char *at;

	if (event == NULL)
		return NULL;
	at = (char *)(event + 1);
	*event = (struct backlog_event){.subject = subject, .body = at, .len = len};
	memcpy(at, body, len);
	if (row != NULL) {
		event->has_row = true;
		event->row = *row;
		event->row.record = (const uint8_t *)at + len;
		memcpy(at + len, row->record, record_len);
	}
	return event;
}

static struct backlog_row *row_of(struct hash_link *link)
{
	return container_of(link, struct backlog_row, link);
}

void backlog_event_free(struct backlog_event *event)
{
	struct hash_link *link;
	size_t i;

	if (event == NULL)
		return;
	for (i = 0; i < event->rows.size; i++)
		while ((link = event->rows.buckets[i]) != NULL) {
			hash_remove(&event->rows, link);
			free(row_of(link));
		}
	hash_fini(&event->rows);
	free(event);
}

void backlog_push(struct backlog *b, struct backlog_event *event)
{
	if (b->tail != NULL)
		b->tail->next = event;
	else
		b->head = event;
	b->tail = event;
}

void backlog_take(struct backlog *b, size_t max, struct backlog *ret)
{
	struct backlog_event *last = b->head;

	*ret = (struct backlog){0};
	if (last == NULL)
		return;
	while (--max > 0 && last->next != NULL)
		last = last->next;
	ret->head = b->head;
	ret->tail = last;
	b->head = last->next;
	if (b->head == NULL)
		b->tail = NULL;
	last->next = NULL;
}

void backlog_untake(struct backlog *b, struct backlog *taken)
{
	if (taken->head == NULL)
		return;
	taken->tail->next = b->head;
	b->head = taken->head;
	if (b->tail == NULL)
		b->tail = taken->tail;
	*taken = (struct backlog){0};
}

void backlog_fini(struct backlog *b)
{
	struct backlog_event *event, *next;

	for (event = b->head; event != NULL; event = next) {
		next = event->next;
		backlog_event_free(event);
	}
	*b = (struct backlog){0};
}

/* Sessions and locks have ids of their own. */
static uint64_t row_key(const struct ledger_row *row)
{
	return row->id << 1 | row->lock;
}

/*
 * Keeps the row in place of an older one. The row of a session that both began and ended in gaps is
 * not kept: a restart has no use for it, and what a long outage holds in memory is thus bounded by
 * the sessions that live.
 */
static int gap_keep(struct backlog_event *gap, const struct ledger_row *row, bool fresh)
{
	struct hash_link *found = hash_first(&gap->rows, row_key(row));
	struct backlog_row *old = found != NULL ? row_of(found) : NULL, *kept = NULL;

	if (old != NULL)
		fresh = old->fresh;
	if (row->live || !fresh) {
		kept = malloc(sizeof(*kept) + row->len);
		if (kept == NULL || hash_reserve(&gap->rows) < 0) {
			free(kept);
			return -ENOMEM;
		}
		*kept = (struct backlog_row){.row = *row, .fresh = fresh};
		kept->row.record = memcpy(kept + 1, row->record, row->len);
	}
	if (old != NULL) {
		hash_remove(&gap->rows, found);
		free(old);
	}
	if (kept != NULL)
		hash_put(&gap->rows, &kept->link, row_key(row));
	return 0;
}

int backlog_lose(struct backlog *b, uint64_t wall_ns, const struct ledger_row *row, bool fresh,
	bool *ret_new)
{
	struct backlog_event *gap = b->tail;

	*ret_new = gap == NULL || gap->lost == 0;
	if (*ret_new) {
		gap = backlog_event_new("", 0, LEDGER_ALL_UIDS, NULL);
		if (gap == NULL)
			return -ENOMEM;
		gap->lost_at = wall_ns;
		backlog_push(b, gap);
	}
	gap->lost++;
	return row != NULL ? gap_keep(gap, row, fresh) : 0;
}

int backlog_gap_rows(const struct backlog_event *gap,
	int (*fn)(void *ctx, const struct ledger_row *row), void *ctx)
{
	struct hash_link *link;
	size_t i;
	int r;

	for (i = 0; i < gap->rows.size; i++)
		for (link = gap->rows.buckets[i]; link != NULL; link = link->next) {
			r = fn(ctx, &row_of(link)->row);
			if (r < 0)
				return r;
		}
	return 0;
}
