/*
 * The heads of other hosts' ledgers, as they come into the store, and what is remembered of them: a
 * head that is not above the last one, or one whose own host says that its ledger lacks it, is that
 * of a ledger which was cut off, rolled back or replaced. sessd records that; what it has not
 * recorded is not remembered, and comes again.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/agent.h"
#include "fleet/memory.h"

#define FOLDER "ledgers"
/* After a report that sessd did not take, or that was one too many, all is listed again. */
#define REST	 (10 * NS_PER_SEC)
#define TOO_MANY (60 * NS_PER_SEC)

/* That sessd has been asked to record. */
struct report {
	LIST_ENTRY(report) link;
	struct agent *agent;
	char host[TEXT_STR_MAX + 1];
	struct memory_row row; /* to be remembered when it has been */
};

struct witness {
	char folder[DRAFT_PATH];
	struct watch watches[WITNESS_MAX];
	size_t n;
	size_t n_hosts; /* of which something is remembered */
	LIST_HEAD(report_list, report) reports;
	struct refusals refusals;
	struct timer timer;
};

int witness_remembered(const struct agent *a, const char *host, struct memory *ret)
{
	return memory_read(ret, a->witness->folder, host);
}

/* To be freed. NULL: it cannot be had, and that was logged. */
static struct memory *memory_of(const struct agent *a, const char *host)
{
	struct memory *m = malloc(sizeof(*m));
	int r = m != NULL ? memory_read(m, a->witness->folder, host) : -ENOMEM;

	if (r == 0)
		return m;
	log_error("the heads of the ledger of %s: %s", host, strerror(-r));
	free(m);
	return NULL;
}

static void remember(struct agent *a, struct memory *m, const struct memory_row *row)
{
	int r;

	a->witness->n_hosts += m->n == 0;
	r = memory_add(m, row);
	if (r < 0)
		log_error("%s: %s", m->path, strerror(-r));
}

/* --- Reports --- */

static void all_again(void *ctx)
{
	struct agent *a = ctx;

	witness_stop(a);
	witness_start(a);
}

static void list_again(struct agent *a, uint64_t in)
{
	timer_set(&a->timers, &a->witness->timer, clock_boot() + timer_jitter(in), all_again, a);
}

static void on_recorded(void *ctx, const struct wire_frame *frame)
{
	struct report *report = ctx;
	struct agent *a = report->agent;
	struct memory *m;

	if (frame != NULL && frame->type == WIRE_done) {
		m = memory_of(a, report->host);
		if (m != NULL)
			remember(a, m, &report->row);
		free(m);
	} else {
		list_again(a, REST);
	}
	LIST_REMOVE(report, link);
	free(report);
}

static bool is_reported(const struct witness *w, const char *host)
{
	const struct report *report;

	LIST_FOREACH (report, &w->reports, link)
		if (strcmp(report->host, host) == 0)
			return true;
	return false;
}

/* That host's ledger lacks `kept`, by what `words` and the row say. */
static void report(struct agent *a, const char *host, const char *kept, const char *words,
	const struct memory_row *row)
{
	struct wire_head_broken msg = {.host = ""};
	char head[SEAL_HEAD_TEXT];
	struct report *report;
	int r = -ENOMEM;

	if (is_reported(a->witness, host))
		return;
	if (refusals_too_many(&a->witness->refusals)) {
		list_again(a, TOO_MANY);
		return;
	}
	seal_head_text(&row->head, head);
	snprintf(msg.host, sizeof(msg.host), "%s", host);
	snprintf(msg.checkpoint, sizeof(msg.checkpoint), "%s", kept);
	snprintf(msg.text, sizeof(msg.text), "%s %s", words, head);
	report = malloc(sizeof(*report));
	if (report != NULL) {
		*report = (struct report){.agent = a, .row = *row};
		snprintf(report->host, sizeof(report->host), "%s", host);
		r = link_ask(&a->head_link, WIRE_head_broken, &msg, on_recorded, report);
	}
	if (r == 0) {
		LIST_INSERT_HEAD(&a->witness->reports, report, link);
		return;
	}
	free(report);
	log_error("the ledger of %s lacks %s: %s: not recorded: %s", host, kept, msg.text,
		strerror(-r));
	list_again(a, REST);
}

/* --- What comes --- */

static void take_checkpoint(
	struct agent *a, const char *host, struct memory *m, const struct memory_row *row)
{
	const struct memory_row *newest = memory_newest(m);
	char kept[SEAL_HEAD_TEXT];

