/*
 * Open Cybersecurity Schema Framework 1.6.0, with the profiles host and security_control, one JSON
 * object a line. Sessions are Authentication (3002); locks of a user Account Change (3001), other
 * locks and the configuration Entity Management (3004); the daemon and the ledger Event Log
 * Activity (1008); what is not known is a Base Event (0). Members without an attribute of their own
 * are in `unmapped`.
 */
#include <string.h>

#include "common/duration.h"
#include "common/version.h"
#include "sessctl/format.h"
#include "sessctl/ocsf_class.h"
#include "sessctl/source.h"
#include "sessctl/mapping.h"

#define OCSF_VERSION "1.6.0"

static const struct mapping_place places[] = {
	{"time", "metadata.original_time", MAPPING_SAME, OCSF_ANY},
	{"event", "metadata.event_code", MAPPING_SAME, OCSF_ANY},
	{"seq", "metadata.sequence", MAPPING_SAME, OCSF_ANY},
	{"user", "user.name", MAPPING_SAME, OCSF_AUTHENTICATION},
	{"uid", "user.uid", MAPPING_STRING, OCSF_AUTHENTICATION},
	{"sid", "session.uid", MAPPING_SAME, OCSF_AUTHENTICATION},
	{"audit_session", "session.uid_alt", MAPPING_STRING, OCSF_AUTHENTICATION},
	{"opened_at", "session.created_time", MAPPING_MS, OCSF_AUTHENTICATION},
	{"expires_at", "session.expiration_time", MAPPING_MS, OCSF_AUTHENTICATION},
	{"tty", "session.terminal", MAPPING_SAME, OCSF_AUTHENTICATION},
	{"reason", "session.expiration_reason", MAPPING_SAME, OCSF_ENDING},
	{"reason", "status_code", MAPPING_SAME, OCSF_ANY},
	{"text", "status_detail", MAPPING_SAME, OCSF_ANY},
	{"service", "service.name", MAPPING_SAME, OCSF_AUTHENTICATION},
	{"leader_pid", "logon_process.pid", MAPPING_SAME, OCSF_AUTHENTICATION},
	{"by", "actor.user.name", MAPPING_SAME, OCSF_ANY},
	{"ruser", "actor.user.name", MAPPING_SAME, OCSF_AUTHENTICATION},
	{"by_sid", "actor.session.uid", MAPPING_SAME, OCSF_ANY},
	{"parent", "actor.session.uid", MAPPING_SAME, OCSF_AUTHENTICATION},
	{"policy", "policy.name", MAPPING_SAME, OCSF_ANY},
	{"boot_id", "device.boot_uid", MAPPING_SAME, OCSF_ANY},
};

static void put_id(
	struct mapping *m, const char *id, unsigned n, const char *name, const char *words)
{
	mapping_put_integer(m, id, n);
	mapping_put_string(m, name, words);
}

static void put_class(struct mapping *m, const struct line *line, const struct ocsf_class *c)
{
	static const struct {
		unsigned id;
		const char *name;
	} severities[] = {
		[WEIGHT_INFO] = {1, "Informational"},
		[WEIGHT_NOTICE] = {2, "Low"},
		[WEIGHT_WARNING] = {3, "Medium"},
		[WEIGHT_ALARM] = {4, "High"},
	};
	bool failed = line->kind->outcome == OUTCOME_FAILURE;

	mapping_put_integer(m, "time", line->time / NS_PER_MS);
	put_id(m, "category_uid", c->category_uid, "category_name", c->category_name);
	put_id(m, "class_uid", c->class_uid, "class_name", c->class_name);
	put_id(m, "activity_id", c->activity_id, "activity_name", c->activity_name);
	mapping_put_integer(m, "type_uid", c->class_uid * 100 + c->activity_id);
	put_id(m, "severity_id", severities[line->kind->weight].id, "severity",
		severities[line->kind->weight].name);
	put_id(m, "status_id", failed ? 2 : 1, "status", failed ? "Failure" : "Success");
	mapping_put_string(m, "message", line->kind->words);
}

static void put_metadata(struct mapping *m, const char *host)
{
	json_t *profiles = json_pack("[s, s]", "host", "security_control");

	mapping_put_string(m, "metadata.version", OCSF_VERSION);
	mapping_put(m, "metadata.profiles", profiles);
	mapping_put_string(m, "metadata.product.name", "sessd");
	mapping_put_string(m, "metadata.product.vendor_name", "sessd");
	mapping_put_string(m, "metadata.product.version", SESSD_VERSION);
	mapping_put_string(m, "metadata.log_name", "ledger");
	mapping_put_string(m, "metadata.log_provider", "sessd");
	mapping_put_string(m, "device.hostname", host);
	put_id(m, "device.type_id", 1, "device.type", "Server");
}

/* What was decided: a login let in or turned away, a session that was taken away. */
static void put_decision(struct mapping *m, const struct line *line, const struct ocsf_class *c)
{
	/* in these, nobody but the user himself or a machine's start ended it */
	static const char *const by_itself[] = {"logout", "leader_gone", "reboot"};
	const char *reason = line_str(line, "reason");
	size_t i;

	if (c->activity_id == ACTIVITY_LOGON || c->activity_id == OCSF_ACCOUNT_SWITCH) {
		if (line->kind->outcome == OUTCOME_FAILURE) {
			put_id(m, "action_id", 2, "action", "Denied");
			put_id(m, "disposition_id", 2, "disposition", "Blocked");
		} else {
			put_id(m, "action_id", 1, "action", "Allowed");
			put_id(m, "disposition_id", 1, "disposition", "Allowed");
		}
		return;
	}
	if (!(c->is & OCSF_ENDING) || reason == NULL)
		return;
	for (i = 0; i < sizeof(by_itself) / sizeof(by_itself[0]); i++)
		if (strcmp(reason, by_itself[i]) == 0)
			return;
	put_id(m, "action_id", 2, "action", "Denied");
	put_id(m, "disposition_id", 24, "disposition", "Access Revoked");
}

