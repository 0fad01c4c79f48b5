/* What sessd tells the service manager, and what it has handed over. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sessd/fdstore.h"
#include "sessd/loop.h"
#include "sessd/notify.h"
#include "sessd/watchdog.h"

/* The manager hands descriptors over from this number on. */
#define FIRST 3
#define HELD  3

static int manager = -1;
static char received[256];
static int carried;

static int setup(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(addr);
	char path[128];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)state;
	/* out of the way of what is handed over */
	manager = fcntl(fd, F_DUPFD_CLOEXEC, 20);
	assert_true(manager >= 0);
	close(fd);
	/* an abstract name of the kernel's choice */
	assert_int_equal(bind(manager, (struct sockaddr *)&addr, sizeof(sa_family_t)), 0);
	assert_int_equal(getsockname(manager, (struct sockaddr *)&addr, &len), 0);
	snprintf(path, sizeof(path), "@%.*s",
		(int)(len - offsetof(struct sockaddr_un, sun_path) - 1), addr.sun_path + 1);
	setenv("NOTIFY_SOCKET", path, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(manager);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	notify_forget();
	return 0;
}

/* The next message is in `received`, its descriptor or -1 in `carried`. False: there is none. */
static bool receive(void)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = received, .iov_len = sizeof(received) - 1};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room)};
	ssize_t n = recvmsg(manager, &msg, MSG_CMSG_CLOEXEC);

	if (n < 0) {
		assert_int_equal(errno, EAGAIN);
		return false;
	}
	received[n] = '\0';
	carried = -1;
	if (CMSG_FIRSTHDR(&msg) != NULL)
		memcpy(&carried, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(carried));
	return true;
}

static bool same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static struct sid sid_of(uint8_t n)
{
	struct sid sid = {.b = {n, 1, 2, 3}};

	return sid;
}

static int pipe_end(void)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	close(fds[1]);
	return fds[0];
}

/* As a manager leaves it: `names`, of HELD descriptors from FIRST on. */
static void hand_over(const char *names)
{
	char text[16];
	int i, fd;

	for (i = 0; i < HELD; i++) {
		fd = pipe_end();
		assert_int_equal(dup2(fd, FIRST + i), FIRST + i);
		if (fd != FIRST + i)
			close(fd);
	}
	snprintf(text, sizeof(text), "%d", (int)getpid());
	setenv("LISTEN_PID", text, 1);
	snprintf(text, sizeof(text), "%d", HELD);
	setenv("LISTEN_FDS", text, 1);
	setenv("LISTEN_FDNAMES", names, 1);
}

static void kept_and_dropped(void **state)
{
	struct sid a = sid_of(1), b = sid_of(2);
	struct fdstore *store;
	int fd = pipe_end();

	(void)state;
	assert_int_equal(fdstore_new(&store), 0);
	assert_non_null(store);
	fdstore_keep(store, &a, fd);
	assert_true(receive());
	assert_string_equal(received, "FDSTORE=1\nFDNAME=01010203000000000000000000000000");
	assert_true(same_file(carried, fd));
	close(carried);
	/* once is enough */
	fdstore_keep(store, &a, fd);
	/* and what is not kept need not be dropped */
	fdstore_drop(store, &b);
	assert_false(receive());
	fdstore_drop(store, &a);
	assert_true(receive());
	assert_string_equal(received, "FDSTOREREMOVE=1\nFDNAME=01010203000000000000000000000000");
	assert_int_equal(carried, -1);
	fdstore_drop(store, &a);
	assert_false(receive());
	/* a daemon that stops leaves what there is */
	fdstore_keep(store, &b, fd);
	assert_true(receive());
	close(carried);
	fdstore_free(store);
	assert_false(receive());
	close(fd);
}

static void taken_after_a_restart(void **state)
{
	struct sid a = sid_of(1), c = sid_of(3);
	struct fdstore *store;
	int fd, original;

	(void)state;
	/* a socket, the leader of a, that of b */
	hand_over("pam.sock:01010203000000000000000000000000:02010203000000000000000000000000");
	original = fcntl(FIRST + 1, F_DUPFD_CLOEXEC, 10);
	assert_int_equal(fdstore_new(&store), 0);
	assert_int_equal(notify_socket("pam.sock"), FIRST);
	assert_int_equal(notify_socket("ctl.sock"), -1);
	assert_int_equal(fcntl(FIRST, F_GETFD), FD_CLOEXEC);
	fd = fdstore_take(store, &a);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_true(same_file(fd, original));
	assert_int_equal(fdstore_take(store, &a), -ENOENT);
	assert_int_equal(fdstore_take(store, &c), -ENOENT);
	/* it is there already; nobody wants b's */
	fdstore_keep(store, &a, fd);
	assert_false(receive());
	fdstore_settle(store);
	assert_true(receive());
	assert_string_equal(received, "FDSTOREREMOVE=1\nFDNAME=02010203000000000000000000000000");
	assert_int_equal(fcntl(FIRST + 2, F_GETFD), -1);
	assert_false(receive());
	fdstore_settle(store);
	assert_false(receive());
	fdstore_drop(store, &a);
	assert_true(receive());
	close(fd);
	close(original);
	close(FIRST);
	fdstore_free(store);
}

