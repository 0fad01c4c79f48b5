/* What evidence is made of: counts by name and over time, shares of a spread, lines that are kept,
 * which lines are which fact, and the names of controls. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "tests/unit/seeded.h"

#include "common/duration.h"
#include "sessctl/control.h"
#include "sessctl/html.h"
#include "sessctl/listing.h"
#include "sessctl/moment.h"
#include "sessctl/spread.h"
#include "sessctl/survey.h"
#include "sessctl/tally.h"
#include "sessctl/timeline.h"

#define T0  UINT64_C(1790000000000000000)
#define DAY (UINT64_C(86400) * NS_PER_SEC)

/* --- Spread --- */

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void test_spread_is_within_an_eighth(void **state)
{
	static const unsigned percents[] = {1, 50, 95, 99, 100};
	uint64_t value[1000], exact, found;
	struct spread s = {0};
	size_t i;

	(void)state;
	assert_int_equal(spread_percentile(&s, 50), 0);
	seed();
	for (i = 0; i < 1000; i++) {
		value[i] = any(UINT64_MAX) >> any(64);
		spread_add(&s, value[i]);
	}
	qsort(value, 1000, sizeof(value[0]), compare);
	assert_int_equal(s.n, 1000);
	assert_true(s.longest == value[999]);
	for (i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		exact = value[percents[i] * 10 - 1];
		found = spread_percentile(&s, percents[i]);
		assert_true(found >= exact);
		assert_true(found - exact <= exact / 8);
	}
	assert_true(spread_percentile(&s, 100) == value[999]);
}

/* --- Tally --- */

static void test_tally_counts_by_name(void **state)
{
	struct tally t;
	char name[32];
	int i;

	(void)state;
	assert_int_equal(tally_init(&t), 0);
	assert_null(tally_find(&t, "bob"));
	for (i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "user%d", i % 1000);
		tally_row(&t, name)->logins++;
	}
	tally_row(&t, "bob")->logins = 2;
	tally_row(&t, "eve")->refused = 7;
	assert_int_equal(t.n, 1002);
	assert_int_equal(tally_find(&t, "user999")->logins, 3);
	assert_int_equal(t.others.logins, 0);
	tally_sort(&t);
	assert_string_equal(t.rows[0].name, "user0");
	assert_string_equal(t.rows[1000].name, "bob");
	assert_string_equal(t.rows[1001].name, "eve");
	tally_fini(&t);
	tally_fini(&t);
}

static void test_tally_has_a_bound(void **state)
{
	struct tally t;
	char name[32];
	int i;

	(void)state;
	assert_int_equal(tally_init(&t), 0);
	for (i = 0; i < TALLY_MAX + 500; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		tally_row(&t, name)->logins++;
	}
	assert_int_equal(t.n, TALLY_MAX);
	assert_int_equal(t.others.logins, 500);
	assert_int_equal(tally_find(&t, "n0")->logins, 1);
	assert_null(tally_find(&t, "n10400"));
	tally_fini(&t);
}

/* --- Timeline --- */

static uint64_t sum_of(const struct timeline *t)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < t->n; i++)
		sum += t->span[i].logins;
	return sum;
}

static void test_timeline_grows_both_ways(void **state)
{
	struct timeline t;
	uint64_t time[500];
	size_t i, k;

	(void)state;
	seed();
	for (i = 0; i < 20; i++) {
		timeline_init(&t);
		for (k = 0; k < 500; k++) {
			time[k] = T0 + any(DAY << any(12)) - any(DAY << any(12));
			timeline_at(&t, time[k])->logins++;
			assert_true(t.n <= TIMELINE_SPANS);
			assert_int_equal(sum_of(&t), k + 1);
		}
		for (k = 0; k < 500; k++) {
			assert_true(time[k] >= t.begin);
			assert_true(time[k] < t.begin + t.n * timeline_width(&t));
			assert_true(timeline_at(&t, time[k])->logins > 0);
		}
	}
}

static void test_timeline_takes_any_time(void **state)
{
	struct timeline t;

	(void)state;
	timeline_init(&t);
	timeline_at(&t, UINT64_MAX)->logins++;
	timeline_at(&t, 0)->logins++;
	timeline_at(&t, T0)->logins++;
	assert_int_equal(sum_of(&t), 3);
	assert_true(t.n <= TIMELINE_SPANS);
}

