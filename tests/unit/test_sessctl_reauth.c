/* sessctl reauth against a sessd-reauth that does what the test says. */
#include "tests/unit/fake_daemon.h"

static struct daemon *reauth_start(step_fn *const *steps, size_t n)
{
	struct daemon *d = daemon_absent();

	snprintf(d->path, sizeof(d->path), "%s/%s", d->dir, WIRE_REAUTH_SOCKET);
	memcpy(d->steps, steps, n * sizeof(*steps));
	d->n_steps = n;
	daemon_run(d);
	return d;
}

#define REAUTH(...)                                   \
	reauth_start((step_fn *const[]){__VA_ARGS__}, \
		sizeof((step_fn *const[]){__VA_ARGS__}) / sizeof(step_fn *))

/* What standard input holds from now on. */
static void type(const char *text)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], text, strlen(text)), strlen(text));
	close(fds[1]);
	assert_int_equal(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
	close(fds[0]);
}

static void show(struct daemon *d, const struct wire_frame *to, uint64_t style, const char *text)
{
	struct wire_prompt msg = {.style = style};

	snprintf(msg.text, sizeof(msg.text), "%s", text);
	answer(d, to, WIRE_prompt, &msg);
}

static void ask_password(struct daemon *d, const struct wire_frame *to)
{
	show(d, to, WIRE_STYLE_INFO, "hello");
	show(d, to, WIRE_STYLE_SECRET, "Password: ");
}

static void ask_code(struct daemon *d, const struct wire_frame *to)
{
	show(d, to, WIRE_STYLE_PLAIN, "Code: ");
}

static void grant(struct daemon *d, const struct wire_frame *to)
{
	done(d, to, 0, 0);
}

static void deny(struct daemon *d, const struct wire_frame *to)
{
	struct wire_refused msg = {.reason = REASON_REAUTH, .text = "Authentication failure"};

	answer(d, to, WIRE_refused, &msg);
}

static void no_session(struct daemon *d, const struct wire_frame *to)
{
	error(d, to, WIRE_E_NO_SESSION, "this shell outlived its login");
}

static void nonsense(struct daemon *d, const struct wire_frame *to)
{
	page(d, to, 1, false, "x");
}

static void unknown_style(struct daemon *d, const struct wire_frame *to)
{
	show(d, to, 7, "?");
}

static void two_answers(void **state)
{
	struct daemon *d = REAUTH(ask_password, ask_code, grant);
	struct result r;

	(void)state;
	type("correct horse\n123456\nmore\n");
	r = run(d, "reauth --stdin");
	assert_int_equal(r.code, 0);
	assert_string_equal(r.out, "authenticated again\n");
	assert_has(r.err, "hello\n");
	assert_int_equal(d->n_requests, 3);
	assert_int_equal(d->requests[0].type, WIRE_prove);
	assert_int_equal(d->requests[1].type, WIRE_reply);
	assert_int_equal(d->requests[1].u.reply.secret.len, 13);
	assert_int_equal(d->requests[2].type, WIRE_reply);
	assert_int_equal(d->requests[2].u.reply.secret.len, 6);
	release(&r, d);
}

/* The last line may lack its newline, and an empty line is an answer. */
static void empty_and_last(void **state)
{
	struct daemon *d = REAUTH(ask_code, ask_code, grant);
	struct result r;

	(void)state;
	type("\nx");
	r = run(d, "reauth -S -q");
	assert_int_equal(r.code, 0);
	assert_string_equal(r.out, "");
	assert_int_equal(d->requests[1].u.reply.secret.len, 0);
	assert_int_equal(d->requests[2].u.reply.secret.len, 1);
	release(&r, d);
}

static void nothing_asked(void **state)
{
	struct daemon *d = REAUTH(grant);
	struct result r;

	(void)state;
	r = run(d, "reauth");
	assert_int_equal(r.code, 0);
	release(&r, d);
}

static void input_ends(void **state)
{
	struct daemon *d = REAUTH(ask_password);
	struct result r;

	(void)state;
	type("");
	r = run(d, "reauth -S");
	assert_int_equal(r.code, 1);
	assert_has(r.err, "sessctl: no answer was given");
	assert_int_equal(d->n_requests, 1);
	release(&r, d);
}

static void refusals(void **state)
{
	static const struct {
		step_fn *step;
		int code;
		const char *text;
	} rows[] = {
		{deny, 1, "sessctl: Authentication failure\n"},
		{no_session, 5, "sessctl: this shell outlived its login\n"},
		{nonsense, 3, "what answers on the socket is not sessd"},
		{unknown_style, 3, "what answers on the socket is not sessd"},
	};
	struct result r;
	struct daemon *d;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		d = REAUTH(rows[i].step);
		r = run(d, "reauth");
		assert_int_equal(r.code, rows[i].code);
		assert_has(r.err, rows[i].text);
		assert_string_equal(r.out, "");
		release(&r, d);
	}
}

static void nobody_there(void **state)
{
	struct daemon *d = daemon_absent();
	struct result r;

	(void)state;
	r = run(d, "reauth");
	assert_int_equal(r.code, 3);
	assert_has(r.err, "/reauth.sock: sessd-reauth is not reachable (systemctl enable --now "
			  "sessd-reauth.socket)\n");
	release(&r, d);
}

/* It broke off while it was spoken with. */
static void broken_off(void **state)
{
	struct daemon *d = REAUTH(ask_password);
	struct result r;

	(void)state;
	type("x\n");
	r = run(d, "reauth -S");
	assert_int_equal(r.code, 3);
	assert_has(r.err, "sessd-reauth broke off the connection");
	release(&r, d);
}

/* Whatever it sends, sessctl ends with one of its codes. */
static void noise(void **state)
{
	struct result r;
	struct daemon *d;
	unsigned i;

	(void)state;
	for (i = 1; i <= 200; i++) {
		d = daemon_absent();
		snprintf(d->path, sizeof(d->path), "%s/%s", d->dir, WIRE_REAUTH_SOCKET);
		d->steps[0] = ask_password;
		d->steps[1] = ask_code;
		d->steps[2] = deny;
		d->n_steps = 3;
		d->noise = i;
		daemon_run(d);
		type("a\nb\n");
		r = run(d, "reauth -S --timeout 2s");
		assert_in_range(r.code, 1, 5);
		assert_null(strchr(r.err, '\033'));
		release(&r, d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_answers),
		cmocka_unit_test(empty_and_last),
		cmocka_unit_test(nothing_asked),
		cmocka_unit_test(input_ends),
		cmocka_unit_test(refusals),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(broken_off),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
