#include <string.h>

#include "sessctl/ocsf_class.h"

#define IAM "Identity & Access Management"

static const struct ocsf_class base = {
	OCSF_BASE, 0, "Uncategorized", 0, "Base Event", ACTIVITY_OTHER, "Other"};
static const struct ocsf_class authentication = {
	OCSF_AUTHENTICATION, 3, IAM, 3002, "Authentication", 0, NULL};
static const struct ocsf_class account = {OCSF_ACCOUNT, 3, IAM, 3001, "Account Change", 0, NULL};
static const struct ocsf_class entity = {OCSF_ENTITY, 3, IAM, 3004, "Entity Management", 0, NULL};
static const struct ocsf_class event_log = {
	OCSF_LOG, 1, "System Activity", 1008, "Event Log Activity", 0, NULL};

static struct ocsf_class with_activity(
	const struct ocsf_class *class, unsigned id, const char *name)
{
	struct ocsf_class c = *class;

	c.activity_id = id;
	c.activity_name = name;
	return c;
}

static struct ocsf_class of_kind(const struct ocsf_class *class, const struct kind *kind)
{
	return with_activity(class, kind->activity, kind->activity_words);
}

static struct ocsf_class of_session(const struct line *line)
{
	const char *class = line_str(line, "class");
	struct ocsf_class c = of_kind(&authentication, line->kind);

	if (c.activity_id == ACTIVITY_LOGON && class != NULL && strcmp(class, "elevation") == 0)
		c = with_activity(&authentication, OCSF_ACCOUNT_SWITCH, "Account Switch");
	if (c.activity_id == ACTIVITY_LOGOFF || strcmp(line->event, "session_ending") == 0)
		c.is |= OCSF_ENDING;
	return c;
}

/* Account Change is of users alone; a lock of another kind is a thing that is made and taken away.
 */
static struct ocsf_class of_lock(const struct line *line)
{
	if (line_locked_user(line) != NULL)
		return of_kind(&account, line->kind);
	if (line->kind->activity == ACTIVITY_LOCK)
		return with_activity(&entity, 1, "Create");
	return with_activity(&entity, 4, "Delete");
}

struct ocsf_class ocsf_class_of(const struct line *line)
{
	switch (line->kind->subject) {
	case SUBJECT_SESSION:
		/* the class must have a user */
		if (line_str(line, "user") != NULL)
			return of_session(line);
		break;
	case SUBJECT_LOCK:
		if (line_str(line, "lock") != NULL)
			return of_lock(line);
		break;
	case SUBJECT_CONFIG:
		return of_kind(&entity, line->kind);
	case SUBJECT_LEDGER:
		return of_kind(&event_log, line->kind);
	case SUBJECT_NONE:
		break;
	}
	return base;
}