static void test_timeline_keeps_levels(void **state)
{
	struct timeline t;
	struct span *s;

	(void)state;
	timeline_init(&t);
	s = timeline_at(&t, T0);
	s->peak = 5;
	s->level = 3;
	s = timeline_at(&t, T0 + 180 * NS_PER_SEC);
	s->peak = s->level = 1;
	timeline_fill(&t);
	assert_int_equal(t.n, 4);
	assert_int_equal(t.span[0].peak, 5);
	assert_int_equal(t.span[1].peak, 3);
	assert_int_equal(t.span[2].peak, 3);
	/* three were there until the first of them went */
	assert_int_equal(t.span[3].peak, 3);
	assert_int_equal(t.span[3].level, 1);
}

static void test_weeks_begin_on_monday(void **state)
{
	struct timeline t;

	(void)state;
	timeline_init(&t);
	timeline_at(&t, T0);
	timeline_at(&t, T0 + 200 * DAY);
	assert_true(timeline_width(&t) == 7 * DAY);
	/* 1970-01-01 was a Thursday */
	assert_int_equal(t.begin / DAY % 7, 4);
	assert_int_equal(t.begin % DAY, 0);
}

/* --- Listing --- */

static void test_listing_keeps_the_last(void **state)
{
	static char huge[LISTING_LINE + 1];
	struct listing l = {.room = 3};
	char line[8];
	int i;

	(void)state;
	for (i = 0; i < 8; i++)
		assert_int_equal(listing_add(&l, line, (size_t)snprintf(line, 8, "line%d", i)), 0);
	memset(huge, 'x', sizeof(huge));
	assert_int_equal(listing_add(&l, huge, sizeof(huge)), 0);
	assert_int_equal(l.n, 9);
	assert_int_equal(l.kept, 3);
	assert_string_equal(listing_line(&l, 0), "line5");
	assert_string_equal(listing_line(&l, 2), "line7");
	listing_fini(&l);
	listing_add(&l, "one", 3);
	assert_string_equal(listing_line(&l, 0), "one");
	listing_fini(&l);
}

/* --- Facts --- */

static struct fact facts[N_FACTS];

/* The members that follow seq and time; `locked`: a lock of the user stands. */
static void see(const char *members, bool locked)
{
	char text[1024];
	struct sighting s;
	struct line line;
	int n;

	n = snprintf(text, sizeof(text), "{\"seq\":9,\"time\":\"2026-11-22T14:30:00.000000Z\",%s}",
		members);
	assert_int_equal(line_parse(text, (size_t)n, &line), 0);
	sighting_of(&line, &s);
	s.user_locked = locked;
	assert_int_equal(facts_add(facts, &s), 0);
	line_fini(&line);
}

/* How many facts that line is, and among them this one. */
static void is_fact(const char *members, bool locked, enum fact_id id, unsigned wanted)
{
	unsigned i, n = 0;

	facts_init(facts);
	see(members, locked);
	for (i = 0; i < N_FACTS; i++)
		n += facts[i].n > 0;
	if (id < N_FACTS)
		assert_int_equal(facts[id].n, 1);
	assert_int_equal(n, wanted);
	facts_fini(facts);
}

#define LOGIN "\"event\":\"session_opened\",\"class\":\"login\",\"user\":\"bob\","
#define ENDED "\"event\":\"session_ended\",\"class\":\"login\",\"user\":\"bob\","

static void test_facts_of_logins(void **state)
{
	(void)state;
	is_fact(LOGIN
		"\"audit_session\":7,\"expires_at\":\"2026-11-22T20:00:00Z\",\"policy\":\"p\"",
		false, FACT_LOGINS, 1);
	is_fact(LOGIN "\"audit_session\":7,\"policy\":\"p\"", false, FACT_EXEMPT, 2);
	is_fact(LOGIN "\"audit_session\":7", true, FACT_LOCKED_IN, 2);
	is_fact(LOGIN "\"uid\":1", false, FACT_UNBOUND, 2);
	is_fact(LOGIN "\"audit_session\":7,\"auth\":\"publickey SHA256:abc\"", false, FACT_KEYED,
		2);
	is_fact("\"event\":\"session_opened\",\"class\":\"elevation\"", false, FACT_ELEVATIONS, 1);
	is_fact("\"event\":\"session_opened\",\"class\":\"background\"", true, N_FACTS, 0);
	is_fact("\"event\":\"notice_given\",\"class\":\"login\"", false, FACT_NOTICES, 1);
	is_fact("\"event\":\"something_later\"", false, N_FACTS, 0);
}

