#include <security/_pam_types.h>
#include <stdio.h>

#include "pam_module/answer.h"

/*  A(request, reply, reader): the replies that a request may have. Anything else is hostile. */
#define ANSWERS(A)                       \
	A(acct, granted, read_granted)   \
	A(acct, refused, read_refused)   \
	A(acct, error, read_error)       \
	A(acct, outdated, read_outdated) \
	A(open, granted, read_granted)   \
	A(open, refused, read_refused)   \
	A(open, error, read_error)       \
	A(close, done, read_done)        \
	A(close, error, read_close_error)

static void read_granted(const struct wire_frame *frame, struct answer *ret)
{
	ret->verdict = frame->u.granted.tracked ? VERDICT_GRANTED : VERDICT_UNTRACKED;
	if (!frame->u.granted.tracked)
		return;
	ret->keep_token = frame->u.granted.keep_token;
	ret->runtime_max = frame->u.granted.runtime_max;
	snprintf(ret->notice, sizeof(ret->notice), "%s", frame->u.granted.notice);
}

static void read_refused(const struct wire_frame *frame, struct answer *ret)
{
	ret->verdict = VERDICT_REFUSED;
	ret->reason = frame->u.refused.reason;
	snprintf(ret->text, sizeof(ret->text), "%s", frame->u.refused.text);
}

static void read_outdated(const struct wire_frame *frame, struct answer *ret)
{
	(void)frame;
	ret->verdict = VERDICT_OUTDATED;
}

static void read_error(const struct wire_frame *frame, struct answer *ret)
{
	ret->verdict = VERDICT_UNAVAILABLE;
	ret->reason = REASON_UNAVAILABLE;
	snprintf(ret->text, sizeof(ret->text), "%s",
		frame->u.error.text[0] != '\0' ? frame->u.error.text
					       : wire_error_words(frame->u.error.code));
}

static void read_done(const struct wire_frame *frame, struct answer *ret)
{
	(void)frame;
	ret->verdict = VERDICT_CLOSED;
}

static void read_close_error(const struct wire_frame *frame, struct answer *ret)
{
	read_error(frame, ret);
	if (frame->u.error.code == WIRE_E_NO_SESSION)
		ret->verdict = VERDICT_UNKNOWN;
}

static const struct {
	enum wire_type request, reply;
	void (*read)(const struct wire_frame *frame, struct answer *ret);
} answers[] = {
#define ANSWER_ROW(request, reply, reader) {WIRE_##request, WIRE_##reply, reader},
	ANSWERS(ANSWER_ROW)
#undef ANSWER_ROW
};

void answer_of_frame(enum wire_type request, const struct wire_frame *frame, struct answer *ret)
{
	size_t i;

	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		if (answers[i].request != request || answers[i].reply != frame->type)
			continue;
		*ret = (struct answer){.verdict = VERDICT_HOSTILE};
		answers[i].read(frame, ret);
		return;
	}
	answer_of_status(CLIENT_HOSTILE, "", ret);
}

static enum verdict status_verdict(enum client_status status)
{
	switch (status) {
	case CLIENT_DOWN:
	case CLIENT_TIMEOUT:
	case CLIENT_FORBIDDEN:
	case CLIENT_VERSION:
	case CLIENT_INVALID: /* our own bug, so nobody's attack */
		return VERDICT_UNAVAILABLE;
	case CLIENT_OK: /* no failure, so there is nothing here that could let anybody in */
	case CLIENT_HOSTILE:
		break;
	}
	return VERDICT_HOSTILE;
}

void answer_of_status(enum client_status status, const char *detail, struct answer *ret)
{
	*ret = (struct answer){.verdict = status_verdict(status), .reason = REASON_UNAVAILABLE};
	snprintf(ret->text, sizeof(ret->text), "%s%s%s", client_status_words(status),
		detail[0] != '\0' ? ": " : "", detail);
}

int answer_pam(enum reason reason)
{
	static const struct {
		enum reason reason;
		int pam;
	} table[] = {
#define PAM_ROW(id, code, name, use, words, pam_code) {REASON_##id, pam_code},
		REASONS(PAM_ROW)
#undef PAM_ROW
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].reason == reason && table[i].pam != PAM_SUCCESS)
			return table[i].pam;
	return PAM_PERM_DENIED;
}
