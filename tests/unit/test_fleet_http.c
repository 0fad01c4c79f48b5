/* HTTP to a server and by a name server that do what a test says. The name server is this
 * program's own getaddrinfo(), which libcurl calls in a thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fleet/http.h"

#define SERVED_MAX 512

/* --- The name server --- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool silent;
	unsigned asked, answered;
} names = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* Seen by libcurl. */
#define SEEN __attribute__((visibility("default")))

SEEN void freeaddrinfo(struct addrinfo *list)
{
	free(list);
}

SEEN int getaddrinfo(
	const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	struct {
		struct addrinfo info;
		struct sockaddr_in address;
	} *found = calloc(1, sizeof(*found));

	(void)node;
	(void)hints;
	pthread_mutex_lock(&names.lock);
	names.asked++;
	while (names.silent)
		pthread_cond_wait(&names.changed, &names.lock);
	names.answered++;
	pthread_cond_broadcast(&names.changed);
	pthread_mutex_unlock(&names.lock);
	if (found == NULL)
		return EAI_MEMORY;
	found->address = (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(service != NULL ? service : "0", NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	found->info = (struct addrinfo){.ai_family = AF_INET,
		.ai_socktype = SOCK_STREAM,
		.ai_addr = (struct sockaddr *)&found->address,
		.ai_addrlen = sizeof(found->address)};
	*ret = &found->info;
	return 0;
}

static unsigned get(const unsigned *number)
{
	unsigned n;

	pthread_mutex_lock(&names.lock);
	n = *number;
	pthread_mutex_unlock(&names.lock);
	return n;
}

static void be_silent(bool silent)
{
	pthread_mutex_lock(&names.lock);
	names.silent = silent;
	pthread_cond_broadcast(&names.changed);
	/* threads of it must not outlast the test */
	while (!silent && names.answered < names.asked)
		pthread_cond_wait(&names.changed, &names.lock);
	pthread_mutex_unlock(&names.lock);
}

/* --- The server --- */

static struct {
	struct http *http;
	int listener;
	char url[64];
	int fd[SERVED_MAX];
	unsigned n, most; /* connections at a time */
	bool answers;
	unsigned done;
	int error;
} world;

static void accept_all(void)
{
	int fd;

	while (world.listener >= 0 &&
		(fd = accept4(world.listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		assert_true(world.n < SERVED_MAX);
		world.fd[world.n++] = fd;
	}
	if (world.n > world.most)
		world.most = world.n;
}

static void serve(void)
{
	static const char ok[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
	char text[4096];
	unsigned i;
	ssize_t n;

	accept_all();
	for (i = 0; i < world.n;) {
		n = world.answers ? recv(world.fd[i], text, sizeof(text), 0) : -1;
		if (n > 0)
			(void)send(world.fd[i], ok, sizeof(ok) - 1, MSG_NOSIGNAL);
		if (n < 0) {
			i++;
			continue;
		}
		close(world.fd[i]);
		world.fd[i] = world.fd[--world.n];
	}
}

static void on_done(void *ctx, const struct http_answer *answer)
{
	(void)ctx;
	world.done++;
	world.error = answer->error;
}

static struct http_call *call(long timeout_ms)
{
	const struct http_request request = {
		.url = world.url, .body = "{}", .timeout_ms = timeout_ms, .done = on_done};
	struct http_call *started;

	assert_int_equal(http_start(world.http, &request, &started), 0);
	return started;
}

static void turn_until_done(unsigned n)
{
	while (world.done < n) {
		assert_int_equal(http_turn(world.http, NULL, 0, 10), 0);
		serve();
	}
}

static void listen_here(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);

	world.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(world.listener >= 0);
	assert_int_equal(bind(world.listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(world.listener, SERVED_MAX), 0);
	assert_int_equal(getsockname(world.listener, (struct sockaddr *)&address, &len), 0);
	snprintf(world.url, sizeof(world.url), "http://etcd.test:%u/", ntohs(address.sin_port));
}

static int set_up(void **state)
{
	const struct http_tls tls = {.ca = NULL};

	(void)state;
	memset(&world, 0, sizeof(world));
	world.answers = true;
	names.asked = names.answered = 0;
	assert_int_equal(http_new(&tls, &world.http), 0);
	listen_here();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	http_free(world.http);
	while (world.n > 0)
		close(world.fd[--world.n]);
	if (world.listener >= 0)
		close(world.listener);
	return 0;
}

/* Were it waited for, this test would not end. */
static void a_silent_name_server_holds_nobody_up(void **state)
{
	(void)state;
	be_silent(true);
	call(200);
	turn_until_done(1);
	assert_true(world.error < 0);
	assert_int_equal(get(&names.answered), 0);
	http_cancel(call(0));
	{
		struct http_call *stream = call(0);

		while (get(&names.asked) < 2)
			assert_int_equal(http_turn(world.http, NULL, 0, 10), 0);
		http_cancel(stream);
	}
	assert_int_equal(get(&names.answered), 0);
	be_silent(false);
	call(10000);
	turn_until_done(2);
	assert_int_equal(world.error, 0);
}

/* So nothing depends on a name server, until a connection fails: it may lead elsewhere now. */
static void a_name_is_kept_until_it_leads_nowhere(void **state)
{
	unsigned asked;

	(void)state;
	call(10000);
	turn_until_done(1);
	call(10000);
	turn_until_done(2);
	assert_int_equal(world.error, 0);
	asked = get(&names.asked);
	close(world.listener);
	call(10000);
	turn_until_done(3);
	assert_int_equal(world.error, -ECONNREFUSED);
	assert_int_equal(get(&names.asked), asked);
	listen_here();
	call(10000);
	turn_until_done(4);
	assert_int_equal(world.error, 0);
	assert_true(get(&names.asked) > asked);
}

/* However much is asked, and however slow the answers: it has its turn. */
static void connections_are_bounded(void **state)
{
	unsigned i;

	(void)state;
	world.answers = false;
	for (i = 0; i < 3 * HTTP_CONNECTIONS_MAX; i++)
		call(0);
	while (world.n < HTTP_CONNECTIONS_MAX) {
		assert_int_equal(http_turn(world.http, NULL, 0, 10), 0);
		serve();
	}
	for (i = 0; i < 20; i++) {
		assert_int_equal(http_turn(world.http, NULL, 0, 10), 0);
		serve();
	}
	assert_int_equal(world.done, 0);
	world.answers = true;
	turn_until_done(3 * HTTP_CONNECTIONS_MAX);
	assert_int_equal(world.most, HTTP_CONNECTIONS_MAX);
	assert_int_equal(world.error, 0);
}

int main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_SERVER(a_silent_name_server_holds_nobody_up),
		WITH_SERVER(connections_are_bounded),
		WITH_SERVER(a_name_is_kept_until_it_leads_nowhere),
	};
	int r;

	alarm(120);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	curl_global_cleanup();
	return r;
}
