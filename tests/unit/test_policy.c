/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "sessd/policy.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static char user_anna[] = "anna", user_ben[] = "ben", service_sshd[] = "sshd";

static struct subject subject_of(const char *user, const char *rhost)
{
	static const uint32_t gids[] = {100, 2000};

	return (struct subject){
		.user = user, .service = "sshd", .rhost = rhost, .gids = gids, .n_gids = N(gids)};
}

static bool in(const char *network, const char *addr)
{
	struct in6_addr v6;
	struct network n, a;

	assert_true(network_parse(network, &n));
	/* an address alone is a network of one */
	assert_true(network_parse(addr, &a));
	assert_int_equal(a.bits, 128);
	v6 = a.addr;
	return network_contains(&n, &v6);
}

static void test_network_good(void **state)
{
	static const struct {
		const char *text, *addr;
		unsigned bits;
	} good[] = {
		{"10.0.0.0/8", "::ffff:10.0.0.0", 104},
		{"0.0.0.0/0", "::ffff:0.0.0.0", 96},
		{"192.0.2.7", "::ffff:192.0.2.7", 128},
		{"192.0.2.7/32", "::ffff:192.0.2.7", 128},
		{"255.255.255.254/31", "::ffff:255.255.255.254", 127},
		{"2001:db8::/32", "2001:db8::", 32},
		{"::/0", "::", 0},
		{"::1", "::1", 128},
		{"::ffff:10.0.0.0/104", "::ffff:10.0.0.0", 104},
		{"fe80::/10", "fe80::", 10},
	};
	struct in6_addr addr;
	struct network n;
	size_t i;

	(void)state;
	for (i = 0; i < N(good); i++) {
		assert_true(network_parse(good[i].text, &n));
		assert_int_equal(inet_pton(AF_INET6, good[i].addr, &addr), 1);
		assert_memory_equal(&n.addr, &addr, sizeof(addr));
		assert_int_equal(n.bits, good[i].bits);
	}
}

