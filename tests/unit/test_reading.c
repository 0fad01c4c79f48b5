/* What the ledger says of who reads it: one record of each reading, and none of reading that. */
#include "tests/unit/core_fixture.h"

#include "sessd/peer_state.h"
#include "sessd/reading.h"

struct count {
	unsigned n;
	uint64_t first, last, count; /* of the newest one */
	char by[64];
};

static void count_reading(void *ctx, const char *line)
{
	struct count *c = ctx;
	const char *by = strstr(line, "\"by\":\"");

	if (strstr(line, "\"event\":\"ledger_read\"") == NULL)
		return;
	c->n++;
	c->first = member(line, "first");
	c->last = strstr(line, "\"last\":") != NULL ? member(line, "last") : 0;
	c->count = strstr(line, "\"count\":") != NULL ? member(line, "count") : 0;
	snprintf(c->by, sizeof(c->by), "%.4s", by != NULL ? by + 6 : "");
}

/* All that was recorded until now. */
static struct count recorded(struct world *w)
{
	struct count c = {0};

	core_note(w->core, ENTRY_CONFIG_LOADED, "a mark behind it");
	WAIT_UNTIL(w->f, ({
		struct ledger_stats stats;
		ledger_stats(w->f->ledger, &stats);
		stats.queued == 0;
	}));
	each_line(w->f, LEDGER_ALL_UIDS, count_reading, &c);
	return c;
}

static struct peer root_peer(void)
{
	return (struct peer){
		.caller = {.uid = 0, .audit_session = PROC_NO_AUDIT, .admin = true, .pidfd = -1}};
}

static void disconnect(struct peer *p)
{
	if (p->kept_done != NULL)
		p->kept_done(p->kept, &p->caller);
	*p = root_peer();
}

/* Asks for a page behind `after`, and is given lines FIRST to LAST; more: there are others. */
static void read_lines(
	struct world *w, struct peer *p, uint64_t after, uint64_t first, uint64_t last, bool more)
{
	char body[4096];
	struct ledger_page page = {.body = body, .last = last, .more = more};
	uint64_t seq;

	assert_int_equal(reading_ask(w->core, p, after, false), 0);
	for (seq = first; seq != 0 && seq <= last; seq++)
		page.len += (size_t)snprintf(body + page.len, sizeof(body) - page.len,
			"{\"seq\":%llu,\"prev\":\"\"}\n", (unsigned long long)seq);
	if (page.len == 0)
		page.last = after;
	reading_give(p, &page);
}

static void assert_reading(const struct count *c, uint64_t first, uint64_t last, uint64_t count)
{
	assert_int_equal(c->first, first);
	assert_int_equal(c->last, last);
	assert_int_equal(c->count, count);
	assert_string_equal(c->by, "root");
}

/* Page by page to the end, from where a pruned ledger begins. */
static void once_for_all_pages(void **state)
{
	struct world *w = *state;
	struct peer p = root_peer();
	struct count c;

	read_lines(w, &p, 0, 7, 10, true);
	read_lines(w, &p, 10, 11, 20, true);
	c = recorded(w);
	assert_int_equal(c.n, 0);
	read_lines(w, &p, 20, 21, 25, false);
	c = recorded(w);
	assert_int_equal(c.n, 1);
	assert_reading(&c, 7, 25, 19);
	disconnect(&p);
	assert_int_equal(recorded(w).n, 1);
}

/* Who goes in the middle has read so much. */
static void what_was_read_at_the_close(void **state)
{
	struct world *w = *state;
	struct peer p = root_peer();
	struct count c;

	read_lines(w, &p, 0, 1, 10, true);
	disconnect(&p);
	c = recorded(w);
	assert_int_equal(c.n, 1);
	assert_reading(&c, 1, 10, 10);
	/* nothing was given */
	read_lines(w, &p, 10, 0, 0, false);
	disconnect(&p);
	assert_int_equal(recorded(w).n, 1);
}

/* Who asks again and again for what is new is given the record of that, too: it makes one more, at
 * the end. */
static void polling(void **state)
{
	struct world *w = *state;
	struct peer p = root_peer();
	struct count c;
	uint64_t seq;

	read_lines(w, &p, 0, 1, 10, false);
	for (seq = 11; seq < 100; seq++)
		read_lines(w, &p, seq - 1, seq, seq, false);
	assert_int_equal(recorded(w).n, 1);
	disconnect(&p);
	c = recorded(w);
	assert_int_equal(c.n, 2);
	assert_reading(&c, 11, 99, 89);
}

/* Another reading on the same connection is another one. */
static void from_elsewhere(void **state)
{
	struct world *w = *state;
	struct peer p = root_peer();
	struct count c;

	read_lines(w, &p, 0, 1, 10, false);
	read_lines(w, &p, 4, 5, 6, true);
	read_lines(w, &p, 0, 1, 3, true);
	c = recorded(w);
	assert_int_equal(c.n, 2);
	assert_reading(&c, 5, 6, 2);
	disconnect(&p);
	c = recorded(w);
	assert_int_equal(c.n, 3);
	assert_reading(&c, 1, 3, 3);
}

/* A follower is recorded when he begins, and never again. */
static void following(void **state)
{
	const struct ledger_page page = {.body = "{\"seq\":31}\n", .len = 11, .last = 31};
	struct world *w = *state;
	struct peer p = root_peer();
	struct count c;

	read_lines(w, &p, 20, 21, 30, false);
	assert_int_equal(reading_ask(w->core, &p, 30, true), 0);
	c = recorded(w);
	assert_int_equal(c.n, 2);
	assert_reading(&c, 31, 0, 0);
	reading_give(&p, &page);
	assert_int_equal(reading_ask(w->core, &p, 31, true), 0);
	disconnect(&p);
	assert_int_equal(recorded(w).n, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(once_for_all_pages),
		TEST(what_was_read_at_the_close),
		TEST(polling),
		TEST(from_elsewhere),
		TEST(following),
	};

	return cmocka_run_group_tests_name("reading", tests, NULL, NULL);
}
