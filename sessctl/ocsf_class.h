/* Which class of the Open Cybersecurity Schema Framework 1.6.0 a line of the ledger is of. */
#ifndef SESSCTL_OCSF_CLASS_H
#define SESSCTL_OCSF_CLASS_H

#include "sessctl/line.h"

/* Bits of `is`. */
enum {
	OCSF_BASE = 1,
	OCSF_AUTHENTICATION = 2,
	OCSF_ENDING = 4, /* beside it: the end of a session, or its way there */
	OCSF_ACCOUNT = 8,
	OCSF_ENTITY = 16,
	OCSF_LOG = 32,
	OCSF_ANY = OCSF_BASE | OCSF_AUTHENTICATION | OCSF_ACCOUNT | OCSF_ENTITY | OCSF_LOG,
};

/* Of Authentication, beside those of a kind: the user became another one. */
#define OCSF_ACCOUNT_SWITCH 7

/* Numbers and captions are the schema's. The strings are constants. */
struct ocsf_class {
	unsigned is;
	unsigned category_uid;
	const char *category_name;
	unsigned class_uid;
	const char *class_name;
	unsigned activity_id;
	const char *activity_name;
};

struct ocsf_class ocsf_class_of(const struct line *line);

#endif
