#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/log.h"
#include "fleet/http.h"

/* A server that cannot be reached must not cost a login's whole wait. */
#define CONNECT_TIMEOUT_MS 2000L
/* Streams are silent for long: the kernel asks whether the other end is there. */
#define KEEPALIVE_SECONDS 5L

struct http {
	CURLM *multi;
	struct http_tls tls;
	size_t held;	   /* of all calls' buffers */
	bool doubts_names; /* where they lead to nobody answers: they are looked up once more */
	LIST_HEAD(http_call_list, http_call) calls;
	struct http_call *reading; /* whose lines are being handed over; NULL: it was cancelled */
	/* the last complaint of this host's certificate, until a server has answered, or empty */
	char distrusted[CURL_ERROR_SIZE + 128];
};

struct http_call {
	struct http *http;
	LIST_ENTRY(http_call) link;
	CURL *easy;
	struct curl_slist *headers;
	struct http_request request;
	char *buf;
	size_t len, size;
	bool fresh; /* a stream's: bytes have come */
	int error;  /* found while reading */
	char words[CURL_ERROR_SIZE];
};

int http_new(const struct http_tls *tls, struct http **ret)
{
	struct http *http = calloc(1, sizeof(*http));

	if (http == NULL)
		return -ENOMEM;
	http->tls = *tls;
	http->multi = curl_multi_init();
	if (http->multi == NULL || curl_multi_setopt(http->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
					   (long)HTTP_CONNECTIONS_MAX) != CURLM_OK) {
		http_free(http);
		return -ENOMEM;
	}
	*ret = http;
	return 0;
}

void http_free(struct http *http)
{
	if (http == NULL)
		return;
	while (!LIST_EMPTY(&http->calls))
		http_cancel(LIST_FIRST(&http->calls));
	curl_multi_cleanup(http->multi);
	free(http);
}

static void call_free(struct http_call *call)
{
	LIST_REMOVE(call, link);
	if (call->easy != NULL) {
		curl_multi_remove_handle(call->http->multi, call->easy);
		curl_easy_cleanup(call->easy);
	}
	curl_slist_free_all(call->headers);
	call->http->held -= call->size;
	free(call->buf);
	free(call);
}

void http_cancel(struct http_call *call)
{
	if (call == NULL)
		return;
	if (call->http->reading == call)
		call->http->reading = NULL;
	call_free(call);
}

static bool take(struct http_call *call, const char *data, size_t len)
{
	size_t size = call->size > 0 ? call->size : 4096;
	char *more;

	if (len > HTTP_ANSWER_MAX || call->len > HTTP_ANSWER_MAX - len) {
		call->error = -EFBIG;
		return false;
	}
	while (size < call->len + len)
		size *= 2;
	if (size - call->size > HTTP_ANSWERS_MAX - call->http->held) {
		call->error = -EFBIG;
		return false;
	}
	if (size != call->size) {
		more = realloc(call->buf, size);
		if (more == NULL) {
			call->error = -ENOMEM;
			return false;
		}
		call->buf = more;
		call->http->held += size - call->size;
		call->size = size;
	}
	memcpy(call->buf + call->len, data, len);
	call->len += len;
	return true;
}

/* Only takes what comes: curl cannot be asked for anything from within. */
static size_t on_data(char *data, size_t one, size_t n, void *ctx)
{
	struct http_call *call = ctx;

	n *= one;
	if (!take(call, data, n))
		return 0;
	call->fresh = call->request.line != NULL;
	return n;
}

static void set_tls(struct http_call *call)
{
	const struct http_tls *tls = &call->http->tls;

	curl_easy_setopt(call->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (tls->ca != NULL) {
		curl_easy_setopt(call->easy, CURLOPT_CAINFO, tls->ca);
		curl_easy_setopt(call->easy, CURLOPT_CAPATH, NULL);
		/* one that was replaced counts from the next connection on, not from tomorrow */
		curl_easy_setopt(call->easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
	}
	if (tls->cert != NULL) {
		curl_easy_setopt(call->easy, CURLOPT_SSLCERT, tls->cert);
		curl_easy_setopt(call->easy, CURLOPT_SSLKEY, tls->key);
	}
}

static int set_up(struct http_call *call)
{
	const struct http_request *r = &call->request;
	struct curl_slist *more;
	CURL *e = call->easy;
	size_t i;

	for (i = 0; i < sizeof(r->headers) / sizeof(r->headers[0]) && r->headers[i] != NULL; i++) {
		more = curl_slist_append(call->headers, r->headers[i]);
		if (more == NULL)
			return -ENOMEM;
		call->headers = more;
	}
	curl_easy_setopt(e, CURLOPT_PRIVATE, call);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, call->words);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, call->headers);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	/* a name server that is silent is not waited for longer than the call may take; and a name
	 * that was found is not looked up for each connection, so nothing depends on that server */
	curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(e, CURLOPT_DNS_CACHE_TIMEOUT, call->http->doubts_names ? 0L : -1L);
	call->http->doubts_names = false;
	/* neither a proxy of the environment nor a redirection leads elsewhere */
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, r->timeout_ms);
	if (r->line != NULL) {
		curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
		curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_SECONDS);
		curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_SECONDS);
	}
	set_tls(call);
	if (curl_easy_setopt(e, CURLOPT_URL, r->url) != CURLE_OK ||
		curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, r->body) != CURLE_OK)
		return -ENOMEM;
	return 0;
}

