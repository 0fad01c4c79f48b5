/*
 * The ways through a stack, beside libpam itself: random stacks of pam_debug.so, which returns what
 * it is told, with pam_echo.so in the place of pam_sess.so, because it says when it is called. What
 * libpam does is what the walk must say. And any text as a PAM file: nothing breaks.
 */
#include <errno.h>
#include <fcntl.h>
#include <security/pam_appl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sessctl/walk.h"

#define FILES 3 /* of a stack: the service, and two that it may include */

/*
 * The files of one service, in a tree of their own, or in this machine's, where they are named by
 * their whole paths: Debian's libpam includes no others but those in /etc/pam.d.
 */
struct fixture {
	char dir[32];
	char prefix[64]; /* of the files' names */
	struct tree tree;
	struct modules modules;
	struct findings findings;
	struct stacks stacks;
	unsigned seed;
};

static unsigned roll(struct fixture *f, unsigned sides)
{
	return (unsigned)rand_r(&f->seed) % sides;
}

static FILE *file_open(const struct fixture *f, int n)
{
	char path[96];
	FILE *out;

	snprintf(path, sizeof(path), "%s/etc/pam.d/%c", f->dir, "sab"[n]);
	out = fopen(path, "we");
	assert_non_null(out);
	return out;
}

static void folder_make(const struct fixture *f, const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static struct fixture *fixture_new(bool own_tree)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int i;

	assert_non_null(f);
	strcpy(f->dir, "/tmp/test_walk.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	folder_make(f, "etc");
	folder_make(f, "etc/pam.d");
	for (i = 0; i < FILES; i++)
		fclose(file_open(f, i));
	if (!own_tree)
		snprintf(f->prefix, sizeof(f->prefix), "%s/etc/pam.d/", f->dir);
	assert_int_equal(tree_open(&f->tree, own_tree ? f->dir : NULL), 0);
	modules_init(&f->modules, &f->tree);
	return f;
}

static int set_up(void **state)
{
	*state = fixture_new(true);
	return 0;
}

static int set_up_here(void **state)
{
	*state = fixture_new(false);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[64];

	tree_close(&f->tree);
	snprintf(command, sizeof(command), "rm -r %s", f->dir);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void read_stacks(struct fixture *f)
{
	char service[80];

	snprintf(service, sizeof(service), "%ss", f->prefix);
	assert_int_equal(stacks_read(&f->stacks, &f->modules, service, &f->findings), 0);
}

static void forget(struct fixture *f)
{
	stacks_fini(&f->stacks);
	findings_fini(&f->findings);
}

/* ---- random stacks ---- */

static const struct {
	const char *name;
	int value;
} returns[] = {
	{"success", PAM_SUCCESS},
	{"success", PAM_SUCCESS},
	{"success", PAM_SUCCESS},
	{"success", PAM_SUCCESS},
	{"ignore", PAM_IGNORE},
	{"new_authtok_reqd", PAM_NEW_AUTHTOK_REQD},
	{"acct_expired", PAM_ACCT_EXPIRED},
	{"auth_err", PAM_AUTH_ERR},
};

#define N_RETURNS (sizeof(returns) / sizeof(returns[0]))

static void write_control(struct fixture *f, FILE *out)
{
	static const char *const words[] = {"required", "requisite", "sufficient", "optional"};
	static const char *const actions[] = {
		"ignore", "ok", "done", "bad", "die", "reset", "1", "2", "3"};
	size_t i;

	if (roll(f, 2) == 0) {
		fputs(words[roll(f, 4)], out);
		return;
	}
	fputc('[', out);
	for (i = 3; i < N_RETURNS; i++)
		if (roll(f, 2) == 0)
			fprintf(out, "%s=%s ", returns[i].name, actions[roll(f, 9)]);
	fprintf(out, "default=%s]", actions[roll(f, 9)]);
}

/* Lines of file n; a file includes only those behind it. */
static void write_file(struct fixture *f, int n, unsigned ours)
{
	static const char *const includes[] = {"account include", "account substack", "@include"};
	unsigned lines = 1 + roll(f, 5), i;
	FILE *out = file_open(f, n);

	for (i = 0; i < lines; i++) {
		if (n + 1 < FILES && roll(f, 4) == 0) {
			fprintf(out, "%s %s%c\n", includes[roll(f, 3)], f->prefix, "sab"[n + 1]);
			continue;
		}
		fputs("account ", out);
		write_control(f, out);
		if (roll(f, ours) == 0)
			fputs(" pam_echo.so called\n", out);
		else
			fprintf(out, " pam_debug.so acct=%s\n", returns[roll(f, N_RETURNS)].name);
	}
	fclose(out);
}

static void write_files(struct fixture *f)
{
	int n;

	for (n = 0; n < FILES; n++)
		write_file(f, n, 5);
}

/* ---- libpam ---- */

static int note_call(int n, const struct pam_message **msg, struct pam_response **resp, void *arg)
{
	bool *called = arg;
	int i;

	*resp = calloc((size_t)n, sizeof(**resp));
	for (i = 0; i < n; i++)
		*called |= strncmp(msg[i]->msg, "called", 6) == 0;
	return *resp != NULL ? PAM_SUCCESS : PAM_CONV_ERR;
}

/* What libpam makes of the account stack, and whether pam_echo.so was called. */
static int ask_libpam(const struct fixture *f, bool *ret_called)
{
	const struct pam_conv conv = {.conv = note_call, .appdata_ptr = ret_called};
	pam_handle_t *pamh;
	char confdir[64];
	int r;

	*ret_called = false;
	snprintf(confdir, sizeof(confdir), "%s/etc/pam.d", f->dir);
	assert_int_equal(pam_start_confdir("s", "root", &conv, confdir, &pamh), PAM_SUCCESS);
	r = pam_acct_mgmt(pamh, 0);
	pam_end(pamh, r);
	return r;
}

/* ---- the walk ---- */

/* What pam_debug.so returns, and that pam_echo.so is ours. */
static void tell_returns(struct stack *stack)
{
	struct stack_item *item;
	size_t i, k;

	for (i = 0; i < stack->n; i++) {
		item = &stack->items[i];
		item->is_ours = module_is(item->module, "pam_echo");
		if (item->is_ours)
			item->returns = UINT32_C(1) << PAM_SUCCESS;
		for (k = 0; item->args != NULL && k < N_RETURNS; k++)
			if (strncmp(item->args, "acct=", 5) == 0 &&
				strncmp(item->args + 5, returns[k].name, strlen(returns[k].name)) ==
					0)
				item->returns = UINT32_C(1) << returns[k].value;
	}
}

static struct walk walk_all(const struct stack *stack, size_t leaper)
{
	struct walk w = {.stack = stack, .leaper = leaper};

	assert_int_equal(walk_run(&w), 0);
	return w;
}

/* Some item leads around ours, on a way that succeeds. */
static bool bypassed(const struct stack *stack)
{
	size_t i;

	for (i = 0; i < stack->n; i++)
		if (walk_all(stack, i).bypassed)
			return true;
	return false;
}

static void show(const struct fixture *f)
{
	char command[64];

	snprintf(command, sizeof(command), "tail -n +1 %s/etc/pam.d/* >&2", f->dir);
	if (system(command) != 0)
		fputs("cannot show the files\n", stderr);
}

/* Each module returns one value, so that there is one way. */
static void test_as_libpam(void **state)
{
	struct fixture *f = *state;
	unsigned round, succeeded = 0, around = 0;
	struct stack *stack;
	struct walk w;
	bool called;
	int r;

	for (round = 0; round < 1500; round++) {
		f->seed = round;
		write_files(f);
		read_stacks(f);
		stack = &f->stacks.of[PAM_ACCOUNT];
		tell_returns(stack);
		w = walk_all(stack, stack->n);
		r = ask_libpam(f, &called);
		succeeded += r == PAM_SUCCESS;
		around += r == PAM_SUCCESS && !called && stack_ours(stack, 0) < stack->n;
		if (w.succeeds != (r == PAM_SUCCESS) || w.passed != (r == PAM_SUCCESS && called) ||
			bypassed(stack) !=
				(r == PAM_SUCCESS && !called && stack_ours(stack, 0) < stack->n)) {
			show(f);
			fail_msg("seed %u: libpam says %s, %s ours; the walk: succeeds %d, passed "
				 "%d, bypassed %d",
				round, pam_strerror(NULL, r), called ? "past" : "without",
				w.succeeds, w.passed, bypassed(stack));
		}
		forget(f);
	}
	/* or the comparison would prove nothing */
	assert_true(succeeded > 200);
	assert_true(around > 40);
}

/* The values of an item one by one: the way's number says which, and is divided by how many there
 * were to choose from. */
static uint32_t choose(uint32_t all, unsigned *way)
{
	unsigned n = (unsigned)__builtin_popcount(all), k;

	for (k = n > 1 ? *way % n : 0; k > 0; k--)
		all &= all - 1;
	if (n > 1)
		*way /= n;
	return all & (~all + 1);
}

/* Lets the first modules return several values. How many ways there are then. */
static unsigned open_up(struct stack *stack)
{
	unsigned ways = 1, opened = 0;
	struct stack_item *item;
	size_t i;

	for (i = 0; i < stack->n && opened < 6; i++) {
		item = &stack->items[i];
		if (item->is_substack)
			continue;
		item->returns |= UINT32_C(1) << PAM_SUCCESS | UINT32_C(1) << PAM_AUTH_ERR;
		ways *= (unsigned)__builtin_popcount(item->returns);
		opened++;
	}
	return ways;
}

/* A copy in which each module returns one value, as way number `way` has it. */
static struct stack one_way(const struct stack *all, unsigned way)
{
	struct stack one = {.items = calloc(all->n + 1, sizeof(*one.items)), .n = all->n};
	size_t i;

	assert_non_null(one.items);
	for (i = 0; i < all->n; i++) {
		one.items[i] = all->items[i];
		one.items[i].returns = choose(all->items[i].returns, &way);
	}
	return one;
}

/* What all ways together are found to do is what any one of them does. */
static void test_all_ways(void **state)
{
	struct walk all, each, sum;
	struct fixture *f = *state;
	unsigned round, way, ways;
	struct stack *stack, one;

	for (round = 0; round < 300; round++) {
		f->seed = 100000 + round;
		write_files(f);
		read_stacks(f);
		stack = &f->stacks.of[PAM_ACCOUNT];
		tell_returns(stack);
		ways = open_up(stack);
		all = walk_all(stack, stack->n);
		sum = (struct walk){0};
		for (way = 0; way < ways; way++) {
			one = one_way(stack, way);
			each = walk_all(&one, one.n);
			sum.succeeds |= each.succeeds;
			sum.passed |= each.passed;
			sum.reached |= each.reached;
			free(one.items);
		}
		assert_int_equal(all.succeeds, sum.succeeds);
		assert_int_equal(all.passed, sum.passed);
		assert_int_equal(all.reached, sum.reached);
		forget(f);
	}
}

/* ---- shapes that are met ---- */

static void write_text(const struct fixture *f, const char *text)
{
	FILE *out = file_open(f, 0);

	fputs(text, out);
	fclose(out);
}

static void test_shapes(void **state)
{
	static const struct {
		const char *text;
		bool bypassed;
	} cases[] = {
		/* Debian */
		{"account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n"
		 "account requisite pam_deny.so\naccount required pam_permit.so\n"
		 "account required pam_sess.so\n",
			false},
		/* one jump too far */
		{"account [success=3 default=ignore] pam_unix.so\n"
		 "account requisite pam_deny.so\naccount required pam_sess.so\n"
		 "account required pam_permit.so\naccount required pam_permit.so\n",
			true},
		/* what jumps sets nothing, so that nobody has been let in */
		{"account [success=2 default=ignore] pam_unix.so\n"
		 "account requisite pam_deny.so\naccount required pam_sess.so\n",
			false},
		{"account sufficient pam_localuser.so\naccount required pam_sess.so\n", true},
		{"account required pam_deny.so\naccount sufficient pam_localuser.so\n"
		 "account required pam_sess.so\n",
			false},
		{"account [default=die success=ok] pam_localuser.so\naccount required "
		 "pam_sess.so\n",
			false},
		{"account required pam_sess.so\naccount sufficient pam_localuser.so\n", false},
		/* `done` ends nothing for who is refused, and is not too late for a reset */
		{"account required pam_deny.so\naccount [default=done] pam_localuser.so\n"
		 "account [default=reset] pam_warn.so\naccount sufficient pam_permit.so\n"
		 "account required pam_sess.so\n",
			true},
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_text(f, cases[i].text);
		read_stacks(f);
		if (bypassed(&f->stacks.of[PAM_ACCOUNT]) != cases[i].bypassed)
			fail_msg("wrong of: %s", cases[i].text);
		forget(f);
	}
}

/* ---- any text ---- */

static void write_noise(struct fixture *f, int n)
{
	static const char *const words[] = {"account", "-session", "auth", "@include", "include",
		"substack", "required", "[", "]", "success=", "default=", "done", "ok", "999999999",
		"\\", "\\\n", "#", "\n", "\n", " ", "\t", "pam_sess.so", "pam_deny.so", "a", "b",
		"s", "dir=/x", "=", "\\]", "\xff\xfe"};
	FILE *out = file_open(f, n);
	unsigned i, k = roll(f, 200);

	for (i = 0; i < k; i++) {
		fputs(words[roll(f, sizeof(words) / sizeof(words[0]))], out);
		if (roll(f, 3) > 0)
			fputc(' ', out);
	}
	if (roll(f, 20) == 0)
		fputc('\0', out);
	fclose(out);
}

static void test_noise(void **state)
{
	struct fixture *f = *state;
	size_t type, items, lines = 0;
	unsigned round;
	int n;

	for (round = 0; round < 1000; round++) {
		f->seed = round;
		for (n = 0; n < FILES; n++)
			write_noise(f, n);
		read_stacks(f);
		items = 0;
		for (type = 0; type < PAM_TYPES; type++) {
			items += f->stacks.of[type].n;
			(void)bypassed(&f->stacks.of[type]);
		}
		/* a file more may be begun before the bound is seen */
		assert_in_range(items, 0, STACK_ITEMS_MAX + 1);
		assert_in_range(f->stacks.n_files, 1, STACK_FILES_MAX);
		lines += items;
		forget(f);
	}
	assert_true(lines > 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_shapes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_as_libpam, set_up_here, tear_down),
		cmocka_unit_test_setup_teardown(test_all_ways, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_noise, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