/* A leader that was found dead is taken, and not kept. */
static void taken_and_not_wanted(void **state)
{
	struct sid a = sid_of(1);
	struct fdstore *store;

	(void)state;
	hand_over("x:01010203000000000000000000000000:y");
	assert_int_equal(fdstore_new(&store), 0);
	close(fdstore_take(store, &a));
	fdstore_settle(store);
	assert_true(receive());
	assert_string_equal(received, "FDSTOREREMOVE=1\nFDNAME=01010203000000000000000000000000");
	close(FIRST);
	close(FIRST + 2);
	fdstore_free(store);
}

static void not_more_than_fits(void **state)
{
	struct fdstore *store;
	unsigned i, n = 0;
	int fd = pipe_end();

	(void)state;
	assert_int_equal(fdstore_new(&store), 0);
	for (i = 0; i < FDSTORE_MAX + 5; i++) {
		struct sid sid = {.b = {(uint8_t)i, (uint8_t)(i >> 8)}};

		fdstore_keep(store, &sid, fd);
		for (; receive(); n++)
			close(carried);
	}
	assert_int_equal(n, FDSTORE_MAX);
	fdstore_free(store);
	close(fd);
}

/* A manager that does not read: nobody waits for it, and nothing is taken for kept. */
static void manager_is_slow(void **state)
{
	struct fdstore *store;
	unsigned i, n, kept = 0, dropped = 0;
	int fd = pipe_end();

	(void)state;
	assert_int_equal(fdstore_new(&store), 0);
	for (i = 0; i < FDSTORE_MAX; i++) {
		struct sid sid = {.b = {(uint8_t)i, (uint8_t)(i >> 8)}};

		fdstore_keep(store, &sid, fd);
	}
	for (; receive(); kept++)
		close(carried);
	assert_in_range(kept, 1, FDSTORE_MAX - 1);
	for (i = 0; i < FDSTORE_MAX; i++) {
		struct sid sid = {.b = {(uint8_t)i, (uint8_t)(i >> 8)}};

		fdstore_drop(store, &sid);
		for (n = 0; receive(); n++)
			dropped++;
		assert_true(n <= 1);
	}
	assert_int_equal(dropped, kept);
	fdstore_free(store);
	close(fd);
}

static void nobody_keeps(void **state)
{
	struct sid a = sid_of(1);
	struct fdstore *store = (struct fdstore *)&a;

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(fdstore_new(&store), 0);
	assert_null(store);
	fdstore_keep(store, &a, 0);
	fdstore_drop(store, &a);
	fdstore_settle(store);
	assert_int_equal(fdstore_take(store, &a), -ENOENT);
	fdstore_free(store);
	assert_int_equal(notify_now("READY=1", -1), -ENOENT);
}

/* Signs of life while the loop turns. */
static void watchdog_tells(void **state)
{
	struct watchdog w = {0};
	struct loop *loop;
	unsigned n = 0;

	(void)state;
	setenv("WATCHDOG_USEC", "20000", 1);
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(watchdog_start(&w, loop), 0);
	assert_false(receive());
	while (n < 3) {
		assert_int_equal(loop_turn(loop, -1), 0);
		if (receive()) {
			assert_string_equal(received, "WATCHDOG=1");
			n++;
		}
	}
	loop_free(loop);
}

/* Another's watchdog, none, or what is no time. */
static void watchdog_is_not_wanted(void **state)
{
	static const char *const times[] = {"", "0", "-1", "20000x", "99999999999999999999"};
	struct loop *loop;
	size_t i;

	(void)state;
	assert_int_equal(loop_new(&loop), 0);
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct watchdog w = {0};

		setenv("WATCHDOG_USEC", times[i], 1);
		assert_int_equal(watchdog_start(&w, loop), 0);
		assert_int_equal(w.period, 0);
	}
	setenv("WATCHDOG_USEC", "20000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	{
		struct watchdog w = {0};

		assert_int_equal(watchdog_start(&w, loop), 0);
		assert_int_equal(w.period, 0);
	}
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(taken_after_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(taken_and_not_wanted, setup, teardown),
		cmocka_unit_test_setup_teardown(kept_and_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(not_more_than_fits, setup, teardown),
		cmocka_unit_test_setup_teardown(manager_is_slow, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_keeps, setup, teardown),
		cmocka_unit_test_setup_teardown(watchdog_tells, setup, teardown),
		cmocka_unit_test_setup_teardown(watchdog_is_not_wanted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