int http_start(struct http *http, const struct http_request *request, struct http_call **ret)
{
	struct http_call *call = calloc(1, sizeof(*call));
	int r = -ENOMEM;

	if (call == NULL)
		return -ENOMEM;
	*call = (struct http_call){.http = http, .request = *request};
	LIST_INSERT_HEAD(&http->calls, call, link);
	call->easy = curl_easy_init();
	if (call->easy != NULL)
		r = set_up(call);
	if (r == 0 && curl_multi_add_handle(http->multi, call->easy) != CURLM_OK)
		r = -ENOMEM;
	if (r < 0) {
		call_free(call);
		return r;
	}
	*ret = call;
	return 0;
}

static int error_of(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
		return -ECONNREFUSED;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

/* Did anything of the request leave this machine? */
static bool may_be_sent(CURL *easy)
{
	curl_off_t pretransfer = 0;

	/* set when the connection stands, TLS included */
	return curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &pretransfer) != CURLE_OK ||
	       pretransfer > 0;
}

/* TLS tells in an alert that the server does not like this host's certificate. It comes when the
 * connection stands for this end, so as often as not writing fails before the alert is read. */
static bool is_about_own_certificate(const char *words)
{
	return strstr(words, " alert ") != NULL && strstr(words, "certificate") != NULL;
}

/* What curl says; and what it does not know, which certificate, and where it is named. */
static const char *explain(struct http *http, CURLcode code, const char *said)
{
	if (code == CURLE_OK)
		http->distrusted[0] = '\0';
	else if (is_about_own_certificate(said))
		snprintf(http->distrusted, sizeof(http->distrusted), "%s (cert, key): %s",
			http->tls.cert != NULL ? "the server does not take this host's certificate"
					       : "the server asks for a certificate of this host, "
						 "and none is named",
			said);
	return http->distrusted[0] != '\0' && code != CURLE_COULDNT_CONNECT ? http->distrusted
									    : said;
}

static void finished(struct http_call *call, CURLcode code)
{
	struct http_request request = call->request;
	struct http_answer answer = {.error = call->error ? call->error : error_of(code),
		.body = call->buf,
		.len = call->len};

	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &answer.status);
	answer.sent = answer.error == 0 || may_be_sent(call->easy);
	if (code != CURLE_OK && !answer.sent)
		call->http->doubts_names = true;
	answer.words = explain(
		call->http, code, call->words[0] != '\0' ? call->words : curl_easy_strerror(code));
	if (call->error != 0)
		answer.words = strerror(-call->error);
	/* the callback may start another, and look for those that there are */
	LIST_REMOVE(call, link);
	request.done(request.ctx, &answer);
	LIST_INSERT_HEAD(&call->http->calls, call, link);
	call_free(call);
}

static struct http_call *with_fresh_lines(const struct http *http)
{
	struct http_call *call;

	LIST_FOREACH (call, &http->calls, link)
		if (call->fresh)
			return call;
	return NULL;
}

/* Hands over the whole lines of a stream, and keeps what is behind the last of them. */
static void give_lines(struct http_call *call)
{
	struct http *http = call->http;
	char *line = call->buf, *end;
	size_t left = call->len;
	bool good = true;
	long status = 0;

	call->fresh = false;
	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	/* what refuses a stream is an answer like any other */
	if (status != 200)
		return;
	http->reading = call;
	while (good && (end = memchr(line, '\n', left)) != NULL) {
		good = call->request.line(call->request.ctx, line, (size_t)(end - line));
		if (http->reading == NULL)
			return;
		left -= (size_t)(end + 1 - line);
		line = end + 1;
	}
	http->reading = NULL;
	memmove(call->buf, line, left);
	call->len = left;
	if (good)
		return;
	call->error = -EPROTO;
	finished(call, CURLE_OK);
}

int http_turn(struct http *http, struct curl_waitfd *fds, unsigned n, int timeout_ms)
{
	int running, left;
	struct http_call *stream;
	CURLMsg *msg;
	char *call;

	if (curl_multi_poll(http->multi, fds, n, timeout_ms, NULL) != CURLM_OK ||
		curl_multi_perform(http->multi, &running) != CURLM_OK)
		return -EIO;
	while ((stream = with_fresh_lines(http)) != NULL)
		give_lines(stream);
	while ((msg = curl_multi_info_read(http->multi, &left)) != NULL) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &call);
		finished((struct http_call *)(void *)call, msg->data.result);
	}
	return 0;
}
