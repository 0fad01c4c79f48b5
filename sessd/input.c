/*
 * When somebody last typed in a session: the youngest access time of its terminals. They are looked
 * at only when the session could be idle, and a session without one never is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/log.h"

/* The kernel notes input to a terminal once in each span of so long (tty_update_time()): until the
 * end of that span, somebody may have typed without a trace. */
#define SPAN (8 * NS_PER_SEC)

/* Looks may take one tenth of the time, about; those that come due meanwhile share the next. */
#define REST	   10
#define REST_ERROR (5 * NS_PER_SEC)

/* Between the start of a leader and his login, who types a password. */
#define LOGIN (60 * NS_PER_SEC)

/* One look. */
struct input {
	struct terminal_look look; /* first */
	struct core *core;
	struct session *session;
};

/* --- The wall clock --- */

/* A timer that never comes, and that setting the clock cancels. */
static void watch_clock(struct core *core)
{
	const struct itimerspec never = {.it_value.tv_sec = (time_t)(INT64_MAX / NS_PER_SEC)};

	if (timerfd_settime(core->input.clock_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
		    &never, NULL) < 0)
		log_warning("timerfd: %s", strerror(errno));
}

static void clock_was_set(void *ctx, uint32_t events)
{
	struct core *core = ctx;
	uint64_t ticks;

	(void)events;
	if (read(core->input.clock_fd, &ticks, sizeof(ticks)) < 0 && errno == EAGAIN)
		return;
	/* first, so that whatever comes after the reading of the clocks wakes us again */
	watch_clock(core);
	if (wallclock_note(&core->input.clock, clock_wall(), clock_boot()))
		log_info("the clock was set; no deadline changes");
}

int input_init(struct core *core)
{
	struct input_state *input = &core->input;
	int r;

	input->clock_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (input->clock_fd < 0)
		return -errno;
	watch_clock(core);
	wallclock_init(&input->clock, clock_wall(), clock_boot());
	r = loop_io_add(
		core->parts.loop, &input->io, input->clock_fd, EPOLLIN, clock_was_set, core);
	if (r < 0)
		close(input->clock_fd);
	return r;
}

void input_fini(struct core *core)
{
	loop_io_remove(core->parts.loop, &core->input.io);
	close(core->input.clock_fd);
}

/* --- What a look says --- */

/*
 * Of a session from before this start: its login. Where the clock was set forward since, which
 * nobody saw, its opening seems to lie before its leader began, and its access times tell as
 * little: then it counts as typed to now.
 */
static uint64_t login_time(const struct core *core, const struct session *s, uint64_t now)
{
	uint64_t opened = wallclock_to_boot(&core->input.clock, s->opened_at, now);
	uint64_t leader = s->leader_start * (NS_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK));

	return opened + LOGIN < leader ? now : opened;
}

uint64_t input_age(const struct core *core, const struct session *s)
{
	uint64_t now = clock_boot();

	return now - login_time(core, s, now);
}

uint64_t input_idle(const struct core *core, const struct session *s, uint64_t last_input)
{
	uint64_t now = clock_boot(), login = login_time(core, s, now), typed = 0;

	if (last_input != 0)
		typed = wallclock_to_boot(&core->input.clock, last_input, now);
	return now - (typed > login ? typed : login);
}

/* Which span that access time is in; never 0. */
static uint32_t span_of(uint64_t last_input)
{
	return (uint32_t)(last_input / SPAN) + 1;
}

/* When the input was, by clock_boot(), at the latest. 0: it is the one that input_at was derived
 * from, which tells nothing new, whatever happened to the clock. */
static uint64_t moment_of(
	const struct core *core, const struct session *s, uint64_t input, uint64_t now)
{
	if (span_of(input) == s->input_span)
		return 0;
	return wallclock_to_boot(&core->input.clock, input, now) + SPAN - input % SPAN;
}

/* The youngest by clock_boot(): the largest access time may be of a clock that was set back since.
 */
static void note_input(const struct core *core, struct session *s, const struct terminal_look *look)
{
	uint64_t now = clock_boot(), at, best, input = look->last_input;
	uint32_t i;

	if (s->input_at == 0)
		s->input_at = login_time(core, s, now);
	/* last_input may be of a terminal that is not listed */
	best = look->n_tty > 0 ? moment_of(core, s, input, now) : now;
	for (i = 0; i < look->n_tty; i++) {
		at = moment_of(core, s, look->input[i], now);
		if (at <= best)
			continue;
		best = at;
		input = look->input[i];
	}
	/* of several terminals, the youngest may have been closed */
	if (best <= s->input_at)
		return;
	s->input_at = best;
	s->input_span = look->n_tty > 0 ? span_of(input) : 0;
	s->warned_idle = false;
}

static void look_done(struct terminal_look *look, int error)
{
	struct input *in = (struct input *)(void *)look;
	struct core *core = in->core;
	struct session *s = in->session;
	uint64_t rest = sweep_cost(core->parts.sweep) * REST;

	s->input = NULL;
	if (error != 0 && rest < REST_ERROR)
		rest = REST_ERROR;
	core->input.rest_until = clock_boot() + rest;
	if (error != 0 && !core->input.blind)
		log_warning("session of %s: its terminals cannot all be found (%s); tried again",
			text_or_empty(s->user), strerror(-error));
	core->input.blind = error != 0;
	if (s->phase == PHASE_ACTIVE && s->ending == NULL) {
		if (error == 0) {
			note_input(core, s, look);
			expiry_looked(core, s, look);
		} else {
			expiry_arm(core, s);
		}
	}
	free(in);
}

struct terminal_look input_question(const struct core *core, const struct session *s)
{
	return (struct terminal_look){
		.audit_session = s->sweep ? s->audit_session : PROC_NO_AUDIT,
		.cgroups = core->parts.cgroups,
		.cgroup = text_or_empty(s->cgroup),
		.leader = s->leader,
		.leader_start = s->leader_start,
		.uid = s->uid,
	};
}

void input_look(struct core *core, struct session *s)
{
	uint64_t now = clock_boot();
	struct input *in;

	if (s->input != NULL || now < core->input.rest_until)
		return;
	in = calloc(1, sizeof(*in));
	if (in == NULL) {
		core->input.rest_until = now + REST_ERROR;
		return;
	}
	in->core = core;
	in->session = s;
	in->look = input_question(core, s);
	in->look.done = look_done;
	if (terminal_look_begin(core->parts.sweep, &in->look) < 0) {
		free(in);
		core->input.rest_until = now + REST_ERROR;
		return;
	}
	s->input = in;
}

void input_forget(struct session *s)
{
	if (s->input == NULL)
		return;
	terminal_look_cancel(&s->input->look);
	free(s->input);
	s->input = NULL;
}