static void test_facts_of_ends(void **state)
{
	(void)state;
	is_fact(ENDED "\"reason\":\"idle\",\"elapsed\":0.5", false, FACT_IDLE_ENDS, 1);
	is_fact(ENDED "\"reason\":\"logout\"", false, N_FACTS, 0);
	is_fact(ENDED "\"reason\":\"revoked\",\"by\":\"root\"", false, FACT_ACTS, 2);
	is_fact(ENDED "\"reason\":\"revoked\"", false, FACT_NAMELESS, 2);
	is_fact(ENDED "\"reason\":\"locked\",\"by\":\"root\"", false, FACT_LOCKED_ENDS, 1);
	is_fact(ENDED "\"reason\":\"some_later_one\"", false, N_FACTS, 0);
	is_fact("\"event\":\"session_survived\",\"reason\":\"locked\"", false, FACT_ORDER_SURVIVED,
		2);
}

static void test_overdue(void **state)
{
	(void)state;
	/* recorded at 14:30:00; the lifetime was over a minute and a second before the order */
	is_fact(ENDED "\"reason\":\"lifetime\",\"elapsed\":9.0,"
		      "\"expires_at\":\"2026-11-22T14:28:50Z\"",
		false, FACT_OVERDUE, 2);
	/* 51 seconds: the daemon was busy, or the clock was set */
	is_fact(ENDED "\"reason\":\"lifetime\",\"elapsed\":9.0,"
		      "\"expires_at\":\"2026-11-22T14:29:00Z\"",
		false, FACT_LIFETIME_ENDS, 1);
	/* the order came in time, and the processes took theirs */
	is_fact(ENDED "\"reason\":\"lifetime\",\"elapsed\":70.0,"
		      "\"expires_at\":\"2026-11-22T14:28:50Z\"",
		false, FACT_LIFETIME_ENDS, 1);
	is_fact(ENDED "\"reason\":\"logout\",\"expires_at\":\"2026-11-22T13:00:00Z\"", false,
		FACT_OVERDUE, 1);
	/* the machine was off: when it went is not known */
	is_fact(ENDED "\"reason\":\"reboot\",\"expires_at\":\"2026-11-22T13:00:00Z\"", false,
		N_FACTS, 0);
}

static void test_facts_of_refusals(void **state)
{
	(void)state;
	is_fact("\"event\":\"session_refused\",\"reason\":\"cap\",\"limit\":3,\"count\":3", false,
		FACT_CAP_REFUSED, 2);
	is_fact("\"event\":\"session_refused\",\"reason\":\"cap\",\"limit\":3,\"count\":4", false,
		FACT_OVER_CAP, 3);
	is_fact("\"event\":\"session_refused\",\"reason\":\"reauth\"", false, FACT_REAUTH_REFUSED,
		2);
	is_fact("\"event\":\"reauthenticated\",\"user\":\"bob\",\"auth\":\"pam\"", false,
		FACT_REAUTHS, 1);
	is_fact("\"event\":\"reauth_refused\",\"user\":\"bob\"", false, FACT_REAUTH_FAILED, 1);
	is_fact("\"event\":\"password_changed\"", false, FACT_PASSWORDS, 1);
}

static void test_facts_of_the_ledger(void **state)
{
	(void)state;
	is_fact("\"event\":\"ledger_gap\",\"count\":7", false, FACT_GAPS, 1);
	is_fact("\"event\":\"ledger_started\",\"text\":\"first start\"", false, FACT_NEW_LEDGERS,
		1);
	is_fact("\"event\":\"ledger_started\",\"last\":70", false, FACT_SET_ASIDE, 2);
	/* see() says 9: a ledger's own seal begins with its second event */
	is_fact("\"event\":\"seal_started\"", false, FACT_NEW_SEALS, 1);
	is_fact("\"event\":\"ledger_read\",\"by\":\"root\"", false, FACT_READS, 1);
	is_fact("\"event\":\"ledger_pruned\",\"count\":7", false, FACT_PRUNED, 1);
}

static void test_worst_case(void **state)
{
	(void)state;
	facts_init(facts);
	see(ENDED "\"reason\":\"idle\",\"elapsed\":0.25,\"uid\":1", false);
	see(ENDED "\"reason\":\"idle\",\"elapsed\":0.75,\"uid\":2", false);
	see(ENDED "\"reason\":\"idle\",\"elapsed\":0.5,\"uid\":3", false);
	see(ENDED "\"reason\":\"idle\",\"elapsed\":-1,\"uid\":4", false);
	assert_int_equal(facts[FACT_IDLE_ENDS].n, 4);
	assert_int_equal(facts[FACT_IDLE_ENDS].worst, 750 * NS_PER_MS);
	assert_non_null(strstr(facts[FACT_IDLE_ENDS].worst_line, "\"uid\":2"));
	/* what has no measure has no worst case */
	see("\"event\":\"notice_given\"", false);
	assert_int_equal(facts[FACT_NOTICES].n, 1);
	assert_null(facts[FACT_NOTICES].worst_line);
	facts_fini(facts);
}