static void put_source(struct mapping *m, const struct line *line)
{
	const char *rhost = line_str(line, "rhost");

	mapping_put(m, "is_remote", json_boolean(rhost != NULL));
	mapping_put(m, "session.is_remote", json_boolean(rhost != NULL));
	if (rhost == NULL)
		return;
	mapping_put_string(m,
		source_of(rhost) == SOURCE_NAME ? "src_endpoint.hostname" : "src_endpoint.ip",
		rhost);
	mapping_drop(m, "rhost");
}

/* sshd gives PAM the terminal `ssh`, whatever the login is for: more than that it came over the
 * network is not known. */
static void put_logon_type(struct mapping *m, const struct line *line)
{
	const char *class = line_str(line, "class"), *tty = line_str(line, "tty");
	bool remote = line_str(line, "rhost") != NULL;

	if (class != NULL && strcmp(class, "background") == 0)
		put_id(m, "logon_type_id", 4, "logon_type", "Batch");
	else if (class == NULL || strcmp(class, "login") != 0)
		return;
	else if (!remote)
		put_id(m, "logon_type_id", 2, "logon_type", "Interactive");
	else if (tty == NULL || strcmp(tty, "ssh") == 0)
		put_id(m, "logon_type_id", 3, "logon_type", "Network");
	else
		put_id(m, "logon_type_id", 10, "logon_type", "Remote Interactive");
}

static json_t *factor_of(const char *method, size_t len)
{
	static const char password[] = "password";

	if (len == sizeof(password) - 1 && strncmp(method, password, len) == 0)
		return json_pack("{s:i, s:s}", "factor_type_id", 11, "factor_type", "Password");
	return json_pack("{s:i, s:s%}", "factor_type_id", 99, "factor_type", method, len);
}

/* `publickey SHA256:…, password`: a method and what it was done with, and the next. */
static void put_factors(struct mapping *m, const char *auth)
{
	json_t *factors = json_array();
	const char *at, *key = strstr(auth, "SHA256:");

	for (at = auth; at[0] != '\0'; at += strspn(at, ", ")) {
		if (json_array_append_new(factors, factor_of(at, strcspn(at, " ,"))) < 0)
			m->failed = true;
		at += strcspn(at, ",");
	}
	mapping_put(m, "is_mfa", json_boolean(json_array_size(factors) > 1));
	mapping_put(m, "auth_factors", factors);
	if (key != NULL)
		mapping_put(m, "session.credential_uid", json_stringn(key, strcspn(key, " ,")));
	if (strncmp(auth, "gssapi", strlen("gssapi")) == 0) {
		put_id(m, "auth_protocol_id", 2, "auth_protocol", "Kerberos");
		return;
	}
	mapping_put_integer(m, "auth_protocol_id", 99);
	mapping_put(m, "auth_protocol", json_stringn(auth, strcspn(auth, " ,")));
}

static void put_session(struct mapping *m, const struct line *line, const struct ocsf_class *c)
{
	double elapsed = json_number_value(json_object_get(line->members, "elapsed"));
	const char *auth = line_str(line, "auth");

	put_decision(m, line, c);
	put_source(m, line);
	put_logon_type(m, line);
	if (auth != NULL && auth[0] != '\0')
		put_factors(m, auth);
	if (c->activity_id == OCSF_ACCOUNT_SWITCH)
		put_id(m, "account_switch_type_id", 1, "account_switch_type", "Substitute User");
	/* whole ms; `unmapped` has it exactly */
	if (elapsed > 0 && elapsed < 9e9)
		mapping_put_integer(m, "duration", (uint64_t)(elapsed * 1e3));
}

/* What was changed: a lock that is of no user, or the configuration. */
static void put_entity(struct mapping *m, const struct line *line)
{
	const char *lock = line_str(line, "lock");

	mapping_put_string(m, "entity.name", lock != NULL ? lock : "sessd.conf");
	mapping_put_string(m, "entity.type", lock != NULL ? "lock" : "configuration");
}

static void put_subject(struct mapping *m, const struct line *line, const char *host)
{
	const struct ocsf_class c = ocsf_class_of(line);

	mapping_move(m, places, sizeof(places) / sizeof(places[0]), c.is);
	put_class(m, line, &c);
	put_metadata(m, host);
	if (c.is & OCSF_AUTHENTICATION) {
		mapping_put_string(m, "dst_endpoint.hostname", host);
		put_session(m, line, &c);
	} else if (c.is & OCSF_ACCOUNT) {
		mapping_put_string(m, "user.name", line_locked_user(line));
	} else if (c.is & OCSF_ENTITY) {
		put_entity(m, line);
	} else if (c.is & OCSF_LOG) {
		mapping_put_string(m, "log_name", "ledger");
		put_id(m, "log_type_id", 2, "log_type", "Application");
	}
}

bool format_ocsf_write(FILE *out, const struct line *line, const char *host)
{
	struct mapping m;
	bool ok;

	mapping_init(&m, line);
	put_subject(&m, line, host);
	ok = mapping_print(&m, "unmapped", out);
	mapping_fini(&m);
	return ok;
}
