#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/text.h"
#include "common/timestamp.h"
#include "fleet/etcd.h"
#include "fleet/query.h"
#include "fleet/reply.h"

/* One try at one endpoint takes half of what is left, so that there is time for another; within
 * these bounds, and at least this part of the whole: a server that is slow is not asked the faster
 * the less time there is. */
#define TRY_PART   8
#define TRY_MIN_MS 100
#define TRY_MAX_MS 3000
#define LOGIN_MS   3000
/* After all endpoints have failed. */
#define REST_NS	   (50 * NS_PER_MS)
#define REST_STEPS 5
#define URL_MAX	   512

struct etcd {
	struct etcd_options o;
	struct timers *timers;
	struct http *http;
	unsigned endpoint;
	char *token; /* as a header, or NULL */
	bool logging_in;
	struct epoch epoch;
	struct http_call *login;
	LIST_HEAD(etcd_call_list, etcd_call) calls;
};

struct etcd_call {
	struct etcd *etcd;
	LIST_ENTRY(etcd_call) link;
	struct etcd_request request;
	char *body;
	struct http_call *http; /* NULL: it rests, or waits for a token */
	struct timer rest;
	uint64_t begun; /* clock_boot() */
	unsigned tries;
	unsigned endpoint; /* of this try */
	bool waits_for_token, renewed;
	bool too_large;
	char words[256];
};

int etcd_new(const struct etcd_options *options, struct timers *timers, struct etcd **ret)
{
	struct etcd *etcd = calloc(1, sizeof(*etcd));
	int r;

	if (etcd == NULL)
		return -ENOMEM;
	etcd->o = *options;
	etcd->timers = timers;
	r = http_new(&options->tls, &etcd->http);
	if (r < 0) {
		free(etcd);
		return r;
	}
	/* a fleet does not ask the first of them alone */
	etcd->endpoint = randombytes_uniform(options->n_endpoints);
	*ret = etcd;
	return 0;
}

static void forget_token(struct etcd *etcd)
{
	if (etcd->token != NULL)
		sodium_memzero(etcd->token, strlen(etcd->token));
	free(etcd->token);
	etcd->token = NULL;
}

void etcd_doubt_token(struct etcd *etcd)
{
	if (!etcd->logging_in)
		forget_token(etcd);
}

static void call_free(struct etcd_call *call)
{
	LIST_REMOVE(call, link);
	http_cancel(call->http);
	timer_cancel(&call->rest);
	free(call->body);
	free(call);
}

void etcd_free(struct etcd *etcd)
{
	if (etcd == NULL)
		return;
	while (!LIST_EMPTY(&etcd->calls))
		call_free(LIST_FIRST(&etcd->calls));
	http_cancel(etcd->login);
	http_free(etcd->http);
	forget_token(etcd);
	free(etcd);
}

struct http *etcd_http(struct etcd *etcd)
{
	return etcd->http;
}

struct epoch *etcd_epoch(struct etcd *etcd)
{
	return &etcd->epoch;
}

const char *etcd_endpoint(const struct etcd *etcd)
{
	return etcd->o.endpoints[etcd->endpoint];
}

void etcd_cancel(struct etcd_call *call)
{
	if (call != NULL)
		call_free(call);
}

/* Unless another call has moved on already. */
static void move_on(const struct etcd_call *call)
{
	struct etcd *etcd = call->etcd;

	if (etcd->endpoint == call->endpoint)
		etcd->endpoint = (etcd->endpoint + 1) % etcd->o.n_endpoints;
}

void etcd_distrust(struct etcd_call *call)
{
	if (call == NULL)
		return;
	move_on(call);
	call_free(call);
}

static void end(struct etcd_call *call, enum etcd_outcome outcome, const json_t *root)
{
	const struct etcd_request request = call->request;
	struct etcd_answer answer = {.outcome = outcome,
		.root = root,
		.too_large = call->too_large,
		.words = call->words};

	/* the callback may start another, or free them all but this one */
	LIST_REMOVE(call, link);
	request.done(request.ctx, &answer);
	http_cancel(call->http);
	timer_cancel(&call->rest);
	free(call->body);
	free(call);
}

