/* What was ordered of this host, and is not done: who ordered it and why not goes to the log, and,
 * where it was signed with a key that is known, to sessd's ledger. */
#include <stdio.h>
#include <string.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/agent.h"

/* So many in such a time; whoever writes more does not fill the ledger with them. */
#define TURN   (60 * NS_PER_SEC)
#define A_TURN 20
/* And so many are answered that nobody known has signed: one lock is written once, and answered by
 * all hosts of the fleet. */
#define STRANGERS_A_TURN 4

bool refusals_too_many(struct refusals *r)
{
	uint64_t now = clock_boot();

	if (r->n == 0 || now - r->since >= TURN)
		*r = (struct refusals){.since = now};
	if (r->n++ == A_TURN)
		log_warning("more is refused or broken than is told one by one");
	return r->n > A_TURN;
}

bool refusal_tell(struct agent *a, const struct signer *by, const char *what, const char *why)
{
	struct wire_refusal msg = {.by = ""};
	char text[TEXT_STR_MAX + 1];

	if (refusals_too_many(&a->refusals))
		return false;
	snprintf(text, sizeof(text), "%.120s: %.128s", what, why);
	text_escape(text, strlen(text), msg.text, sizeof(msg.text));
	log_warning("not carried out, signed by %s: %s", by != NULL ? by->name : "nobody known",
		msg.text);
	if (by == NULL)
		return a->refusals.n <= STRANGERS_A_TURN;
	memcpy(msg.by, by->name, sizeof(msg.by));
	agent_tell(a, WIRE_refusal, &msg);
	return true;
}