static void test_network_bad(void **state)
{
	static const char *const bad[] = {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
		"10.0.0.0/+8", "10.0.0.0/08", "10.0.0.0/8 ", " 10.0.0.0/8", "10.0.0.0/8/8",
		"10.0.0.0/4294967304", "10.0.0.1/8", "10.0.0/8", "10.1", "0x0a.0.0.0/8",
		"010.0.0.0/8", "10.0.0.0/255.0.0.0", "2001:db8::/129", "2001:db8::1/32",
		"2001:db8::/", ":::", "::%lo", "fe80::1%eth0", "host.example", "::/0x0",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/128"};
	struct network n, untouched;
	size_t i;

	(void)state;
	memset(&untouched, 0x5a, sizeof(untouched));
	for (i = 0; i < N(bad); i++) {
		memset(&n, 0x5a, sizeof(n));
		if (network_parse(bad[i], &n))
			fail_msg("`%s` was taken for a network", bad[i]);
		assert_memory_equal(&n, &untouched, sizeof(n));
	}
}

static void test_network_contains(void **state)
{
	(void)state;
	assert_true(in("10.0.0.0/8", "10.255.255.255"));
	assert_false(in("10.0.0.0/8", "11.0.0.0"));
	assert_false(in("10.0.0.0/8", "9.255.255.255"));
	assert_true(in("10.0.0.0/8", "::ffff:10.1.2.3"));
	assert_true(in("192.0.2.128/25", "192.0.2.200"));
	assert_false(in("192.0.2.128/25", "192.0.2.127"));
	assert_true(in("0.0.0.0/0", "203.0.113.9"));
	assert_true(in("2001:db8::/32", "2001:db8:ffff::1"));
	assert_false(in("2001:db8::/32", "2001:db9::"));
	assert_true(in("2001:db8::/33", "2001:db8:7fff::"));
	assert_false(in("2001:db8::/33", "2001:db8:8000::"));
	assert_true(in("::1", "::1"));
	assert_false(in("::1", "::2"));
}

/* A rule for IPv6 does not reach IPv4, nor the other way. */
static void test_families(void **state)
{
	(void)state;
	assert_true(in("::/0", "2001:db8::1"));
	assert_false(in("::/0", "10.0.0.1"));
	assert_false(in("::/80", "10.0.0.1"));
	assert_false(in("0.0.0.0/0", "2001:db8::1"));
	assert_false(in("0.0.0.0/0", "::1"));
	assert_false(in("0.0.0.0/0", "::"));
}

static void test_users_and_services(void **state)
{
	char *users[] = {user_anna, user_ben, NULL}, *services[] = {service_sshd, NULL};
	char *none[] = {NULL};
	struct policy p = {.any_group = true, .users = users, .services = services};
	struct subject s = subject_of("ben", "");

	(void)state;
	assert_true(policy_matches(&p, &s));
	s.user = "carl";
	assert_false(policy_matches(&p, &s));
	s.user = "Ben";
	assert_false(policy_matches(&p, &s));
	s.user = "ann";
	assert_false(policy_matches(&p, &s));
	s.user = "";
	assert_false(policy_matches(&p, &s));
	s.user = "anna";
	s.service = "login";
	assert_false(policy_matches(&p, &s));
	p.services = NULL;
	assert_true(policy_matches(&p, &s));
	p.users = none;
	assert_false(policy_matches(&p, &s));
}

static void test_groups(void **state)
{
	gid_t gids[] = {5, 2000};
	struct policy p = {.gids = gids, .n_gids = 2};
	struct subject s = subject_of("anna", "");

	(void)state;
	assert_true(policy_matches(&p, &s));
	p.n_gids = 1;
	assert_false(policy_matches(&p, &s));
	p.n_gids = 0; /* none of its groups exists */
	assert_false(policy_matches(&p, &s));
	p.any_group = true;
	s.n_gids = 0;
	assert_true(policy_matches(&p, &s));
	p.any_group = false;
	p.n_gids = 2;
	assert_false(policy_matches(&p, &s));
}

static void test_sources(void **state)
{
	static const struct {
		const char *rhost;
		bool limits, exempts;
	} rows[] = {
		{"10.0.0.1", true, true},
		{"::ffff:10.0.0.1", true, true},
		{"::FFFF:0a00:0001", true, true},
		{"11.0.0.1", false, false},
		{"fe80::1", true, true},
		{"fe80::1%eth0", true, true},
		{"fec0::1%eth0", false, false},
		{"2001:db8::1", false, false},
		/* a console is nowhere */
		{"", false, false},
		/* what is no number may be anywhere: strict for limits, and for exemptions */
		{"host.example", true, false},
		{":0", true, false},
		{"10.0.0.1 ", true, false},
		{"10.0.0.1%eth0", true, false},
		{"fe80::1%", true, false},
		{"%eth0", true, false},
		{"[fe80::1]", true, false},
		{"10.0.0", true, false},
		{"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", true, false},
	};
	struct network from[2];
	struct policy p = {.any_group = true, .from = from, .n_from = 2};
	struct subject s;
	size_t i;

	(void)state;
	assert_true(network_parse("10.0.0.0/8", &from[0]));
	assert_true(network_parse("fe80::/64", &from[1]));
	for (i = 0; i < N(rows); i++) {
		s = subject_of("anna", rows[i].rhost);
		p.exempt = false;
		if (policy_matches(&p, &s) != rows[i].limits)
			fail_msg("a limit and `%s`", rows[i].rhost);
		p.exempt = true;
		if (policy_matches(&p, &s) != rows[i].exempts)
			fail_msg("an exemption and `%s`", rows[i].rhost);
	}
	p.n_from = 0;
	for (i = 0; i < N(rows); i++) {
		s = subject_of("anna", rows[i].rhost);
		assert_true(policy_matches(&p, &s));
	}
}

/* Of what does not fit all is said, and nothing where the policy applies. */
static void test_mismatches(void **state)
{
	char *ben[] = {user_ben, NULL}, *sshd[] = {service_sshd, NULL};
	gid_t gids[] = {3000};
	struct network from[1];
	struct policy p = {.users = ben,
		.services = sshd,
		.gids = gids,
		.n_gids = 1,
		.from = from,
		.n_from = 1};
	struct subject s = subject_of("anna", "192.0.2.1");
	char words[POLICY_MISMATCH_TEXT];

	(void)state;
	assert_true(network_parse("10.0.0.0/8", &from[0]));
	s.service = "login";
	assert_int_equal(policy_mismatches(&p, &s),
		MISMATCH_USER | MISMATCH_GROUP | MISMATCH_SERVICE | MISMATCH_SOURCE);
	assert_string_equal(policy_mismatch_words(policy_mismatches(&p, &s), words),
		"user, group, service, source");
	s.service = "sshd";
	s.user = "ben";
	assert_string_equal(
		policy_mismatch_words(policy_mismatches(&p, &s), words), "group, source");
	gids[0] = 2000;
	assert_int_equal(policy_mismatches(&p, &s), MISMATCH_SOURCE);
	assert_string_equal(policy_mismatch_words(MISMATCH_SOURCE, words), "source");
	assert_false(policy_matches(&p, &s));
	s.rhost = "10.0.0.1";
	assert_int_equal(policy_mismatches(&p, &s), 0);
	assert_true(policy_matches(&p, &s));
	assert_string_equal(policy_mismatch_words(0, words), "");
	/* a name may be anywhere: for a limit it fits, for an exemption it does not */
	s.rhost = "host.example";
	assert_int_equal(policy_mismatches(&p, &s), 0);
	p.exempt = true;
	assert_int_equal(policy_mismatches(&p, &s), MISMATCH_SOURCE);
}

static void test_class(void **state)
{
	char a[] = "atd", b[] = "sshd", c[] = "systemd-user";
	struct service services[] = {{.name = a, .class = CLASS_BACKGROUND},
		{.name = b, .class = CLASS_LOGIN}, {.name = c, .class = CLASS_IGNORED}};
	struct policy_set set = {.services = services, .n_services = N(services)};

	(void)state;
	assert_int_equal(policy_class(&set, "sshd"), CLASS_LOGIN);
	assert_int_equal(policy_class(&set, "atd"), CLASS_BACKGROUND);
	assert_int_equal(policy_class(&set, "systemd-user"), CLASS_IGNORED);
	assert_int_equal(policy_class(&set, "sshd2"), CLASS_BACKGROUND);
	assert_int_equal(policy_class(&set, ""), CLASS_BACKGROUND);
	set.n_services = 0;
	set.services = NULL;
	assert_int_equal(policy_class(&set, "sshd"), CLASS_BACKGROUND);
}

static void test_resolve(void **state)
{
	char long_[] = "long", short_[] = "short", other[] = "other", free_[] = "free";
	char *ben[] = {user_ben, NULL}, *anna[] = {user_anna, NULL};
	struct policy policies[] = {
		{.name = long_, .any_group = true, .lifetime = 12 * 3600 * NS_PER_SEC},
		{.name = short_, .any_group = true, .lifetime = 60 * NS_PER_SEC, .users = anna},
		{.name = other, .any_group = true, .lifetime = 60 * NS_PER_SEC},
		{.name = free_, .any_group = true, .users = ben, .exempt = true, .lifetime = 1},
	};
	struct policy_set set = {.policies = policies, .n_policies = 1};
	struct subject s = subject_of("anna", "");
	struct limits limits;

	(void)state;
	policy_resolve(&set, &s, &limits);
	assert_false(limits.exempt);
	assert_null(limits.exempt_policy);
	assert_int_equal(limits.lifetime, 12 * 3600 * NS_PER_SEC);
	assert_string_equal(limits.lifetime_policy, "long");

	/* the shortest wins, and of equals the first */
	set.n_policies = 4;
	policy_resolve(&set, &s, &limits);
	assert_int_equal(limits.lifetime, 60 * NS_PER_SEC);
	assert_string_equal(limits.lifetime_policy, "short");

	s.user = "carl";
	policy_resolve(&set, &s, &limits);
	assert_string_equal(limits.lifetime_policy, "other");

	/* whatever limits stand before it */
	s.user = "ben";
	policy_resolve(&set, &s, &limits);
	assert_true(limits.exempt);
	assert_string_equal(limits.exempt_policy, "free");
	assert_int_equal(limits.lifetime, 0);
	assert_null(limits.lifetime_policy);

	set.n_policies = 0;
	policy_resolve(&set, &s, &limits);
	assert_false(limits.exempt);
	assert_int_equal(limits.lifetime, 0);
	assert_null(limits.lifetime_policy);
}

/* It is chosen for itself: its policy need not be the one that sets the lifetime. */
static void test_resolve_max_lifetime(void **state)
{
	char long_[] = "long", short_[] = "short", other[] = "other";
	struct policy policies[] = {
		{.name = long_, .any_group = true, .lifetime = 10, .max_lifetime = 40},
		{.name = short_, .any_group = true, .lifetime = 20, .max_lifetime = 30},
		{.name = other, .any_group = true, .max_lifetime = 30},
	};
	struct policy_set set = {.policies = policies, .n_policies = N(policies)};
	struct subject s = subject_of("anna", "");
	struct limits limits;

	(void)state;
	policy_resolve(&set, &s, &limits);
	assert_int_equal(limits.lifetime, 10);
	assert_string_equal(limits.lifetime_policy, "long");
	assert_int_equal(limits.max_lifetime, 30);
	assert_string_equal(limits.max_lifetime_policy, "short");
	policies[2].exempt = true;
	policy_resolve(&set, &s, &limits);
	assert_int_equal(limits.max_lifetime, 0);
	assert_null(limits.max_lifetime_policy);
	set.n_policies = 0;
	policy_resolve(&set, &s, &limits);
	assert_int_equal(limits.max_lifetime, 0);
}

/* Of those that give one; none is not the shortest. */
static void test_resolve_grace(void **state)
{
	char long_[] = "long", short_[] = "short", other[] = "other";
	struct policy policies[] = {
		{.name = long_, .any_group = true, .grace = 40},
		{.name = short_, .any_group = true, .grace = 20, .lifetime = 5},
		{.name = other, .any_group = true},
	};
	struct policy_set set = {.policies = policies, .n_policies = N(policies)};
	struct subject s = subject_of("anna", "");
	struct limits limits;

	(void)state;
	policy_resolve(&set, &s, &limits);
	assert_int_equal(limits.grace, 20);
	assert_string_equal(limits.grace_policy, "short");
	policies[1].grace = 0;
	policy_resolve(&set, &s, &limits);
	assert_int_equal(limits.grace, 40);
	policies[2].exempt = true;
	policy_resolve(&set, &s, &limits);
	assert_int_equal(limits.grace, 0);
	assert_null(limits.grace_policy);
}

/* Of idle the least, of warn the most: told the earliest. */
static void test_resolve_idle(void **state)
{
	char long_[] = "long", short_[] = "short", other[] = "other";
	struct policy policies[] = {
		{.name = long_, .any_group = true, .idle = 40, .warn = 10},
		{.name = short_, .any_group = true, .idle = 20, .warn = 20},
		{.name = other, .any_group = true, .idle = 20, .warn = 20},
	};
	char gdm[] = "gdm";
	struct service desktop = {.name = gdm, .class = CLASS_LOGIN, .graphical = true};
	struct policy_set set = {.policies = policies, .n_policies = N(policies)};
	struct subject s = subject_of("anna", "");
	struct limits limits;

	(void)state;
	policy_resolve(&set, &s, &limits);
	assert_int_equal(limits.idle, 20);
	assert_string_equal(limits.idle_policy, "short");
	assert_int_equal(limits.warn, 20);
	assert_string_equal(limits.warn_policy, "short");
	policies[0].warn = 30;
	policy_resolve(&set, &s, &limits);
	assert_int_equal(limits.warn, 30);
	assert_string_equal(limits.warn_policy, "long");
	/* a desktop is never idle */
	set.services = &desktop;
	set.n_services = 1;
	s.service = "gdm";
	policy_resolve(&set, &s, &limits);
	assert_int_equal(limits.idle, 0);
	assert_null(limits.idle_policy);
	assert_int_equal(limits.warn, 30);
	s.service = "sshd";
	policies[2].exempt = true;
	policy_resolve(&set, &s, &limits);
	assert_int_equal(limits.idle, 0);
	assert_int_equal(limits.warn, 0);
	assert_null(limits.idle_policy);
	assert_null(limits.warn_policy);
}

static void test_fini(void **state)
{
	struct policy_set set = {.policies = NULL};

	(void)state;
	policy_set_fini(NULL);
	policy_set_fini(&set);
	/* half-built */
	set.policies = calloc(2, sizeof(*set.policies));
	assert_non_null(set.policies);
	set.n_policies = 2;
	set.policies[0].users = calloc(3, sizeof(char *));
	assert_non_null(set.policies[0].users);
	set.policies[0].users[0] = strdup("anna");
	policy_set_fini(&set);
	assert_null(set.policies);
	assert_int_equal(set.n_policies, 0);
	policy_set_fini(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_network_good),
		cmocka_unit_test(test_network_bad),
		cmocka_unit_test(test_network_contains),
		cmocka_unit_test(test_families),
		cmocka_unit_test(test_users_and_services),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_mismatches),
		cmocka_unit_test(test_class),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_resolve_max_lifetime),
		cmocka_unit_test(test_resolve_grace),
		cmocka_unit_test(test_resolve_idle),
		cmocka_unit_test(test_fini),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
