/*
 * How long a user's logins have been idle, and how old they are, told to who asks from another host
 * which of them is to go. They are told as durations: the clocks of two hosts are never compared.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/log.h"
#include "sessd/terminal.h"

/* Logins that one answer tells of, the oldest first. */
#define SESSIONS_MAX 256

/* One login. It may end while it is looked at, so this has all that the look needs. */
struct row {
	struct terminal_look look; /* first */
	struct inquiry *inquiry;
	struct sid sid;
	char *cgroup;
	bool looking;
};

struct inquiry {
	LIST_ENTRY(inquiry) link; /* core.inquiries */
	struct core *core;
	struct answer *answer;
	size_t n, open; /* rows; those that are being looked at */
	struct row row[];
};

static void inquiry_free(struct inquiry *q)
{
	size_t i;

	LIST_REMOVE(q, link);
	for (i = 0; i < q->n; i++) {
		if (q->row[i].looking)
			terminal_look_cancel(&q->row[i].look);
		free(q->row[i].cgroup);
	}
	free(q);
}

static bool is_asked_for(const struct session *s)
{
	return s->class == CLASS_LOGIN && s->phase == PHASE_ACTIVE;
}

static void tell(struct inquiry *q)
{
	struct wire_done done = {.count = 0};
	const struct session *s;
	size_t i;

	for (i = 0; i < q->n; i++) {
		s = session_by_sid(&q->core->table, &q->row[i].sid);
		if (s == NULL || !is_asked_for(s))
			continue;
		answer_send(q->answer, WIRE_idleness,
			&(struct wire_idleness){.sid = s->sid,
				.idle = input_idle(q->core, s, q->row[i].look.last_input),
				.age = input_age(q->core, s)},
			false);
		done.count++;
	}
	answer_send(q->answer, WIRE_done, &done, true);
	inquiry_free(q);
}

static void looked(struct terminal_look *look, int error)
{
	struct row *row = (struct row *)(void *)look;
	struct inquiry *q = row->inquiry;

	row->looking = false;
	if (error != 0)
		log_warning("how idle a session is cannot be seen (%s): it counts from its login",
			strerror(-error));
	if (--q->open == 0)
		tell(q);
}

/* One that cannot be looked at counts from its login. */
static void look_at(struct inquiry *q, struct row *row, const struct session *s)
{
	row->inquiry = q;
	row->sid = s->sid;
	row->look = input_question(q->core, s);
	row->look.done = looked;
	row->cgroup = strdup(row->look.cgroup);
	row->look.cgroup = row->cgroup;
	row->looking =
		row->cgroup != NULL && terminal_look_begin(q->core->parts.sweep, &row->look) == 0;
	q->open += row->looking;
}

void idleness_tell(struct core *core, uid_t uid, struct answer *answer)
{
	const struct account *a = session_account(&core->table, uid);
	size_t n = a == NULL ? 0 : a->n < SESSIONS_MAX ? a->n : SESSIONS_MAX;
	struct inquiry *q = calloc(1, sizeof(*q) + n * sizeof(q->row[0]));
	const struct session *s;

	if (q == NULL) {
		answer_error(answer, WIRE_E_UNAVAILABLE, "out of memory");
		return;
	}
	q->core = core;
	q->answer = answer;
	LIST_INSERT_HEAD(&core->inquiries, q, link);
	for (s = a ? a->first : NULL; s != NULL && q->n < n; s = s->account_next)
		if (is_asked_for(s))
			look_at(q, &q->row[q->n++], s);
	if (q->open == 0)
		tell(q);
}

void idleness_forget(struct core *core)
{
	while (!LIST_EMPTY(&core->inquiries))
		inquiry_free(LIST_FIRST(&core->inquiries));
}