	if (newest == NULL || row->head.seq > newest->head.seq) {
		remember(a, m, row);
		return;
	}
	/* what the host says next shows whether it was the store that went back */
	if (memory_knows(m, &row->head)) {
		if (newest->head.seq > row->head.seq)
			log_info("the head of the ledger of %s in the store was seen before", host);
		return;
	}
	seal_head_text(&newest->head, kept);
	report(a, host, kept, "the head that it gives the fleet is now", row);
}

static void take(struct agent *a, const char *host, const struct head_value *value)
{
	struct memory_row row = {.seen_at = clock_wall()};
	struct memory *m = memory_of(a, host);

	if (m != NULL && m->n == 0 && a->witness->n_hosts >= MEMORY_HOSTS_MAX) {
		log_warning("the heads of more than %d hosts: that of %s is not remembered",
			MEMORY_HOSTS_MAX, host);
		free(m);
		return;
	}
	if (m != NULL && seal_head_parse(value->checkpoint, &row.head))
		take_checkpoint(a, host, m, &row);
	row.broken = true;
	if (m != NULL && seal_head_parse(value->broken, &row.head) &&
		!memory_knows_broken(m, &row.head))
		report(a, host, value->checkpoint, "it says itself that its last checkpoint is",
			&row);
	free(m);
}

static void put(void *ctx, const struct reply_kv *kv)
{
	struct agent *a = ctx;
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];
	struct head_value value;

	if (!key_parse(kv->key, kv->key_len, KEY_HEAD, 1, parts) ||
		strcmp(parts[0], a->o.host) == 0)
		return;
	if (head_parse(kv, &value))
		take(a, parts[0], &value);
	else
		log_warning("where the store has the head of the ledger of %s, there is no "
			    "checkpoint",
			parts[0]);
}

/* It may be put again, and is then compared with what is remembered. */
static void gone(void *ctx, const struct reply_kv *kv)
{
	struct agent *a = ctx;
	char parts[KEY_PARTS][TEXT_STR_MAX + 1];

	if (key_parse(kv->key, kv->key_len, KEY_HEAD, 1, parts) && strcmp(parts[0], a->o.host) != 0)
		log_warning("the head of the ledger of %s was removed from the store", parts[0]);
}

static void nothing(void *ctx)
{
	(void)ctx;
}

/* --- --- */

static size_t count_hosts(const char *folder)
{
	DIR *dir = opendir(folder);
	size_t n = 0;

	while (dir != NULL && readdir(dir) != NULL)
		n++;
	if (dir != NULL)
		closedir(dir);
	return n;
}

static void watch(struct agent *a, struct watch *w, const char *host)
{
	struct watch_options options = {
		.begin = nothing, .put = put, .gone = gone, .listed = nothing, .ctx = a};
	const char *parts[KEY_PARTS] = {host};

	key_make(&options.under, KEY_HEAD, parts, false);
	watch_start(w, a->etcd, &a->timers, &options);
}

int witness_init(struct agent *a)
{
	struct witness *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return -ENOMEM;
	a->witness = w;
	if ((size_t)snprintf(w->folder, sizeof(w->folder), "%s/" FOLDER, a->o.data_dir) >=
		sizeof(w->folder))
		return -ENAMETOOLONG;
	if (mkdir(w->folder, 0700) < 0 && errno != EEXIST)
		return -errno;
	w->n_hosts = count_hosts(w->folder);
	return 0;
}

void witness_start(struct agent *a)
{
	const struct names *names = &a->o.witness;
	struct witness *w = a->witness;
	bool all = names->n == 1 && strcmp(names->name[0], "*") == 0;

	for (; w->n < names->n; w->n++)
		watch(a, &w->watches[w->n], all ? NULL : names->name[w->n]);
}

void witness_stop(struct agent *a)
{
	struct witness *w = a->witness;

	if (w == NULL)
		return;
	while (w->n > 0)
		watch_stop(&w->watches[--w->n]);
	timer_cancel(&w->timer);
}

void witness_fini(struct agent *a)
{
	struct report *report;

	witness_stop(a);
	while (a->witness != NULL && (report = LIST_FIRST(&a->witness->reports)) != NULL) {
		LIST_REMOVE(report, link);
		free(report);
	}
	free(a->witness);
	a->witness = NULL;
}
