#include <stdio.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "common/version.h"
#include "reauth/judge.h"

/* A disk may be slow, and the one who waits has just typed a password. */
#define PATIENCE (10 * NS_PER_SEC)

static void unavailable(struct judge *j, const char *why)
{
	j->frame.type = WIRE_error;
	j->frame.u.error = (struct wire_error){.code = WIRE_E_UNAVAILABLE};
	snprintf(j->frame.u.error.text, sizeof(j->frame.u.error.text), "%s", why);
}

void judge_ask(struct judge *j, enum wire_type type, const void *msg, enum wire_type expected)
{
	enum client_status status;

	status = client_open(
		&j->client, j->path, "sessd-reauth " SESSD_VERSION, clock_boot() + PATIENCE);
	if (status == CLIENT_OK) {
		status = client_send(&j->client, type, msg);
		if (status == CLIENT_OK)
			status = client_recv(&j->client, j->buf, &j->frame);
		client_close(&j->client);
	}
	if (status == CLIENT_OK && j->frame.type != expected && j->frame.type != WIRE_refused &&
		j->frame.type != WIRE_error)
		status = CLIENT_HOSTILE;
	if (status != CLIENT_OK)
		unavailable(j, client_status_words(status));
}
