/*
 * The last line on the terminals of a login that is not ended at once: that it ends, why, and when
 * what still runs is killed. The terminals are looked for without holding up the loop. Where that
 * fails or takes long, the session ends without a word; where a terminal took the line, whoever
 * reads it there (sshd) is given a moment to pass it on.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/terminal.h"

#define LOOK_LONGEST (200 * NS_PER_MS)
#define LINGER	     (50 * NS_PER_MS)

struct farewell {
	struct terminal_look look; /* first: looked() is given it alone */
	struct core *core;
	struct session *session;
	struct loop_timer timer;
	bool looking;
	char text[TEXT_LONG_MAX + 1];
};

void farewell_free(struct farewell *f)
{
	if (f == NULL)
		return;
	if (f->looking)
		terminal_look_cancel(&f->look);
	loop_timer_cancel(f->core->parts.loop, &f->timer);
	free(f);
}

static void over(void *ctx)
{
	struct farewell *f = ctx;
	struct core *core = f->core;
	struct session *s = f->session;

	farewell_free(f);
	ending_said(core, s);
}

static void looked(struct terminal_look *look, int error)
{
	struct farewell *f = (struct farewell *)(void *)look;
	bool said = false;
	uint32_t i;

	/* those that were found are told, even where one was missed */
	(void)error;
	f->looking = false;
	for (i = 0; i < look->n_tty; i++)
		if (terminal_say(look->tty[i], f->text) == 0)
			said = true;
	if (!said ||
		loop_timer_set(f->core->parts.loop, &f->timer, clock_boot() + LINGER, over, f) < 0)
		over(f);
}

/* `sessd: this session ends now: … (policy "short"), MESSAGE; what still runs in 30s is killed` */
static void compose(struct farewell *f, uint64_t grace, const char *message)
{
	const struct session *s = f->session;
	char policy[TEXT_STR_MAX + 16] = "", last[DURATION_TEXT + 40] = "", time[DURATION_TEXT];

	if (ending_is_scheduled(s->reason) && s->policy != NULL)
		snprintf(policy, sizeof(policy), " (policy \"%s\")", s->policy);
	if (grace > 0)
		snprintf(last, sizeof(last), "; what still runs in %s is killed",
			duration_format(grace, time));
	snprintf(f->text, sizeof(f->text), "sessd: this session ends now: %s%s%s%s%s",
		reason_words(s->reason), policy, message[0] ? ", " : "", message, last);
}

struct farewell *farewell_begin(
	struct core *core, struct session *s, uint64_t grace, const char *message)
{
	struct farewell *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->core = core;
	f->session = s;
	f->look = input_question(core, s);
	f->look.done = looked;
	compose(f, grace, message);
	f->looking = loop_timer_set(core->parts.loop, &f->timer, clock_boot() + LOOK_LONGEST, over,
			     f) == 0 &&
		     terminal_look_begin(core->parts.sweep, &f->look) == 0;
	if (f->looking)
		return f;
	farewell_free(f);
	return NULL;
}