static void say(struct etcd_call *call, const char *words)
{
	text_escape(words, strlen(words), call->words, sizeof(call->words));
}

static void try_now(void *ctx);

/* False: it was the last of them, or there is no time. */
static bool try_again(struct etcd_call *call, bool elsewhere)
{
	struct etcd *etcd = call->etcd;
	uint64_t now = clock_boot(), rest = 0;
	unsigned round;

	if (call->request.kind == ETCD_STREAM || now >= call->request.deadline)
		return false;
	if (elsewhere)
		move_on(call);
	round = call->tries / etcd->o.n_endpoints;
	if (call->tries % etcd->o.n_endpoints == 0)
		rest = timer_jitter(REST_NS << (round < REST_STEPS ? round : REST_STEPS));
	if (now + rest >= call->request.deadline)
		return false;
	timer_set(etcd->timers, &call->rest, now + rest, try_now, call);
	return true;
}

static void failed(struct etcd_call *call, bool sent)
{
	if (call->request.kind == ETCD_WRITE && sent) {
		move_on(call);
		end(call, ETCD_UNKNOWN, NULL);
	} else if (!try_again(call, true)) {
		move_on(call);
		end(call, ETCD_UNREACHABLE, NULL);
	}
}

static bool is_about_token(const char *words)
{
	return strstr(words, "invalid auth token") != NULL ||
	       strstr(words, "revision of auth store is old") != NULL ||
	       strstr(words, "user name is empty") != NULL;
}

/* The server was reached and did not do it. */
static void refused(struct etcd_call *call, long status, const json_t *root)
{
	say(call, reply_error(root));
	if (is_about_token(call->words) && call->etcd->o.user != NULL && !call->renewed) {
		call->renewed = true;
		forget_token(call->etcd);
		try_now(call);
	} else if (status == 429) {
		if (!try_again(call, false))
			end(call, ETCD_UNREACHABLE, NULL);
	} else if (status >= 500) {
		/* no leader, or the time ran out: it may have been carried out */
		failed(call, true);
	} else {
		end(call, ETCD_REFUSED, NULL);
	}
}

static void answered(void *ctx, const struct http_answer *answer)
{
	struct etcd_call *call = ctx;
	json_t *root = NULL;

	call->http = NULL;
	if (answer->error != 0) {
		say(call, answer->words);
		call->too_large = answer->error == -EFBIG;
		/* no other endpoint has less to say */
		if (call->too_large && call->request.kind == ETCD_READ)
			end(call, ETCD_UNREACHABLE, NULL);
		else
			failed(call, answer->sent);
		return;
	}
	if (call->request.kind == ETCD_STREAM && answer->status == 200) {
		say(call, "the stream has ended");
		failed(call, true);
		return;
	}
	if (answer->len > 0)
		root = reply_json(answer->body, answer->len);
	if (!json_is_object(root)) {
		say(call, "what answers is not etcd: no JSON");
		failed(call, true);
	} else if (answer->status != 200) {
		refused(call, answer->status, root);
	} else {
		epoch_see(&call->etcd->epoch, root);
		end(call, ETCD_DONE, root);
	}
	json_decref(root);
}

static bool on_line(void *ctx, const char *line, size_t len)
{
	struct etcd_call *call = ctx;
	json_t *root = reply_json(line, len);
	bool good = json_is_object(root) && call->request.line(call->request.ctx, root);

	json_decref(root);
	return good;
}

/* --- The token --- */

/* All that wait for one are tried, or without one fail. */
static void token_is_there(struct etcd *etcd)
{
	struct etcd_call *call;

	for (;;) {
		LIST_FOREACH (call, &etcd->calls, link)
			if (call->waits_for_token)
				break;
		if (call == NULL)
			return;
		call->waits_for_token = false;
		if (etcd->token != NULL)
			timer_set(etcd->timers, &call->rest, clock_boot(), try_now, call);
		else if (!try_again(call, false))
			end(call, ETCD_UNREACHABLE, NULL);
	}
}

/* As the header that it becomes. Without memory there is none. */
static void keep_token(struct etcd *etcd, const char *token)
{
	static const char name[] = "Authorization: ";

	forget_token(etcd);
	etcd->token = malloc(sizeof(name) + strlen(token));
	if (etcd->token != NULL)
		stpcpy(stpcpy(etcd->token, name), token);
}