/* Where a row is neither shown nor counted by any control, it is of no use. */
static void test_every_fact_has_a_name(void **state)
{
	unsigned i, k;

	(void)state;
	for (i = 0; i < N_FACTS; i++) {
		assert_non_null(fact_rows[i].events[0]);
		for (k = 0; k < i; k++)
			assert_string_not_equal(fact_rows[i].name, fact_rows[k].name);
	}
}

/* --- Survey --- */

static void take(struct survey *s, uint64_t *seq, const char *time, const char *members)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), "{\"seq\":%" PRIu64 ",\"time\":\"%s\",%s}", ++*seq,
		time, members);

	s->verify.good(s, text, (size_t)n);
}

static void test_survey_of_a_period(void **state)
{
	struct survey s;
	uint64_t seq = 0;

	(void)state;
	assert_int_equal(survey_init(&s), 0);
	assert_true(moment_parse_exact("2026-11-22T12:00:00Z", &s.since));
	assert_true(moment_parse_exact("2026-11-22T14:00:00Z", &s.until));
	/* one was there before the text began, one comes before the period */
	take(&s, &seq, "2026-11-22T10:00:00Z", ENDED "\"reason\":\"logout\"");
	take(&s, &seq, "2026-11-22T10:30:00Z", LOGIN "\"uid\":7");
	take(&s, &seq, "2026-11-22T11:00:00Z", "\"event\":\"lock_set\",\"lock\":\"user bob\"");
	take(&s, &seq, "2026-11-22T12:00:00Z", LOGIN "\"uid\":7");
	take(&s, &seq, "2026-11-22T12:30:00Z", "\"event\":\"lock_lifted\",\"lock\":\"user bob\"");
	take(&s, &seq, "2026-11-22T13:00:00Z", LOGIN "\"uid\":7,\"rhost\":\"192.0.2.7\"");
	s.verify.good(&s, "[]", 2);
	take(&s, &seq, "2026-11-22T13:59:59Z", ENDED "\"reason\":\"idle\",\"elapsed\":0.5");
	take(&s, &seq, "2026-11-22T14:00:00Z", LOGIN "\"uid\":7");
	assert_int_equal(survey_end(&s), 0);
	assert_int_equal(s.events, 4);
	assert_int_equal(s.damaged, 1);
	assert_true(s.first == s.since);
	assert_int_equal(s.facts[FACT_LOGINS].n, 2);
	assert_int_equal(s.facts[FACT_LOCKED_IN].n, 1);
	assert_int_equal(s.facts[FACT_LOCKS].n, 0);
	assert_int_equal(s.most, 3);
	assert_int_equal(s.left, 2);
	assert_int_equal(s.ended[REASON_IDLE], 1);
	assert_int_equal(s.ends[REASON_IDLE].longest, 500 * NS_PER_MS);
	assert_int_equal(s.users.n, 1);
	assert_int_equal(s.users.rows[0].logins, 2);
	assert_int_equal(s.users.rows[0].ended, 1);
	assert_int_equal(s.sources.n, 2);
	survey_fini(&s);
}

/* A lock of the host and one of the fleet: he is locked as long as one of them stands. */
static void test_two_locks_of_a_user(void **state)
{
	static const char *const lines[] = {
		"\"event\":\"lock_set\",\"lock\":\"user bob\",\"fleet\":true",
		"\"event\":\"lock_set\",\"lock\":\"user bob\"",
		"\"event\":\"lock_expired\",\"lock\":\"user bob\"",
		LOGIN "\"uid\":7",
		"\"event\":\"lock_lifted\",\"lock\":\"user bob\",\"fleet\":true",
		LOGIN "\"uid\":7",
	};
	struct survey s;
	uint64_t seq = 0;
	size_t i;

	(void)state;
	assert_int_equal(survey_init(&s), 0);
	assert_true(moment_parse_exact("2026-11-22T12:00:00Z", &s.since));
	assert_true(moment_parse_exact("2026-11-22T14:00:00Z", &s.until));
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		take(&s, &seq, "2026-11-22T13:00:00Z", lines[i]);
	assert_int_equal(survey_end(&s), 0);
	assert_int_equal(s.facts[FACT_LOGINS].n, 2);
	assert_int_equal(s.facts[FACT_LOCKED_IN].n, 1);
	survey_fini(&s);
}

/* --- Controls --- */

static void is_called(const char *name, const char *id)
{
	const struct control *c = control_find(name);

	if (id == NULL) {
		assert_null(c);
		return;
	}
	assert_non_null(c);
	assert_string_equal(c->id, id);
}

