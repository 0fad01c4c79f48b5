/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/duration.h"
#include "common/text.h"
#include "common/wire.h"
#include "sessd/config.h"
#include "sessd/option.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* A group that no machine has. */
#define NO_GROUP "sessd-test-no-such-group"

/* The files of one test. */
struct fixture {
	char dir[64];
	char path[96];
	char error[CONFIG_ERROR_TEXT];
	char warnings[8192]; /* a line each */
	struct config config;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return -1;
	strcpy(f->dir, "/tmp/sessd-test-XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/sessd.conf", f->dir);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"sessd.conf", "a.conf", "b.conf", "fifo"};
	struct fixture *f = *state;
	char path[128];
	size_t i;

	for (i = 0; i < N(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
		unlink(path);
	}
	rmdir(f->dir);
	free(f);
	return 0;
}

static void put_bytes(const struct fixture *f, const char *name, const char *text, size_t len)
{
	char path[128];
	FILE *fp;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	fp = fopen(path, "we");
	assert_non_null(fp);
	assert_int_equal(fwrite(text, 1, len, fp), len);
	assert_int_equal(fclose(fp), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

static void put(const struct fixture *f, const char *name, const char *text)
{
	put_bytes(f, name, text, strlen(text));
}

static void on_warning(void *ctx, const char *line)
{
	struct fixture *f = ctx;

	strncat(f->warnings, line, sizeof(f->warnings) - strlen(f->warnings) - 2);
	strcat(f->warnings, "\n");
}

static int load(struct fixture *f)
{
	f->warnings[0] = '\0';
	f->error[0] = '\0';
	return config_load(f->path, on_warning, f, &f->config, f->error);
}

/* The error is in that line, of whatever column or of none that is told. */
static bool is_in_line(const struct fixture *f, int line)
{
	char place[128];
	const char *rest;

	snprintf(place, sizeof(place), "%s:%d:", f->path, line);
	if (strncmp(f->error, place, strlen(place)) != 0)
		return false;
	rest = f->error + strlen(place);
	rest += strspn(rest, "0123456789");
	return strncmp(rest, rest == f->error + strlen(place) ? " " : ": ", 1) == 0;
}

/* The text is refused with an error that begins with FILE:line: and holds `words`. */
static void refused(struct fixture *f, const char *text, int line, const char *words)
{
	put(f, "sessd.conf", text);
	memset(&f->config, 0x5a, sizeof(f->config));
	if (load(f) != -EINVAL)
		fail_msg("accepted: %s", text);
	if (!is_in_line(f, line) || strstr(f->error, words) == NULL)
		fail_msg("`%s`: expected line %d… %s`, got `%s`", text, line, words, f->error);
	/* it is shown, sent and logged as it is */
	assert_true(text_valid(f->error, strlen(f->error)));
	assert_int_equal(((unsigned char *)&f->config)[0], 0x5a);
}

static void accepted(struct fixture *f, const char *text)
{
	put(f, "sessd.conf", text);
	if (load(f) != 0)
		fail_msg("`%s`: %s", text, f->error);
}

static void test_whole(void **state)
{
	static const char text[] = "# one\n"
				   "/* two\n   lines */ admin_group = 4242\n"
				   "ledger_required = yes // here\n"
				   "retain = 400d\n"
				   "service \"sshd\" { class = background }\n"
				   "service x2go { class = 'login' }\n"
				   "policy \"all\" {\n"
				   "  users = {\"anna\", ben, # a comment\n 'c\\'arl',}\n"
				   "  users += \"d\\\"\\\\\"\n"
				   "  groups = {17, \"root\"}\n"
				   "  services = {\"x2go\"}\n"
				   "  from = {\"10.0.0.0/8\", 2001:db8::/32, 192.0.2.7}\n"
				   "  max_sessions = 010\n"
				   "  scope = host\n"
				   "  at_limit = evict_idlest\n"
				   "  lifetime = 1h30m leftovers = kill\n"
				   "}\n"
				   "policy free { exempt = true groups = {\"" NO_GROUP "\"} }\n"
				   "policy 'plain' { max_sessions = 1000000 }";
	struct fixture *f = *state;
	const struct policy *p;

	accepted(f, text);
	assert_int_equal(f->config.admin_gid, 4242);
	assert_true(f->config.ledger_required);
	assert_int_equal(f->config.retain, UINT64_C(400) * 86400 * NS_PER_SEC);
	assert_int_equal(f->config.policies.n_policies, 3);
	assert_int_equal(policy_class(&f->config.policies, "sshd"), CLASS_BACKGROUND);
	assert_int_equal(policy_class(&f->config.policies, "x2go"), CLASS_LOGIN);
	assert_int_equal(policy_class(&f->config.policies, "su"), CLASS_ELEVATION);

	p = &f->config.policies.policies[0];
	assert_string_equal(p->name, "all");
	assert_string_equal(p->users[0], "anna");
	assert_string_equal(p->users[1], "ben");
	assert_string_equal(p->users[2], "c'arl");
	assert_string_equal(p->users[3], "d\"\\");
	assert_null(p->users[4]);
	assert_false(p->any_group);
	assert_int_equal(p->n_gids, 2);
	assert_int_equal(p->gids[0], 17);
	assert_int_equal(p->gids[1], 0);
	assert_string_equal(p->services[0], "x2go");
	assert_null(p->services[1]);
	assert_int_equal(p->n_from, 3);
	assert_int_equal(p->from[0].bits, 104);
	assert_int_equal(p->from[1].bits, 32);
	assert_int_equal(p->from[2].bits, 128);
	assert_int_equal(p->max_sessions, 10);
	assert_int_equal(p->at_limit, AT_LIMIT_EVICT_IDLEST);
	assert_int_equal(p->lifetime, 5400 * NS_PER_SEC);
	assert_int_equal(p->leftovers, LEFTOVERS_KILL);
	assert_false(p->exempt);

	p = &f->config.policies.policies[1];
	assert_true(p->exempt);
	assert_false(p->any_group);
	assert_int_equal(p->n_gids, 0);
	assert_null(p->users);
	assert_null(p->services);
	assert_int_equal(p->n_from, 0);
	assert_int_equal(p->max_sessions, 0);
	assert_int_equal(p->lifetime, 0);
	assert_int_equal(p->at_limit, AT_LIMIT_DENY);
	assert_int_equal(p->leftovers, LEFTOVERS_KEEP);

	p = &f->config.policies.policies[2];
	assert_true(p->any_group);
	assert_int_equal(p->max_sessions, 1000000);

	/* with the line on which that policy ends, and no other warning */
	assert_non_null(strstr(f->warnings, ":20: policy \"free\": there is no group \"" NO_GROUP));
	assert_ptr_equal(strchr(f->warnings, '\n'), f->warnings + strlen(f->warnings) - 1);
	config_fini(&f->config);
}

static void test_defaults(void **state)
{
	struct fixture *f = *state;
	struct config config;

	accepted(f, "# nothing\n");
	assert_int_equal(config_default(&config), 0);
	assert_int_equal(f->config.policies.n_policies, 0);
	assert_int_equal(config.policies.n_policies, 0);
	assert_int_equal(f->config.admin_gid, config.admin_gid);
	assert_false(f->config.ledger_required);
	assert_int_equal(f->config.retain, 0);
	assert_false(config.ledger_required);
	assert_int_equal(f->config.policies.n_services, config.policies.n_services);
	assert_int_equal(policy_class(&config.policies, "sshd"), CLASS_LOGIN);
	assert_int_equal(policy_class(&config.policies, "sudo-i"), CLASS_ELEVATION);
	assert_int_equal(policy_class(&config.policies, "cron"), CLASS_BACKGROUND);
	assert_int_equal(policy_class(&config.policies, "systemd-user"), CLASS_IGNORED);
	assert_int_equal(policy_class(&config.policies, "vsftpd"), CLASS_BACKGROUND);
	config_fini(&f->config);
	config_fini(&config);
	config_fini(NULL);

	accepted(f, "admin_group = \"" NO_GROUP "\"");
	assert_int_equal(f->config.admin_gid, CONFIG_NO_GID);
	assert_non_null(strstr(f->warnings, NO_GROUP));
	config_fini(&f->config);
}

/* What is wrong is said with its line and what was expected. */
static void test_values(void **state)
{
	static const struct {
		const char *setting, *words;
	} rows[] = {
		{"max_sessions = 0", "leave it out for no cap"},
		{"max_sessions = -1", "a number from 1 to 1000000"},
		{"max_sessions = 1000001", "out of range"},
		{"max_sessions = 18446744073709551617", "out of range"},
		{"max_sessions = 0x10", "no whole number"},
		{"max_sessions = 1e3", "no whole number"},
		{"max_sessions = \"\"", "no whole number"},
		{"max_sessions = many",
			"`max_sessions = many`: no whole number; expected a number"},
		{"lifetime = 0", "leave it out for no limit"},
		{"lifetime = 0s", "no time at all"},
		{"lifetime = 12", "such as 12h"},
		{"lifetime = 12H", "no time"},
		{"lifetime = -12h", "no time"},
		{"lifetime = 4000d", "no time"},
		{"lifetime = never", "no time"},
		{"max_lifetime = 0s", "no time at all"},
		{"max_lifetime = 12", "such as 24h"},
		{"max_lifetime = 1h lifetime = 61m",
			"`max_lifetime = 1h` of policy \"p\" is shorter than its `lifetime = 61m`; "
			"expected at least that"},
		{"exempt = maybe", "expected true or false"},
		{"exempt = 1", "expected true or false"},
		{"at_limit = evict", "expected deny, evict_oldest or evict_idlest"},
		{"at_limit = \"\"", "expected deny, evict_oldest or evict_idlest"},
		{"scope = moon", "expected host or fleet"},
		{"from = {\"10.0.0.0/8\", \"10.0.0.1/8\"}",
			"`from = 10.0.0.1/8`: the address has bits"},
		{"from = {\"2001:db8::1/32\"}", "the address has bits beyond the prefix"},
		{"from = {\"10.0.0.0/33\"}", "the length of the prefix is wrong"},
		{"from = {\"2001:db8::/x\"}", "the length of the prefix is wrong"},
		{"from = {\"host.example\"}", "neither an address nor a network"},
		{"from = {\"\"}", "neither an address nor a network"},
		{"users = {\"\"}", "it is empty"},
		{"users = {}", "`users` of policy \"p\" is empty; leave it out to mean all"},
		{"groups = {}", "`groups` of policy \"p\" is empty"},
		{"services = {}", "`services` of policy \"p\" is empty"},
		{"from = {}", "`from` of policy \"p\" is empty"},
		{"users = {anna} users = {ben}", "`users` is given a second time"},
		{"users = {anna} users = {}", "`users` of policy \"p\" is empty"},
		{"max_sessions = 2 max_sessions = 3", "`max_sessions` is given a second time"},
		{"max_sessions += 2", "max_sessions"},
		{"max_sessions = {2}", "unexpected token '{'"},
		{"max_sessions 2", "missing equal sign"},
		{"users = {anna ben}", "unexpected token 'ben'"},
		{"idle = 0", "no time at all"},
		{"idle = 30", "such as 15m"},
		{"warn = soon", "leave it out for no warning"},
		{"idle = 5m warn = 300s",
			"`warn = 300s` of policy \"p\" is no shorter than its `idle = 5m`"},
		{"warn = 2h lifetime = 1h idle = 3h",
			"`warn = 2h` of policy \"p\" is no shorter than its `lifetime = 1h`"},
		{"grace = 0s", "no time at all"},
		{"grace = 61m", "`grace = 61m`: too long; expected such as 10s"},
		{"grace = soon", "no time"},
		{"reauth = 0", "no time at all"},
		{"reauth = often", "`reauth = often`: no time; expected such as 15m"},
		{"leftovers = end",
			"`leftovers = end`: neither keep nor kill; expected keep or kill"},
		{"max_session = 2",
			"no such option 'max_session'; expected users, groups, services, from, "
			"max_sessions, scope, at_limit, lifetime, max_lifetime, idle, warn, grace, "
			"leftovers, exempt, reauth"},
		{"Exempt = true", "no such option 'Exempt'"},
		{"admin_group = x", "no such option"},
		{"policy \"q\" { }", "no such option 'policy'"},
	};
	struct fixture *f = *state;
	char text[512];
	size_t i;

	for (i = 0; i < N(rows); i++) {
		snprintf(text, sizeof(text), "/*\n*/ # x\npolicy \"p\" {\n%s }\n", rows[i].setting);
		refused(f, text, 4, rows[i].words);
	}
}

/* Each policy with a cap over the fleet counts; the others do not. */
static void test_fleet_caps(void **state)
{
	struct fixture *f = *state;
	char text[4096], *at = text;
	unsigned i;

	for (i = 0; i < WIRE_FLEET_CAPS_MAX; i++)
		at += sprintf(at, "policy \"p%u\" { max_sessions = 1 scope = fleet }\n", i);
	at += sprintf(at, "policy \"q\" { max_sessions = 1 }\npolicy \"r\" { scope = fleet }\n");
	accepted(f, text);
	config_fini(&f->config);
	sprintf(at, "policy \"s\" { max_sessions = 1 scope = fleet }\n");
	refused(f, text, WIRE_FLEET_CAPS_MAX + 3,
		"policy \"s\" is one too many with a cap over the fleet; expected at most 16");
}

static void test_top(void **state)
{
	static const struct {
		const char *text;
		int line;
		const char *words;
	} rows[] = {
		{"\nretained = 400d", 2,
			"expected admin_group, ledger_required, retain, token, orphans, mirror, "
			"journal, auditd, fleet_unreachable, service, policy or include()"},
		{"retain = 400", 1, "no time"},
		{"retain = 400m", 1, "too short"},
		{"retain = 23h", 1, "at least 1d"},
		{"fleet { }", 1, "no such option 'fleet'"},
		{"fleet_unreachable = maybe", 1, "expected local or deny"},
		{"max_sessions = 2", 1, "no such option"},
		{"\"\" = 2", 1, "syntax"},
		{"ledger_required = sometimes", 1, "expected true or false"},
		{"admin_group = \"\"", 1, "it is empty"},
		{"admin_group = a\nadmin_group = b", 2, "given a second time"},
		{"policy \"p\" { }\npolicy \"p\" { }", 2, "duplicate title 'p'"},
		{"service \"s\" { class = login }\nservice \"s\" { class = login }", 2,
			"duplicate title 's'"},
		{"policy \"\" { }", 1, "a policy has an empty name"},
		{"policy { }", 1, "missing title"},
		{"policy \"p\" \"q\" { }", 1, "missing opening brace"},
		{"service \"s\" {\n}", 2, "has no class; expected `class = login | elevation"},
		{"service \"s\" { class = guest }", 1,
			"expected login, elevation, background or ignored"},
		{"service \"s\" { class = none }", 1, "no such class"},
		{"service \"s\" { users = x }", 1, "expected class"},
		{"policy", 1, "premature end of file"},
		{"admin_group =", 1, "premature end of file"},
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < N(rows); i++)
		refused(f, rows[i].text, rows[i].line, rows[i].words);
}

/* What libconfuse alone would pass over in silence. */
static void test_text(void **state)
{
	static const struct {
		const char *text;
		int line;
		const char *words;
	} rows[] = {
		{"policy p {\n max_sessions = 2\n", 1, "this `{` has no `}`"},
		{"\npolicy p { users = {a\n }\n\n", 2, "this `{` has no `}`"},
		{"policy p {\npolicy q {\nusers = {a} } ", 3,
			"those of lines 1 and 2 are still open"},
		{"}", 1, "unexpected `}`"},
		{"policy p { } }", 1, "unexpected `}`"},
		{"\n/* a\nb", 2, "comment that begins here has no end"},
		{"/*/", 1, "comment that begins here has no end"},
		{"\n\"a\nb\" = 2", 2, "no closing quote"},
		{"\n'a", 2, "no closing quote"},
		{"a = \"\\n\"", 1, "unexpected `\\`"},
		{"a = \"\\000\"", 1, "unexpected `\\`"},
		{"a = \"b\\", 1, "unexpected `\\`"},
		{"a = \"${HOME}\"", 1, "environment"},
		{"a = ${HOME}", 1, "unexpected `$`"},
		{"policy|max_sessions = 2", 1, "unexpected `|`"},
		{"\"policy=p|max_sessions\" = 2", 1, "unexpected `|`"},
		{"a = +5", 1, "unexpected `+`"},
		{"a = 5;", 1, "unexpected `;`"},
		{"a = 10.0.0.0/*", 1, "unexpected `*`"},
		{"a = b\r\n", 1, "unexpected character \\x0d"},
		{"a = \303\244", 1, "unexpected character \\xc3"},
		{"a = \"\033[2J\"", 1, "control characters"},
		{"a = \"\377\"", 1, "not UTF-8"},
		{"a = \"\342\200\256\"", 1, "control characters"},
		{"include(\"a\" \"b\")", 1, "include() takes one file name"},
		{"include(\"a\", \"b\")", 1, "include() takes one file name"},
		{"include()", 1, "include() takes one file name"},
		{"include((\"a\"))", 1, "include() takes one file name"},
		{"include(\"a\"", 1, "`(` without `)`"},
		{"include(", 1, "`(` without `)`"},
		{"include \"a\"", 1, "missing parenthesis"},
		{"(\"a\")", 1, "unexpected token '('"},
		{"include(\"\")", 1, "include() takes one file name"},
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < N(rows); i++)
		refused(f, rows[i].text, rows[i].line, rows[i].words);

	put_bytes(f, "sessd.conf", "a = \"b\0\"", 8);
	assert_int_equal(load(f), -EINVAL);
	assert_non_null(strstr(f->error, "NUL"));
	put_bytes(f, "sessd.conf", "policy p {}\0}", 13);
	assert_int_equal(load(f), -EINVAL);
	assert_non_null(strstr(f->error, "\\x00"));
}

/* A comment hides everything, and keeps the lines. */
static void test_idle(void **state)
{
	const struct subject console = {.user = "anna", .service = "login", .rhost = ""},
			     desktop = {.user = "anna", .service = "gdm-password", .rhost = ""};
	struct fixture *f = *state;
	struct limits limits;

	accepted(f, "policy \"a\" { idle = 15m warn = 5m }\npolicy \"b\" { warn = 1h }\n"
		    "service \"gdm-password\" { class = login }");
	assert_int_equal(f->config.policies.policies[0].idle, 900 * NS_PER_SEC);
	assert_int_equal(f->config.policies.policies[0].warn, 300 * NS_PER_SEC);
	assert_int_equal(f->config.policies.policies[1].idle, 0);
	assert_int_equal(f->config.policies.policies[1].warn, 3600 * NS_PER_SEC);
	/* built in, and what the file says of its class changes nothing in that */
	policy_resolve(&f->config.policies, &console, &limits);
	assert_int_equal(limits.idle, 900 * NS_PER_SEC);
	policy_resolve(&f->config.policies, &desktop, &limits);
	assert_int_equal(limits.idle, 0);
	config_fini(&f->config);
}

/* As long as the lifetime is long enough; and what another policy says is another matter. */
static void test_max_lifetime(void **state)
{
	struct fixture *f = *state;

	accepted(f, "policy \"a\" { lifetime = 60m max_lifetime = 1h }\n"
		    "policy \"b\" { max_lifetime = 5m grace = 1h }");
	assert_int_equal(f->config.policies.policies[0].lifetime, 3600 * NS_PER_SEC);
	assert_int_equal(f->config.policies.policies[0].max_lifetime, 3600 * NS_PER_SEC);
	assert_int_equal(f->config.policies.policies[1].lifetime, 0);
	assert_int_equal(f->config.policies.policies[1].max_lifetime, 300 * NS_PER_SEC);
	assert_int_equal(f->config.policies.policies[0].grace, 0);
	assert_int_equal(f->config.policies.policies[1].grace, 3600 * NS_PER_SEC);
	config_fini(&f->config);
}

/* Where the mistake can be pointed at, and nowhere else. */
static void test_columns(void **state)
{
	static const struct {
		const char *text, *place;
	} rows[] = {
		{"policy \"p\" {\n\tmax_sessions = 0 }", ":2:17: "},
		{"policy \"p\" { users = {\"anna\"} max_sessions = many }", ":1:46: "},
		{"policy \"p\" { nope = 3 }", ":1:14: "},
		{"policy \"p\" { /* nope */ nope = 3 }", ":1:25: "},
		{"policy \"p\" { reauth = soon }", ":1:23: "},
		{"policy \"p\" { from = {\"10.0.0.0/8\",\n \"10.0.0.1/8\"} }", ":2:3: "},
		/* it stands there twice */
		{"policy \"x\" { max_sessions = x }", ":1: "},
		/* what the scan finds */
		{"admin_group = \"x", ":1:15: "},
		{"\n  policy \"p\" {\n users = {\"x\"}", ":2:14: "},
		{"a = 1\n  }", ":2:3: "},
		{"a = 1 /* no end", ":1:7: "},
		{"a = 1\nb = ;", ":2:5: "},
	};
	struct fixture *f = *state;
	char place[192];
	size_t i;

	for (i = 0; i < N(rows); i++) {
		put(f, "sessd.conf", rows[i].text);
		assert_int_equal(load(f), -EINVAL);
		snprintf(place, sizeof(place), "%s%s", f->path, rows[i].place);
		if (strncmp(f->error, place, strlen(place)) != 0)
			fail_msg("`%s`: expected %s, got `%s`", rows[i].text, place, f->error);
	}
}

static void test_comments(void **state)
{
	struct fixture *f = *state;

	accepted(f,
		"#\n##### } \"\n//x{\n// ' \377\n/**/ /* \" \n # } */ policy /* p */ \"a\" # {\n"
		"{ users = {//x }\n /* x */ \"b#c\", \"/*\" } }#");
	assert_int_equal(f->config.policies.n_policies, 1);
	assert_string_equal(f->config.policies.policies[0].users[0], "b#c");
	assert_string_equal(f->config.policies.policies[0].users[1], "/*");
	config_fini(&f->config);
	refused(f, "#\n/*\n*/ /* */\n# xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\nnope = 1", 5,
		"no such option");
}

/* After any failure, in whatever state of the lexer, a good file reads as ever. */
static void test_again(void **state)
{
	static const char *const bad[] = {"policy p { users = {a", "\"a",
		"policy p { users = {a,,} }", "policy p { max_sessions = 0 }",
		"include(\"a.conf\")", "include(\"gone.conf\")", "policy p {} policy p {}", "= 3",
		"policy p"};
	struct fixture *f = *state;
	size_t i;

	put(f, "a.conf", "policy \"a\" {\n users = {\"x\", = }\n}");
	for (i = 0; i < N(bad); i++) {
		put(f, "sessd.conf", bad[i]);
		assert_int_equal(load(f), -EINVAL);
		accepted(f, "policy \"p\" { users = {\"anna\"} max_sessions = 3 }");
		assert_int_equal(f->config.policies.n_policies, 1);
		assert_int_equal(f->config.policies.policies[0].max_sessions, 3);
		config_fini(&f->config);
	}
}

static void test_include(void **state)
{
	struct fixture *f = *state;
	char place[256];

	put(f, "a.conf", "# a\npolicy \"a\" { max_sessions = 1 }\ninclude(\"b.conf\")\n");
	put(f, "b.conf", "policy \"b\" { lifetime = 2h }");
	accepted(f, "policy \"c\" { max_sessions = 3 }\ninclude(\"a.conf\")\n"
		    "policy \"d\" { max_sessions = 4 }");
	assert_int_equal(f->config.policies.n_policies, 4);
	assert_string_equal(f->config.policies.policies[0].name, "c");
	assert_string_equal(f->config.policies.policies[1].name, "a");
	assert_string_equal(f->config.policies.policies[2].name, "b");
	assert_string_equal(f->config.policies.policies[3].name, "d");
	config_fini(&f->config);

	/* the mistake is in the included file, and the line of the outer one is still known */
	put(f, "b.conf", "policy \"b\" {\n lifetime = 2 }");
	assert_int_equal(load(f), -EINVAL);
	snprintf(place, sizeof(place), "%s/b.conf:2:13: `lifetime = 2`", f->dir);
	assert_int_equal(strncmp(f->error, place, strlen(place)), 0);
	put(f, "b.conf", "#");
	refused(f, "include(\"a.conf\")\n\nnope = 1", 3, "no such option 'nope'");
	put(f, "sessd.conf", "include(\"a.conf\")\ninclude(\"a.conf\")");
	assert_int_equal(load(f), -EINVAL);
	assert_non_null(strstr(f->error, "a.conf:2: found duplicate title 'a'"));
}

static void test_include_bounds(void **state)
{
	struct fixture *f = *state;
	char text[4096] = "", place[256];
	int i;

	refused(f, "\ninclude(\"gone.conf\")", 2, "gone.conf: No such file or directory");
	refused(f, "include(\"sessd.conf\")", 1, "8 within each other");
	put(f, "b.conf", " ");
	for (i = 0; i < 64; i++)
		strcat(text, "include(\"b.conf\")\n");
	refused(f, text, 64, "at most 64 files");
	/* each is whole in itself */
	put(f, "b.conf", "max_sessions = 2 }");
	put(f, "sessd.conf", "policy \"p\" { include(\"b.conf\") }");
	assert_int_equal(load(f), -EINVAL);
	assert_non_null(strstr(f->error, "no such option 'include'"));
	put(f, "sessd.conf", "include(\"b.conf\")");
	assert_int_equal(load(f), -EINVAL);
	snprintf(place, sizeof(place), "%s/b.conf:1:18: unexpected `}`", f->dir);
	assert_int_equal(strncmp(f->error, place, strlen(place)), 0);
	/* and judged as the first is */
	put(f, "b.conf", "#");
	snprintf(place, sizeof(place), "%s/b.conf", f->dir);
	assert_int_equal(chmod(place, 0620), 0);
	refused(f, "include(\"b.conf\")", 1, "use chmod go-w");
}

/* A list of `n` names, or `n` sections. Freed by the caller. */
static char *many(const char *head, const char *format, int n, const char *tail)
{
	size_t used, size = (size_t)n * 64 + 256;
	char *text = malloc(size);
	int i;

	assert_non_null(text);
	used = (size_t)snprintf(text, size, "%s", head);
	for (i = 0; i < n; i++) {
		/* the formats are this file's own */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		used += (size_t)snprintf(text + used, size - used, format, i);
#pragma GCC diagnostic pop
	}
	snprintf(text + used, size - used, "%s", tail);
	return text;
}

static void test_bounds(void **state)
{
	struct fixture *f = *state;
	char *text;

	text = many("", "policy \"p%d\" { max_sessions = 1 }\n", 256, "");
	accepted(f, text);
	assert_int_equal(f->config.policies.n_policies, 256);
	config_fini(&f->config);
	free(text);
	text = many("", "policy \"p%d\" { max_sessions = 1 }\n", 257, "");
	refused(f, text, 257, "at most 256 of `policy`");
	free(text);

	text = many("policy p { max_sessions = 1 users = {", "\"u%d\",", 1024, "} }");
	accepted(f, text);
	assert_string_equal(f->config.policies.policies[0].users[1023], "u1023");
	config_fini(&f->config);
	free(text);
	text = many("policy p { users = {", "\"u%d\",", 1025, "} }");
	refused(f, text, 1, "at most 1024 entries");
	free(text);
}

static void test_long_names(void **state)
{
	struct fixture *f = *state;
	char name[257], text[512];

	memset(name, 'x', sizeof(name) - 1);
	name[256] = '\0';
	snprintf(text, sizeof(text), "policy \"%s\" { max_sessions = 1 }", name);
	refused(f, text, 1, "longer than 255 bytes");
	snprintf(text, sizeof(text), "%s = 1", name);
	refused(f, text, 1, "longer than 255 bytes");
	snprintf(text, sizeof(text), "policy \"p\" { lifetime = %s", name);
	refused(f, text, 1, "longer than 255 bytes");
	name[255] = '\0';
	snprintf(text, sizeof(text), "policy \"%s\" { max_sessions = 1 }", name);
	accepted(f, text);
	assert_string_equal(f->config.policies.policies[0].name, name);
	config_fini(&f->config);
}

static void test_size(void **state)
{
	const size_t max = 1024 * 1024;
	struct fixture *f = *state;
	char *text = malloc(max + 1);

	assert_non_null(text);
	memset(text, ' ', max + 1);
	put_bytes(f, "sessd.conf", text, max);
	assert_int_equal(load(f), 0);
	config_fini(&f->config);
	put_bytes(f, "sessd.conf", text, max + 1);
	assert_int_equal(load(f), -EFBIG);
	assert_non_null(strstr(f->error, "at most 1048576 bytes"));
	/* together */
	put_bytes(f, "a.conf", text, max - 8);
	refused(f, "include(\"a.conf\")", 1, "it is too large");
	free(text);
}

static void test_file(void **state)
{
	struct fixture *f = *state;
	char path[128];

	assert_int_equal(load(f), -ENOENT);
	assert_int_equal(strncmp(f->error, f->path, strlen(f->path)), 0);
	assert_non_null(strstr(f->error, "No such file"));
	put(f, "sessd.conf", "");
	assert_int_equal(load(f), -ENOENT);
	assert_non_null(strstr(f->error, "it is empty"));

	put(f, "sessd.conf", "#");
	assert_int_equal(chmod(f->path, 0664), 0);
	assert_int_equal(load(f), -EPERM);
	assert_non_null(strstr(f->error, "(mode 0664); use chmod go-w"));
	assert_int_equal(chmod(f->path, 0602), 0);
	assert_int_equal(load(f), -EPERM);
	assert_int_equal(chmod(f->path, 0444), 0);
	assert_int_equal(load(f), 0);
	config_fini(&f->config);

	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_int_equal(load(f), -EINVAL);
	assert_non_null(strstr(f->error, "it is no regular file"));
	assert_int_equal(unlink(f->path), 0);
	snprintf(path, sizeof(path), "%s/a.conf", f->dir);
	put(f, "a.conf", "#");
	assert_int_equal(symlink(path, f->path), 0);
	assert_int_equal(load(f), 0);
	config_fini(&f->config);
}

/* Somebody else's file; only root can make one. */
static void test_owner(void **state)
{
	struct fixture *f = *state;

	if (geteuid() != 0)
		skip();
	put(f, "sessd.conf", "#");
	assert_int_equal(chown(f->path, 12345, 0), 0);
	assert_int_equal(load(f), -EPERM);
	assert_non_null(strstr(f->error, "it belongs to uid 12345"));
	assert_int_equal(chown(f->path, 0, 12345), 0);
	assert_int_equal(load(f), 0);
	config_fini(&f->config);
}

static void test_doubts(void **state)
{
	static const struct {
		const char *body, *words;
	} rows[] = {
		{"", "it limits nothing"},
		{"users = {a}", "it limits nothing"},
		{"exempt = true", "it exempts everybody from every limit"},
		{"exempt = true users = {a} lifetime = 1h", "its limits mean nothing"},
		{"lifetime = 1h at_limit = evict_oldest",
			"at_limit means nothing without max_sessions"},
		{"max_sessions = 1 services = {cron}", "service \"cron\" is background"},
		{"max_sessions = 1 services = {sudo}", "service \"sudo\" is elevation"},
		{"max_sessions = 1 services = {nobody-knows}", "\"nobody-knows\" is background"},
		{"max_sessions = 1 groups = {" NO_GROUP "}",
			"there is no group \"" NO_GROUP "\" here"},
		{"max_sessions = 1 groups = {4294967295}", "there is no group \"4294967295\" here"},
	};
	static const char *const fine[] = {"max_sessions = 1", "lifetime = 1h", "idle = 5m",
		"warn = 5m", "warn = 1m idle = 61s lifetime = 2m", "users = {a} exempt = on",
		"max_sessions = 1 services = {sshd, ours}",
		"max_sessions = 1 groups = {0, 4294967294}"};
	struct fixture *f = *state;
	char text[512];
	size_t i;

	for (i = 0; i < N(rows); i++) {
		snprintf(text, sizeof(text), "policy \"p\" { %s }", rows[i].body);
		accepted(f, text);
		config_fini(&f->config);
		if (strstr(f->warnings, rows[i].words) == NULL)
			fail_msg("`%s`: no `%s` in `%s`", rows[i].body, rows[i].words, f->warnings);
	}
	for (i = 0; i < N(fine); i++) {
		snprintf(text, sizeof(text), "service ours { class = login } policy \"p\" { %s }",
			fine[i]);
		accepted(f, text);
		config_fini(&f->config);
		assert_string_equal(f->warnings, "");
	}
	put(f, "sessd.conf", "policy p { groups = {" NO_GROUP "} }");
	assert_int_equal(config_load(f->path, NULL, NULL, &f->config, f->error), 0);
	config_fini(&f->config);
}

/* A file of the source tree, in which the tests run. NUL-terminated; the caller's to free. */
static char *slurp(const char *path)
{
	char *text = calloc(1, 65536);
	FILE *fp = fopen(path, "re");

	assert_non_null(text);
	if (fp == NULL)
		fail_msg("%s: %s (tests run in the top folder)", path, strerror(errno));
	assert_in_range(fread(text, 1, 65535, fp), 1, 65534);
	fclose(fp);
	return text;
}

static void test_sample(void **state)
{
	struct fixture *f = *state;
	char *text = slurp("etc/sessd.conf"), *p;
	size_t i;

	accepted(f, text);
	for (i = 0; i < f->config.policies.n_policies; i++) {
		assert_true(f->config.policies.policies[i].exempt);
		assert_int_equal(f->config.policies.policies[i].max_sessions, 0);
		assert_int_equal(f->config.policies.policies[i].lifetime, 0);
	}
	assert_string_equal(f->config.policies.policies[0].name, "breakglass");
	config_fini(&f->config);

	/* what is commented out must be right as well; prose has a space behind its `#` */
	for (p = text; (p = strstr(p, "\n#")) != NULL; p++)
		if (p[2] != ' ' && p[2] != '\n' && strncmp(p + 2, "include", 7) != 0)
			p[1] = ' ';
	accepted(f, text);
	assert_int_equal(f->config.policies.n_policies, 4);
	assert_int_equal(policy_class(&f->config.policies, "x2go"), CLASS_LOGIN);
	config_fini(&f->config);
	free(text);
}

/* The text of the item that begins with `head`, up to the next one, on one line. */
static bool item_of(const char *page, const char *head, char *out, size_t size)
{
	const char *from = strstr(page, head), *end, *end2;
	size_t len, i;

	if (from == NULL)
		return false;
	from += strlen(head);
	end = strstr(from, "\n.It ");
	end2 = strstr(from, "\n.El");
	if (end == NULL || (end2 != NULL && end2 < end))
		end = end2;
	assert_non_null(end);
	len = (size_t)(end - from) < size - 1 ? (size_t)(end - from) : size - 1;
	for (i = 0; i < len; i++)
		out[i] = from[i] == '\n' ? ' ' : from[i];
	out[len] = '\0';
	return true;
}

static void test_page(void **state)
{
	char *page = slurp("sessd/sessd.conf.5"), head[256], words[512], item[4096];
	size_t i, rows = 0, items = 0;
	const char *p;

	(void)state;
	for (i = 0; i < n_options; i++) {
		rows++;
		snprintf(head, sizeof(head), "\n.It Cm %s = Ar %s\n", options[i].name,
			options[i].type);
		if (!item_of(page, head, item, sizeof(item)))
			fail_msg("sessd.conf.5 lacks `%s`", head);
		if (strncmp(item, options[i].help, strlen(options[i].help)) != 0)
			fail_msg("%s: `%s` does not begin with `%s`", options[i].name, item,
				options[i].help);
		snprintf(words, sizeof(words), "Default: %s.",
			options[i].fallback != NULL ? options[i].fallback : "none");
		if (strstr(item, words) == NULL)
			fail_msg("%s: `%s` lacks `%s`", options[i].name, item, words);
	}
	for (p = page; (p = strstr(p, "\n.It Cm ")) != NULL; p++)
		items += memchr(p + 1, '=', strcspn(p + 1, "\n")) != NULL;
	assert_int_equal(items, rows);
	free(page);
}

/* The built-in services, class by class, as the page lists them and nothing more. */
static void test_page_services(void **state)
{
	char *page = slurp("sessd/sessd.conf.5"), head[64], item[4096], *name, *end;
	struct config config;
	size_t listed = 0;
	int c;

	(void)state;
	assert_int_equal(config_default(&config), 0);
	for (c = CLASS_IGNORED; c <= CLASS_LOGIN; c++) {
		snprintf(head, sizeof(head), "\n.It Cm %s\n", class_name((enum session_class)c));
		assert_true(item_of(page, head, item, sizeof(item)));
		name = strstr(item, "Built in:");
		assert_non_null(name);
		for (name += strlen("Built in:"); *name == ' '; name = end) {
			name++;
			end = name + strcspn(name, " ,;.");
			listed++;
			assert_true(*end != '\0');
			if (*end != ',') {
				*end = '\0';
				assert_int_equal(policy_class(&config.policies, name), c);
				break;
			}
			*end++ = '\0';
			if (policy_class(&config.policies, name) != (enum session_class)c)
				fail_msg("%s is not %s", name, class_name((enum session_class)c));
		}
	}
	assert_int_equal(listed, config.policies.n_services);
	config_fini(&config);
	free(page);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_whole),
		TEST(test_defaults),
		TEST(test_values),
		TEST(test_top),
		TEST(test_fleet_caps),
		TEST(test_text),
		TEST(test_max_lifetime),
		TEST(test_idle),
		TEST(test_columns),
		TEST(test_comments),
		TEST(test_again),
		TEST(test_include),
		TEST(test_include_bounds),
		TEST(test_bounds),
		TEST(test_long_names),
		TEST(test_size),
		TEST(test_file),
		TEST(test_owner),
		TEST(test_doubts),
		TEST(test_sample),
		TEST(test_page),
		TEST(test_page_services),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
