/*
 * A line on a session's terminals before sessd ends it. It goes wherever somebody may sit, once for
 * each end; what nobody could read is not recorded as told.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "sessd/core_state.h"
#include "sessd/log.h"

/* `5m` and not `4m59s`: the nearest second, or of what is less than that, millisecond. */
static char *rounded(uint64_t ns, char *out)
{
	uint64_t unit = ns >= NS_PER_SEC / 2 ? NS_PER_SEC : NS_PER_MS;

	return duration_format((ns + unit / 2) / unit * unit, out);
}

static void give(struct core *core, struct session *s, const struct terminal_look *look,
	const struct remark *remark)
{
	bool told = false;
	uint32_t i;
	int r;

	for (i = 0; i < look->n_tty; i++) {
		r = terminal_say(look->tty[i], remark->text);
		if (r == 0)
			told = true;
		else
			log_info("session of %s: no warning on one of its terminals: %s",
				text_or_empty(s->user), strerror(-r));
	}
	if (told)
		core_append(core, s, ENTRY_SESSION_WARNED, remark, false, NULL, NULL);
}

void warning_lifetime(
	struct core *core, struct session *s, const struct terminal_look *look, uint64_t left)
{
	char text[TEXT_LONG_MAX + 1], ends[DURATION_TEXT];
	struct remark remark = {.reason = REASON_LIFETIME, .policy = s->policy, .text = text};

	snprintf(text, sizeof(text),
		"sessd: this session ends in %s: its lifetime is over (policy \"%s\"). Save your "
		"work.",
		rounded(left, ends), text_or_empty(s->policy));
	give(core, s, look, &remark);
}

void warning_idle(struct core *core, struct session *s, const struct terminal_look *look,
	const struct limits *limits, uint64_t left)
{
	char text[TEXT_LONG_MAX + 1], ends[DURATION_TEXT], idle[DURATION_TEXT];
	struct remark remark = {.reason = REASON_IDLE, .policy = limits->idle_policy, .text = text};

	snprintf(text, sizeof(text),
		"sessd: this session ends in %s: idle for %s (policy \"%s\"). Press a key to stay.",
		rounded(left, ends), rounded(limits->idle - left, idle), limits->idle_policy);
	give(core, s, look, &remark);
}