static void test_names_of_controls(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < n_controls; i++)
		is_called(controls[i].id, controls[i].id);
	is_called("ac-2 (5)", "AC-2(5)");
	is_called("AC02.05", "AC-2(5)");
	is_called("NIST SP 800-53 Rev. 5 AC-2(13)", "AC-2(13)");
	is_called("ac12", "AC-12");
	is_called("PCI DSS v4.0.1 8.2.8", "8.2.8");
	is_called("pci-8.2.5", "8.2.5");
	is_called("10.2.2", "10.2");
	is_called("HIPAA 164.312(a)(2)(iii)", "164.312(a)(2)(iii)");
	is_called("45 CFR 164.312 (a) (2) (iii)", "164.312(a)(2)(iii)");
	is_called("RHEL-09-412040", "AC-10");
	is_called("srg-os-000027-gpos-00008", "AC-10");
	is_called("STIG SRG-OS-000163", "AC-12");
	is_called("AU-9(2)", "AU-9");
	is_called("", NULL);
	is_called("-", NULL);
	is_called("AC", NULL);
	is_called("AC-2", NULL);
	is_called("AC-20(5)", NULL);
	is_called("XAC-12", NULL);
	is_called("2.5", NULL);
	is_called("ISO 27001 8.2.5", NULL);
	is_called("AC-12 AC-10", NULL);
	is_called("1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8 9", NULL);
}

static void test_verdicts(void **state)
{
	const struct control *c = control_find("AC-10");

	(void)state;
	facts_init(facts);
	assert_int_equal(control_verdict(control_count(c, facts)), VERDICT_NO_DATA);
	/* what only belongs to the picture supports nothing */
	facts[FACT_LOGINS].n = 5;
	assert_int_equal(control_verdict(control_count(c, facts)), VERDICT_NO_DATA);
	facts[FACT_CAP_REFUSED].n = 2;
	assert_int_equal(control_verdict(control_count(c, facts)), VERDICT_SUPPORTED);
	facts[FACT_GAPS].n = 1;
	assert_int_equal(control_verdict(control_count(c, facts)), VERDICT_EXCEPTIONS);
	facts[FACT_CAP_REFUSED].n = 0;
	assert_int_equal(control_verdict(control_count(c, facts)), VERDICT_EXCEPTIONS);
}

/* Each control can come to each verdict, and what was lost counts against all. */
static void test_every_control_has_its_facts(void **state)
{
	struct finding_counts counts;
	size_t i, k;

	(void)state;
	for (i = 0; i < n_controls; i++) {
		facts_init(facts);
		for (k = 0; k < N_FACTS; k++)
			facts[k].n = 1;
		counts = control_count(&controls[i], facts);
		assert_true(counts.supports > 0);
		facts_init(facts);
		facts[FACT_GAPS].n = 1;
		counts = control_count(&controls[i], facts);
		assert_int_equal(counts.exceptions, 1);
	}
}

/* --- Text in a page --- */

static void test_html_escapes(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	assert_non_null(out);
	html_text(out, "<a href=\"x\" b='y'>&amp;\x1b[1m\xe2\x80\xae \xc3\xab");
	html_number(out, 1234567);
	html_number(out, 1000000000000);
	html_number(out, 999);
	fclose(out);
	assert_string_equal(text, "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;\\x1b[1m"
				  "\\xe2\\x80\\xae \xc3\xab"
				  "1,234,5671,000,000,000,000999");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spread_is_within_an_eighth),
		cmocka_unit_test(test_tally_counts_by_name),
		cmocka_unit_test(test_tally_has_a_bound),
		cmocka_unit_test(test_timeline_grows_both_ways),
		cmocka_unit_test(test_timeline_takes_any_time),
		cmocka_unit_test(test_timeline_keeps_levels),
		cmocka_unit_test(test_weeks_begin_on_monday),
		cmocka_unit_test(test_listing_keeps_the_last),
		cmocka_unit_test(test_facts_of_logins),
		cmocka_unit_test(test_facts_of_ends),
		cmocka_unit_test(test_overdue),
		cmocka_unit_test(test_facts_of_refusals),
		cmocka_unit_test(test_facts_of_the_ledger),
		cmocka_unit_test(test_worst_case),
		cmocka_unit_test(test_every_fact_has_a_name),
		cmocka_unit_test(test_survey_of_a_period),
		cmocka_unit_test(test_two_locks_of_a_user),
		cmocka_unit_test(test_names_of_controls),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_every_control_has_its_facts),
		cmocka_unit_test(test_html_escapes),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
