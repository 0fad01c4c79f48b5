#include "sessd/core_state.h"

#define FOREBEARS \
	(sizeof(((struct origin *)NULL)->forebear) / sizeof(((struct origin *)NULL)->forebear[0]))

void origin_of(const struct caller *caller, struct origin *ret)
{
	struct proc_stat st;
	pid_t pid;

	ret->audit_session = caller->audit_session;
	ret->n = 0;
	for (pid = caller->pid; ret->n < FOREBEARS && pid > 1 && proc_stat(pid, &st) == 0;
		pid = st.ppid) {
		ret->forebear[ret->n].pid = pid;
		ret->forebear[ret->n++].start = st.start;
	}
}

bool origin_is(const struct origin *o, const struct session *s)
{
	unsigned i;

	if (o->audit_session != PROC_NO_AUDIT && s->audit_session != 0)
		return o->audit_session == s->audit_session;
	for (i = 0; i < o->n; i++)
		if (o->forebear[i].pid == s->leader)
			return o->forebear[i].start == s->leader_start;
	return false;
}
