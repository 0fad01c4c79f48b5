#include <poll.h>
#include <stddef.h>
#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "common/version.h"
#include "sessctl/conn.h"

/* How often the progress line is looked at while nothing comes. */
#define TICK_MS 200

/* What each trouble means for the exit code, and what would help. */
static const struct trouble {
	enum client_status status;
	int exit;
	const char *remedy;
	const char *remedy_reauth; /* with sessd-reauth, where that is another one */
} troubles[] = {
	{CLIENT_DOWN, EXIT_UNAVAILABLE, "systemctl start sessd",
		"systemctl enable --now sessd-reauth.socket"},
	{CLIENT_TIMEOUT, EXIT_UNAVAILABLE,
		"see systemctl status sessd; --timeout lets it take longer",
		"see journalctl -t sessd-reauth; --timeout lets it take longer"},
	{CLIENT_HOSTILE, EXIT_UNAVAILABLE,
		"look at who owns the socket, and whether --runtime-dir is right", NULL},
	{CLIENT_FORBIDDEN, EXIT_FORBIDDEN,
		"it must have mode 0666, in a directory that everybody may enter", NULL},
	{CLIENT_VERSION, EXIT_UNAVAILABLE,
		"install the same version of sessd and sessctl, then systemctl restart sessd",
		NULL},
	{CLIENT_INVALID, EXIT_USAGE, "control characters and broken UTF-8 are not taken", NULL},
};

static const char *socket_of(const struct conn *c)
{
	return c->end == CONN_REAUTH ? c->ctx->reauth_socket : c->ctx->socket;
}

static const char *words_of(const struct conn *c, enum client_status status)
{
	if (c->end == CONN_REAUTH && status == CLIENT_DOWN)
		return "sessd-reauth is not reachable";
	if (c->end == CONN_REAUTH && status == CLIENT_TIMEOUT)
		return "sessd-reauth does not answer";
	return client_status_words(status);
}

static int explain(struct conn *c, enum client_status status, const char *words)
{
	const char *remedy;
	size_t i;

	for (i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++)
		if (troubles[i].status == status)
			break;
	if (i == sizeof(troubles) / sizeof(troubles[0]))
		return EXIT_UNAVAILABLE;
	remedy = c->end == CONN_REAUTH && troubles[i].remedy_reauth != NULL
			 ? troubles[i].remedy_reauth
			 : troubles[i].remedy;
	context_error(c->ctx, "%s: %s (%s)", socket_of(c), words, remedy);
	return troubles[i].exit;
}

static uint64_t deadline_after(uint64_t timeout)
{
	return timeout == 0 ? UINT64_MAX : clock_boot() + timeout;
}

int conn_open(struct conn *c, struct context *ctx)
{
	return conn_open_if(c, ctx, NULL);
}

static int open_end(struct conn *c, struct context *ctx, enum conn_end end, bool *ret_down)
{
	enum client_status status;

	c->ctx = ctx;
	c->end = end;
	c->timeout = ctx->timeout;
	c->subject = NULL;
	c->unsaid = 0;
	c->received = 0;
	status = client_open(
		&c->client, socket_of(c), "sessctl " SESSD_VERSION, deadline_after(ctx->timeout));
	if (status == CLIENT_OK)
		return EXIT_DONE;
	if (ret_down != NULL && status == CLIENT_DOWN && c->client.text[0] == '\0') {
		*ret_down = true;
		return EXIT_UNAVAILABLE;
	}
	/* the daemon is there and said why it will not talk */
	if (status == CLIENT_DOWN && c->client.text[0] != '\0') {
		context_error(ctx, "%s: %s", socket_of(c), c->client.text);
		return EXIT_UNAVAILABLE;
	}
	return explain(c, status, c->client.text[0] != '\0' ? c->client.text : words_of(c, status));
}

int conn_open_if(struct conn *c, struct context *ctx, bool *ret_down)
{
	return open_end(c, ctx, CONN_SESSD, ret_down);
}

int conn_open_reauth(struct conn *c, struct context *ctx)
{
	return open_end(c, ctx, CONN_REAUTH, NULL);
}

void conn_close(struct conn *c)
{
	client_close(&c->client);
}

/* Once a connection stood, CLIENT_DOWN means another thing than at first. */
static int broken(struct conn *c, enum client_status status)
{
	if (status != CLIENT_DOWN)
		return explain(c, status, words_of(c, status));
	context_error(c->ctx, "%s: %s", socket_of(c),
		c->end == CONN_REAUTH
			? "sessd-reauth broke off the connection (see journalctl -t sessd-reauth)"
			: "sessd broke off the connection (see systemctl status sessd)");
	return EXIT_UNAVAILABLE;
}

int conn_ask(struct conn *c, enum wire_type type, const void *msg)
{
	enum client_status status;

	c->client.deadline = deadline_after(c->timeout);
	status = client_send(&c->client, type, msg);
	return status == CLIENT_OK ? EXIT_DONE : broken(c, status);
}

