#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/timestamp.h"
#include "common/version.h"
#include "reauth/attempt.h"
#include "reauth/hearing.h"
#include "reauth/judge.h"
#include "reauth/requester.h"

/* As sudo asks. */
#define ATTEMPTS 3
/* From the connection to `prove`, which is there already as a rule. */
#define GREETING (2 * NS_PER_SEC)

struct hearing {
	struct requester requester;
	struct channel channel;
	struct judge judge;
	struct wire_claimant claimant;
};

/* What went wrong between us; one who is gone hears nothing. */
static void break_off(struct hearing *h, int error)
{
	switch (error) {
	case -ETIMEDOUT:
		channel_error(&h->channel, WIRE_E_LIMIT, "no time is left; ask again");
		break;
	case -EPROTO:
		channel_error(&h->channel, WIRE_E_PROTOCOL, NULL);
		break;
	case -EPROTONOSUPPORT:
		channel_error(&h->channel, WIRE_E_VERSION, NULL);
		break;
	case -ENOTSUP:
		channel_error(&h->channel, WIRE_E_UNAVAILABLE,
			"a PAM module asks for something that is no text");
		break;
	case -EPIPE:
		break;
	default:
		channel_error(&h->channel, WIRE_E_UNAVAILABLE, strerror(-error));
	}
}

static int welcome(struct hearing *h)
{
	struct channel *ch = &h->channel;
	const struct wire_hello *hello = &ch->frame.u.hello;
	struct wire_welcome msg = {
		.version = WIRE_VERSION_MAX, .program = "sessd-reauth " SESSD_VERSION};
	int r = channel_recv(ch, WIRE_hello);

	if (r < 0)
		return r;
	if (hello->version_min > WIRE_VERSION_MAX || hello->version_max < WIRE_VERSION_MIN)
		return -EPROTONOSUPPORT;
	if (hello->version_max < WIRE_VERSION_MAX)
		msg.version = hello->version_max;
	r = channel_send(ch, WIRE_welcome, &msg);
	return r < 0 ? r : channel_recv(ch, WIRE_prove);
}

/* What sessd said is what the requester is told. */
static void pass_on(struct hearing *h)
{
	(void)channel_send(&h->channel, h->judge.frame.type, &h->judge.frame.u);
}

/* The name may have been given to somebody else since the session began. */
static bool is_same_user(const struct hearing *h)
{
	const struct passwd *pw = getpwnam(h->claimant.user);

	return pw != NULL && pw->pw_uid == h->requester.uid && h->claimant.uid == h->requester.uid;
}

/* May he try? False: he was told why not. */
static bool begin(struct hearing *h)
{
	const struct wire_reauth ask = {.pid = (uint64_t)h->requester.pid};

	judge_ask(&h->judge, WIRE_reauth, &ask, WIRE_claimant);
	if (h->judge.frame.type != WIRE_claimant) {
		pass_on(h);
		return false;
	}
	h->claimant = h->judge.frame.u.claimant;
	if (!requester_lives(&h->requester))
		return false;
	if (is_same_user(h))
		return true;
	syslog(LOG_WARNING, "uid %u asks for a session of %s: not the same user",
		(unsigned)h->requester.uid, h->claimant.user);
	channel_error(&h->channel, WIRE_E_NOT_PERMITTED, NULL);
	return false;
}

static void log_attempt(const struct hearing *h, const struct attempt *a)
{
	char sid[SID_HEX + 1];

	sid_hex(&h->claimant.sid, sid)[SID_SHORT] = '\0';
	syslog(a->proved ? LOG_INFO : LOG_NOTICE, "%s (uid %u, pid %d%s%s) for session %s: %s",
		a->user, (unsigned)h->requester.uid, (int)h->requester.pid,
		a->tty[0] != '\0' ? ", " : "", a->tty, sid,
		a->proved ? "authenticated again" : a->text);
}

/* Tells sessd, which may have changed its mind about the session meanwhile. */
static void report(struct hearing *h, const struct attempt *a)
{
	struct wire_reauthenticated msg = {.pid = (uint64_t)h->requester.pid,
		.start = h->claimant.start,
		.sid = h->claimant.sid,
		.uid = h->claimant.uid,
		.proved = a->proved};

	memcpy(msg.user, h->claimant.user, sizeof(msg.user));
	if (!a->proved)
		memcpy(msg.text, a->text, sizeof(msg.text));
	judge_ask(&h->judge, WIRE_reauthenticated, &msg, WIRE_done);
}

static void refuse(struct hearing *h, const struct attempt *a)
{
	struct wire_refused msg = {.reason = REASON_REAUTH};

	snprintf(msg.text, sizeof(msg.text), "%s", a->text);
	(void)channel_send(&h->channel, WIRE_refused, &msg);
}

static int say_again(struct hearing *h)
{
	const struct wire_prompt msg = {.style = WIRE_STYLE_ERROR, .text = "Sorry, try again."};

	return channel_send(&h->channel, WIRE_prompt, &msg);
}

enum outcome { OUTCOME_REFUSED, OUTCOME_AGAIN, OUTCOME_PROVED };

static enum outcome try_once(struct hearing *h, bool last)
{
	struct relay relay = {.channel = &h->channel};
	struct attempt a = {.user = h->claimant.user, .tty = h->claimant.tty, .relay = &relay};

	attempt_make(&a);
	if (a.proved && !requester_lives(&h->requester))
		attempt_void(&a);
	log_attempt(h, &a);
	report(h, &a);
	if (relay.error != 0) {
		break_off(h, relay.error);
		return OUTCOME_REFUSED;
	}
	if (a.proved || h->judge.frame.type != WIRE_done) {
		pass_on(h);
		return h->judge.frame.type == WIRE_done ? OUTCOME_PROVED : OUTCOME_REFUSED;
	}
	if (a.again && !last && say_again(h) == 0)
		return OUTCOME_AGAIN;
	refuse(h, &a);
	return OUTCOME_REFUSED;
}

static int hold(struct hearing *h)
{
	enum outcome outcome = OUTCOME_AGAIN;
	int i, r;

	r = welcome(h);
	if (r < 0) {
		break_off(h, r);
		return 1;
	}
	h->channel.deadline = clock_boot() + HEARING_TIMEOUT;
	for (i = 1; i <= ATTEMPTS && outcome == OUTCOME_AGAIN && begin(h); i++)
		outcome = try_once(h, i == ATTEMPTS);
	return outcome == OUTCOME_PROVED ? 0 : 1;
}

int hearing_hold(int fd, const char *judge)
{
	struct hearing *h = calloc(1, sizeof(*h));
	int r;

	if (h == NULL)
		return 1;
	h->judge.path = judge;
	r = requester_init(&h->requester, fd);
	if (r == 0)
		r = channel_init(&h->channel, fd, h->requester.pid, clock_boot() + GREETING);
	r = r == 0 ? hold(h) : 1;
	requester_fini(&h->requester);
	channel_wipe(&h->channel);
	free(h);
	return r;
}