static void logged_in(void *ctx, const struct http_answer *answer)
{
	struct etcd *etcd = ctx;
	json_t *root = answer->error == 0 && answer->len > 0 ? reply_json(answer->body, answer->len)
							     : NULL;
	const char *token = reply_token(root);
	struct etcd_call *call;

	etcd->login = NULL;
	etcd->logging_in = false;
	if (token != NULL && answer->status == 200)
		keep_token(etcd, token);
	if (etcd->token == NULL)
		etcd->endpoint = (etcd->endpoint + 1) % etcd->o.n_endpoints;
	LIST_FOREACH (call, &etcd->calls, link)
		if (call->waits_for_token && etcd->token == NULL) {
			call->tries++;
			say(call, answer->error != 0 ? answer->words
				  : root != NULL     ? reply_error(root)
						     : "what answers is not etcd: no JSON");
		}
	json_decref(root);
	token_is_there(etcd);
}

static void log_in(struct etcd *etcd)
{
	json_t *body = query_login(etcd->o.user, etcd->o.password);
	char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL, url[URL_MAX];
	struct http_request request = {.url = url,
		.body = text,
		.headers = {"Content-Type: application/json"},
		.timeout_ms = LOGIN_MS,
		.done = logged_in,
		.ctx = etcd};

	snprintf(url, sizeof(url), "%s" ETCD_LOGIN, etcd_endpoint(etcd));
	etcd->logging_in = text != NULL && http_start(etcd->http, &request, &etcd->login) == 0;
	if (text != NULL)
		sodium_memzero(text, strlen(text));
	free(text);
	json_decref(body);
}

/* --- Tries --- */

static long time_of_try(const struct etcd_call *call)
{
	uint64_t now = clock_boot(), deadline = call->request.deadline, ms, least;

	if (call->request.kind == ETCD_STREAM)
		return 0;
	ms = deadline > now ? (deadline - now) / 2 / NS_PER_MS : 0;
	least = deadline > call->begun ? (deadline - call->begun) / TRY_PART / NS_PER_MS : 0;
	if (ms < least)
		ms = least;
	return ms < TRY_MIN_MS ? TRY_MIN_MS : ms > TRY_MAX_MS ? TRY_MAX_MS : (long)ms;
}

static void try_now(void *ctx)
{
	struct etcd_call *call = ctx;
	struct etcd *etcd = call->etcd;
	char url[URL_MAX];
	struct http_request request = {.url = url,
		.body = call->body,
		.headers = {"Content-Type: application/json", "Grpc-Metadata-hasleader: true",
			etcd->token, NULL},
		.timeout_ms = time_of_try(call),
		.done = answered,
		.line = call->request.line != NULL ? on_line : NULL,
		.ctx = call};

	if (etcd->o.user != NULL && etcd->token == NULL) {
		call->waits_for_token = true;
		if (!etcd->logging_in)
			log_in(etcd);
		if (etcd->logging_in)
			return;
		call->waits_for_token = false;
	}
	call->tries++;
	call->endpoint = etcd->endpoint;
	snprintf(url, sizeof(url), "%s%s", etcd_endpoint(etcd), call->request.path);
	if (http_start(etcd->http, &request, &call->http) < 0) {
		say(call, "out of memory");
		if (!try_again(call, false))
			end(call, ETCD_UNREACHABLE, NULL);
	}
}

struct etcd_call *etcd_start(struct etcd *etcd, const struct etcd_request *request)
{
	struct etcd_call *call = calloc(1, sizeof(*call));

	if (call != NULL && request->body != NULL)
		call->body = json_dumps(request->body, JSON_COMPACT);
	json_decref(request->body);
	if (call == NULL || call->body == NULL) {
		free(call);
		return NULL;
	}
	call->etcd = etcd;
	call->request = *request;
	call->request.body = NULL;
	call->begun = clock_boot();
	LIST_INSERT_HEAD(&etcd->calls, call, link);
	/* in the next turn, so that done() is never called from within */
	timer_set(etcd->timers, &call->rest, clock_boot(), try_now, call);
	return call;
}
