#include <string.h>

#include "common/duration.h"
#include "sessctl/moment.h"
#include "sessctl/sighting.h"

static uint64_t number(const struct line *line, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(line->members, name));

	return n > 0 ? (uint64_t)n : 0;
}

static uint64_t moment(const struct line *line, const char *name)
{
	const char *s = line_str(line, name);
	uint64_t ns;

	return s != NULL && moment_parse_exact(s, &ns) ? ns : 0;
}

/* Seconds with decimals, as ns; what is no span of time of sessd's own counts as the longest. */
static uint64_t span(double seconds)
{
	if (!(seconds > 0))
		return 0;
	return seconds < 3e8 ? (uint64_t)(seconds * 1e9 + 0.5) : 300000000 * NS_PER_SEC;
}

void sighting_of(const struct line *line, struct sighting *ret)
{
	const char *class = line_str(line, "class"), *reason = line_str(line, "reason");
	const json_t *elapsed = json_object_get(line->members, "elapsed");

	*ret = (struct sighting){
		.line = line,
		.event = line->event,
		.class = class ? class_by_name(class) : CLASS_NONE,
		.reason = reason ? reason_by_name(reason) : REASON_NONE,
		.user = line_str(line, "user"),
		.service = line_str(line, "service"),
		.rhost = line_str(line, "rhost"),
		.ruser = line_str(line, "ruser"),
		.auth = line_str(line, "auth"),
		.policy = line_str(line, "policy"),
		.by = line_str(line, "by"),
		.lock = line_str(line, "lock"),
		.limit = number(line, "limit"),
		.count = number(line, "count"),
		.survivors = number(line, "survivors"),
		.audit_session = number(line, "audit_session"),
		.timed = json_is_number(elapsed),
		.elapsed = span(json_number_value(elapsed)),
		.opened_at = moment(line, "opened_at"),
		.expires_at = moment(line, "expires_at"),
	};
}

bool sighting_is_arrival(const struct sighting *s)
{
	return strcmp(s->event, "session_opened") == 0 || strcmp(s->event, "session_adopted") == 0;
}

bool sighting_is_end_by_sessd(const struct sighting *s)
{
	return s->timed && strcmp(s->event, "session_ended") == 0;
}
