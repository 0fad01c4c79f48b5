/*
 * What a user is told at his login (NIST SP 800-53 AC-9): his last login and what was refused
 * since, his other sessions, and when this one will end. The words are made here alone; the module
 * prints them line by line, and the ledger has them as they were given.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/timestamp.h"
#include "sessd/core_state.h"

/* Sessions that are named. */
#define NAMED_SESSIONS 3

/* Bytes of a name, a host or a terminal that are shown, and room for them when each is escaped. */
#define NAME_SHOWN 64
#define NAME_ROOM  (4 * NAME_SHOWN + 1)

/* Room for all lines at their longest; what is beyond a TEXT is cut off in the end. */
#define LINES_ROOM 4096

struct lines {
	char text[LINES_ROOM];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void say(struct lines *l, const char *format, ...)
{
	size_t left = sizeof(l->text) - l->len;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(l->text + l->len, left, format, ap);
	va_end(ap);
	if (n > 0)
		l->len += (size_t)n < left ? (size_t)n : left - 1;
}

static void end_line(struct lines *l)
{
	say(l, WIRE_LINE_END);
}

/* As others chose it: nothing in it may look like a line of ours. */
static const char *shown(const char *name, char out[NAME_ROOM])
{
	char cut[NAME_SHOWN + 1];
	size_t n = 0;
	const char *p;

	text_escape(text_or_empty(name), strlen(text_or_empty(name)), cut, sizeof(cut));
	for (p = cut; *p != '\0'; p++)
		n += (size_t)snprintf(out + n, NAME_ROOM - n, *p == ';' ? "\\x3b" : "%c", *p);
	out[n] = '\0';
	return out;
}

/* `sshd from 10.0.0.7`, `login on /dev/tty1` */
static void say_where(struct lines *l, const char *service, const char *rhost, const char *tty)
{
	char name[NAME_ROOM];

	say(l, "%s", shown(service, name));
	if (*text_or_empty(rhost) != '\0')
		say(l, " from %s", shown(rhost, name));
	/* sshd calls every terminal so, before it knows whether there will be one */
	else if (*text_or_empty(tty) != '\0' && strcmp(tty, "ssh") != 0)
		say(l, " on %s", shown(tty, name));
}

/* NULL: there is none, or it cannot be told. `frame` is room for it. */
static const struct wire_stored *last_login(
	const struct ledger_past *past, struct wire_frame *frame)
{
	if (past == NULL || past->len == 0 || frame == NULL ||
		wire_decode(past->record, past->len, frame) < 0 || frame->type != WIRE_stored)
		return NULL;
	return &frame->u.stored;
}

static void say_refused(struct lines *l, const char *since, uint64_t n)
{
	say(l, "Refused attempts %s: %s%llu", since, n >= LEDGER_REFUSED_MAX ? "at least " : "",
		(unsigned long long)n);
	end_line(l);
}

static void say_past(struct lines *l, const struct ledger_past *past)
{
	struct wire_frame *frame = malloc(sizeof(*frame));
	const struct wire_stored *last = last_login(past, frame);
	char when[TIMESTAMP_TEXT];

	if (last != NULL) {
		say(l, "Previous login: %s, ", timestamp_local(last->opened_at, when));
		say_where(l, last->service, last->rhost, last->tty);
		end_line(l);
		say_refused(l, "since then", past->refused);
	} else if (past != NULL && past->len == 0) {
		say(l, "Previous login: none, this is the first one on record");
		end_line(l);
		say_refused(l, "so far", past->refused);
	} else {
		say(l, "Previous login: not known, because the ledger cannot be used now");
		end_line(l);
	}
	free(frame);
}

static bool is_other(const struct session *s, const struct session *other)
{
	return other != s && other->class == CLASS_LOGIN;
}

static void say_others(struct lines *l, const struct session *s)
{
	const struct session *other;
	char since[TIMESTAMP_TEXT];
	uint32_t n = 0, named = 0;

	for (other = s->account->first; other != NULL; other = other->account_next)
		n += is_other(s, other) && other->phase == PHASE_ACTIVE;
	say(l, "Your other sessions on this host: ");
	if (n == 0)
		say(l, "none");
	else
		say(l, "%u (", n);
	for (other = s->account->first; named < n && other != NULL; other = other->account_next) {
		if (!is_other(s, other) || other->phase != PHASE_ACTIVE)
			continue;
		if (named == NAMED_SESSIONS) {
			say(l, ", and %u more", n - named);
			break;
		}
		say(l, "%s", named++ > 0 ? ", " : "");
		say_where(l, other->service, other->rhost, other->tty);
		say(l, " since %s", timestamp_brief(other->opened_at, s->opened_at, since));
	}
	if (n > 0)
		say(l, ")");
	end_line(l);
}

static void say_end(struct lines *l, const struct session *s)
{
	char when[TIMESTAMP_TEXT], lasts[DURATION_TEXT], policy[NAME_ROOM];

	if (s->deadline_at != 0)
		say(l, "This session ends at %s, after %s (policy \"%s\")",
			timestamp_local(s->expires_at, when),
			duration_format(s->expires_at - s->opened_at, lasts),
			shown(s->policy, policy));
	else if (s->policy != NULL)
		say(l, "This session has no end of its own (policy \"%s\" exempts it)",
			shown(s->policy, policy));
	else
		say(l, "This session has no end of its own");
}

/* Where the policies in force now say so. */
static void say_idle(struct lines *l, const struct core *core, const struct session *s)
{
	char lasts[DURATION_TEXT], policy[NAME_ROOM];
	struct subject subject;
	struct limits limits;

	session_subject(s, &subject);
	policy_resolve(&core->parts.config->policies, &subject, &limits);
	if (limits.idle == 0)
		return;
	say(l, "%s if nobody types for %s (policy \"%s\")",
		s->deadline_at != 0 ? ", or" : ", but ends", duration_format(limits.idle, lasts),
		shown(limits.idle_policy, policy));
}

uint64_t notice_last_live(const struct session *s)
{
	const struct session *other;
	uint64_t last = 0;

	for (other = s->account->first; other != NULL; other = other->account_next)
		if (is_other(s, other) && other->phase != PHASE_OPENING &&
			other->reason != REASON_UNAVAILABLE && other->row_id > last)
			last = other->row_id;
	return last;
}

void notice_give(struct core *core, const struct session *s, const struct ledger_past *past,
	char ret_lines[TEXT_LONG_MAX + 1])
{
	const struct remark remark = {.text = ret_lines};
	struct lines l = {.len = 0};

	say_past(&l, past);
	say_others(&l, s);
	say_end(&l, s);
	say_idle(&l, core, s);
	text_escape(l.text, l.len, ret_lines, TEXT_LONG_MAX + 1);
	core_append(core, s, ENTRY_NOTICE_GIVEN, &remark, false, NULL, NULL);
}