/* Waits in short steps while there is a progress line to keep up; the deadline is client_recv()'s.
 */
static void wait_with_progress(struct conn *c)
{
	struct pollfd p = {.fd = c->client.fd, .events = POLLIN};
	uint64_t now;

	if (c->ctx->progress.what == NULL || !c->ctx->progress.terminal)
		return;
	while (poll(&p, 1, TICK_MS) <= 0) {
		now = clock_boot();
		if (now >= c->client.deadline)
			return;
		progress_tick(&c->ctx->progress, now, c->received, 0);
	}
}

static int daemon_error(struct conn *c, const struct wire_error *e)
{
	const char *text = e->text[0] != '\0' ? e->text : wire_error_words(e->code);

	if (e->code == c->unsaid)
		return wire_error_exit(e->code);
	if (c->subject != NULL)
		context_error(c->ctx, "%s: %s", c->subject, text);
	else
		context_error(c->ctx, "%s", text);
	return wire_error_exit(e->code);
}

int conn_next(struct conn *c)
{
	enum client_status status;

	c->client.deadline = deadline_after(c->timeout);
	wait_with_progress(c);
	status = client_recv(&c->client, c->buf, &c->frame);
	if (status != CLIENT_OK)
		return broken(c, status);
	if (c->frame.type == WIRE_error)
		return daemon_error(c, &c->frame.u.error);
	c->received++;
	return EXIT_DONE;
}

int conn_strange(struct conn *c)
{
	return broken(c, CLIENT_HOSTILE);
}

int conn_status(struct conn *c, struct wire_state *ret)
{
	struct wire_status ask;
	int r;

	r = conn_ask(c, WIRE_status, &ask);
	if (r == EXIT_DONE)
		r = conn_next(c);
	if (r != EXIT_DONE)
		return r;
	if (c->frame.type != WIRE_state)
		return conn_strange(c);
	*ret = c->frame.u.state;
	return EXIT_DONE;
}

int conn_seal(struct context *ctx, bool make, struct wire_sealed *ret)
{
	const struct wire_seal ask = {.make = make};
	struct conn c;
	int r;

	r = conn_open(&c, ctx);
	if (r != EXIT_DONE)
		return r;
	r = conn_ask(&c, WIRE_seal, &ask);
	if (r == EXIT_DONE)
		r = conn_next(&c);
	if (r == EXIT_DONE && c.frame.type != WIRE_sealed)
		r = conn_strange(&c);
	if (r == EXIT_DONE)
		*ret = c.frame.u.sealed;
	conn_close(&c);
	return r;
}

/* One page behind *after, which moves on. */
static int one_page(struct conn *c, enum wire_type type, const void *ask, uint64_t *after,
	conn_page_fn *fn, void *arg)
{
	const struct wire_page *page = &c->frame.u.page;
	int r;

	r = conn_ask(c, type, ask);
	if (r == EXIT_DONE)
		r = conn_next(c);
	if (r != EXIT_DONE)
		return r;
	/* a page that does not lead on would have us ask for ever */
	if (c->frame.type != WIRE_page || (page->more && page->last <= *after))
		return conn_strange(c);
	/* a page without lines may say nothing new */
	if (page->last > *after)
		*after = page->last;
	return page->body.len == 0 ? EXIT_DONE : fn(arg, page);
}

int conn_ledger(struct conn *c, uint64_t *after, conn_page_fn *fn, void *arg)
{
	struct wire_read ask = {.after = *after};
	int r;

	do
		r = one_page(c, WIRE_read, &ask, &ask.after, fn, arg);
	while (r == EXIT_DONE && c->frame.u.page.more);
	*after = ask.after;
	return r;
}

int conn_follow(struct conn *c, uint64_t after, conn_page_fn *fn, void *arg)
{
	struct wire_read ask = {.after = after, .wait = true};
	int r;

	c->timeout = 0;
	do
		r = one_page(c, WIRE_read, &ask, &ask.after, fn, arg);
	while (r == EXIT_DONE);
	return r;
}

bool conn_line(const struct wire_page *page, size_t *at, const char **ret_line, size_t *ret_len)
{
	const char *body = page->body.data, *newline;

	if (*at >= page->body.len)
		return false;
	newline = memchr(body + *at, '\n', page->body.len - *at);
	*ret_line = body + *at;
	*ret_len = newline ? (size_t)(newline - *ret_line) : page->body.len - *at;
	*at += *ret_len + 1;
	return true;
}

int conn_metrics(struct conn *c, conn_page_fn *fn, void *arg)
{
	struct wire_metrics ask = {0};
	int r;

	do
		r = one_page(c, WIRE_metrics, &ask, &ask.after, fn, arg);
	while (r == EXIT_DONE && c->frame.u.page.more);
	return r;
}
