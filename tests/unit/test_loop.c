#include "tests/unit/seeded.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "sessd/loop.h"

#define SOURCES 300 /* more than the kernel hands out at once */

struct fixture;

/* A descriptor that is ready or not, and what happens when it is found ready. */
struct source {
	struct fixture *f;
	struct loop_io io;
	int fd;
	unsigned calls;
	uint32_t events;
	void (*act)(struct source *self);
};

struct fixture {
	struct loop *loop;
	struct source sources[SOURCES];
	unsigned n, calls;
	struct loop_timer timers[5];
};

static void called(void *ctx, uint32_t events)
{
	struct source *s = ctx;

	s->calls++;
	s->f->calls++;
	s->events = events;
	if (s->act != NULL)
		s->act(s);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(loop_new(&f->loop), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	unsigned i;

	for (i = 0; i < f->n; i++) {
		loop_io_remove(f->loop, &f->sources[i].io);
		close(f->sources[i].fd);
	}
	loop_free(f->loop);
	free(f);
	return 0;
}

static struct source *source_add(struct fixture *f, bool ready, void (*act)(struct source *self))
{
	struct source *s = &f->sources[f->n++];

	s->f = f;
	s->act = act;
	s->fd = eventfd(ready, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(s->fd >= 0);
	assert_int_equal(loop_io_add(f->loop, &s->io, s->fd, EPOLLIN, called, s), 0);
	return s;
}

static void turn(struct fixture *f)
{
	assert_int_equal(loop_turn(f->loop, 0), 0);
}

static void drain(struct source *s)
{
	uint64_t n;

	assert_int_equal(read(s->fd, &n, sizeof(n)), sizeof(n));
}

static void remove_self(struct source *s)
{
	loop_io_remove(s->f->loop, &s->io);
}

static void remove_all(struct source *s)
{
	unsigned i;

	for (i = 0; i < s->f->n; i++)
		loop_io_remove(s->f->loop, &s->f->sources[i].io);
}

static void level_triggered(void **state)
{
	struct fixture *f = *state;
	struct source *s = source_add(f, true, NULL);

	turn(f);
	turn(f);
	assert_int_equal(s->calls, 2);
	assert_int_equal(s->events, EPOLLIN);
	drain(s);
	turn(f);
	assert_int_equal(s->calls, 2);
}

static void change(void **state)
{
	struct fixture *f = *state;
	struct source *s = source_add(f, true, NULL);

	assert_int_equal(loop_io_change(f->loop, &s->io, 0), 0);
	turn(f);
	assert_int_equal(s->calls, 0);
	assert_int_equal(loop_io_change(f->loop, &s->io, EPOLLOUT), 0);
	turn(f);
	assert_int_equal(s->events, EPOLLOUT);
	assert_int_equal(loop_io_change(f->loop, &s->io, EPOLLIN | EPOLLOUT), 0);
	turn(f);
	assert_int_equal(s->events, EPOLLIN | EPOLLOUT);
	assert_int_equal(s->calls, 2);
}

static void removes_itself(void **state)
{
	struct fixture *f = *state;
	struct source *s = source_add(f, true, remove_self);

	turn(f);
	turn(f);
	assert_int_equal(s->calls, 1);
	/* twice does no harm, nor does one that was never added */
	loop_io_remove(f->loop, &s->io);
	loop_io_remove(f->loop, &f->sources[1].io);
}

/* All are ready; whichever is called first removes all the others, which then are not called. */
static void removes_others(void **state)
{
	struct fixture *f = *state;
	unsigned i;

	for (i = 0; i < 20; i++)
		source_add(f, true, remove_all);
	turn(f);
	turn(f);
	assert_int_equal(f->calls, 1);
}

static void replace_others(struct source *s)
{
	struct fixture *f = s->f;
	unsigned i, n = f->n;

	remove_all(s);
	for (i = 0; i < n; i++)
		source_add(f, false, NULL);
}

/* The new ones sit in the slots of those that were ready, and are not taken for them. */
static void slots_given_away(void **state)
{
	struct fixture *f = *state;
	bool used[64] = {false};
	unsigned i, same = 0;

	for (i = 0; i < 20; i++)
		used[source_add(f, true, replace_others)->io.slot] = true;
	turn(f);
	assert_int_equal(f->n, 40);
	for (i = 20; i < 40; i++)
		same += used[f->sources[i].io.slot];
	assert_int_equal(same, 20);
	assert_int_equal(f->calls, 1);
	turn(f);
	assert_int_equal(f->calls, 1);
}

static void add_many(struct source *s)
{
	drain(s);
	while (s->f->n < 200)
		source_add(s->f, true, drain);
}

/* The table of sources grows while events of this turn wait for their calls. */
static void grows_in_a_callback(void **state)
{
	struct fixture *f = *state;
	unsigned i;

	for (i = 0; i < 10; i++)
		source_add(f, true, add_many);
	turn(f);
	assert_int_equal(f->n, 200);
	assert_int_equal(f->calls, 10);
	turn(f);
	for (i = 0; i < f->n; i++)
		assert_int_equal(f->sources[i].calls, 1);
}

static void many_sources(void **state)
{
	struct fixture *f = *state;
	unsigned i;

	for (i = 0; i < SOURCES; i++)
		source_add(f, true, drain);
	turn(f);
	turn(f);
	for (i = 0; i < SOURCES; i++)
		assert_int_equal(f->sources[i].calls, 1);
}

/* What cannot be watched takes no slot. */
static void bad_descriptor(void **state)
{
	struct fixture *f = *state;
	struct loop_io io;
	unsigned i;
	int fd;

	for (i = 0; i < 100; i++) {
		assert_int_equal(loop_io_add(f->loop, &io, -1, EPOLLIN, called, NULL), -EBADF);
		loop_io_remove(f->loop, &io);
	}
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(loop_io_add(f->loop, &io, fd, EPOLLIN, called, NULL), -EPERM);
	close(fd);
	assert_int_equal(source_add(f, true, drain)->io.slot, 1);
	turn(f);
	assert_int_equal(f->calls, 1);
}

/* --- Stop --- */

static void stop_io(struct source *s)
{
	loop_stop(s->f->loop);
}

static void stop_timer(void *ctx)
{
	struct fixture *f = ctx;

	f->calls++;
	loop_stop(f->loop);
}

static void stop_in_io(void **state)
{
	struct fixture *f = *state;
	unsigned i;

	for (i = 0; i < 5; i++)
		source_add(f, true, stop_io);
	assert_int_equal(loop_timer_set(f->loop, &f->timers[0], 1, stop_timer, f), 0);
	assert_int_equal(loop_run(f->loop), 0);
	assert_int_equal(f->calls, 1);
}

static void stop_in_timer(void **state)
{
	struct fixture *f = *state;
	unsigned i;

	for (i = 0; i < 5; i++)
		assert_int_equal(loop_timer_set(f->loop, &f->timers[i], 1, stop_timer, f), 0);
	assert_int_equal(loop_run(f->loop), 0);
	assert_int_equal(f->calls, 1);
}

struct crowd {
	struct fixture *f;
	struct loop_timer timers[500];
	unsigned fired, seen; /* when the descriptor was found ready */
};

static void fire(void *ctx)
{
	struct crowd *c = ctx;

	c->fired++;
}

static void see(void *ctx, uint32_t events)
{
	struct crowd *c = ctx;

	(void)events;
	c->seen = c->fired;
	drain(&c->f->sources[0]);
}

/* Who comes while very many timers are due does not wait for the last of them. */
static void timers_in_slices(void **state)
{
	struct crowd *c = calloc(1, sizeof(*c));
	struct fixture *f = *state;
	uint64_t one = 1;
	unsigned i;

	assert_non_null(c);
	c->f = f;
	source_add(f, false, NULL);
	loop_io_remove(f->loop, &f->sources[0].io);
	assert_int_equal(
		loop_io_add(f->loop, &f->sources[0].io, f->sources[0].fd, EPOLLIN, see, c), 0);
	for (i = 0; i < 500; i++)
		assert_int_equal(loop_timer_set(f->loop, &c->timers[i], 1 + i, fire, c), 0);
	turn(f);
	assert_in_range(c->fired, 1, 499);
	assert_int_equal(write(f->sources[0].fd, &one, sizeof(one)), sizeof(one));
	for (i = 0; i < 500 && c->fired < 500; i++)
		turn(f);
	assert_int_equal(c->fired, 500);
	assert_in_range(c->seen, 1, 499);
	free(c);
}

int main(void)
{
#define WITH_LOOP(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_LOOP(level_triggered),
		WITH_LOOP(change),
		WITH_LOOP(removes_itself),
		WITH_LOOP(removes_others),
		WITH_LOOP(slots_given_away),
		WITH_LOOP(grows_in_a_callback),
		WITH_LOOP(many_sources),
		WITH_LOOP(bad_descriptor),
		WITH_LOOP(stop_in_io),
		WITH_LOOP(stop_in_timer),
		WITH_LOOP(timers_in_slices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
