/*
 * The kinds of events that the ledger has, and what each is called where others read it: its words,
 * its weight, and its place in OCSF 1.6.0 and in the Elastic Common Schema. sessd/entry.h says what
 * kinds there are; a test fails when one of them has no row here.
 */
#ifndef SESSCTL_KIND_H
#define SESSCTL_KIND_H

#include <stddef.h>

enum kind_weight { WEIGHT_INFO, WEIGHT_NOTICE, WEIGHT_WARNING, WEIGHT_ALARM };

/* What an event is about, from which its class in OCSF follows. */
enum kind_subject {
	SUBJECT_NONE,
	SUBJECT_SESSION,
	SUBJECT_LOCK,
	SUBJECT_CONFIG,
	SUBJECT_LEDGER,
};

enum kind_outcome { OUTCOME_SUCCESS, OUTCOME_FAILURE };

/* `activity` of the class: 99 is `other`, and the words say what. */
#define ACTIVITY_LOGON	1
#define ACTIVITY_LOGOFF 2
#define ACTIVITY_LOCK	9
#define ACTIVITY_OTHER	99

/* clang-format off */
/*  K(name, words, weight, subject, activity, its words, categories of ECS, types of ECS, outcome) */
#define KINDS(K) \
	K(daemon_started,   "sessd started",                  NOTICE,  LEDGER,  6,               "Start",            "process",                "start",       SUCCESS) \
	K(daemon_stopped,   "sessd stopped",                  NOTICE,  LEDGER,  7,               "Stop",             "process",                "end",         SUCCESS) \
	K(config_loaded,    "Configuration loaded",           NOTICE,  CONFIG,  3,               "Update",           "configuration",          "change",      SUCCESS) \
	K(config_rejected,  "Configuration rejected",         WARNING, CONFIG,  3,               "Update",           "configuration",          "change",      FAILURE) \
	K(session_opened,   "Session opened",                 INFO,    SESSION, ACTIVITY_LOGON,  "Logon",            "authentication session", "start",       SUCCESS) \
	K(session_adopted,  "Session adopted",                NOTICE,  SESSION, ACTIVITY_LOGON,  "Logon",            "authentication session", "start",       SUCCESS) \
	K(session_extended, "Session extended",               NOTICE,  SESSION, ACTIVITY_OTHER,  "Session Extended", "session",                "info",        SUCCESS) \
	K(session_refused,  "Login refused",                  WARNING, SESSION, ACTIVITY_LOGON,  "Logon",            "authentication",         "start",       FAILURE) \
	K(session_warned,   "User warned of the end",         INFO,    SESSION, ACTIVITY_OTHER,  "Session Warned",   "session",                "info",        SUCCESS) \
	K(session_ending,   "Session is being ended",         NOTICE,  SESSION, ACTIVITY_OTHER,  "Session Ending",   "session",                "info",        SUCCESS) \
	K(session_ended,    "Session ended",                  INFO,    SESSION, ACTIVITY_LOGOFF, "Logoff",           "session",                "end",         SUCCESS) \
	K(session_survived, "Processes survived their end",   ALARM,   SESSION, ACTIVITY_OTHER,  "Session Survived", "session",                "info",        FAILURE) \
	K(notice_given,     "Notice given at login",          INFO,    SESSION, ACTIVITY_OTHER,  "Notice Given",     "session",                "info",        SUCCESS) \
	K(leftovers_kept,   "Processes outlived a logout",    NOTICE,  SESSION, ACTIVITY_OTHER,  "Leftovers Kept",   "process",                "info",        SUCCESS) \
	K(leftovers_ended,  "Leftover processes ended",       NOTICE,  SESSION, ACTIVITY_OTHER,  "Leftovers Ended",  "process",                "end",         SUCCESS) \
	K(lock_set,         "Lock set",                       NOTICE,  LOCK,    ACTIVITY_LOCK,   "Lock",             "iam",                    "change",      SUCCESS) \
	K(lock_lifted,      "Lock lifted",                    NOTICE,  LOCK,    12,              "Unlock",           "iam",                    "change",      SUCCESS) \
	K(lock_expired,     "Lock expired",                   INFO,    LOCK,    12,              "Unlock",           "iam",                    "change",      SUCCESS) \
	K(proof_lacking,    "Elevation without proof",        NOTICE,  SESSION, ACTIVITY_OTHER,  "Proof Lacking",    "session",                "info",        SUCCESS) \
	K(reauthenticated,  "User authenticated again",       INFO,    SESSION, ACTIVITY_OTHER,  "Reauthenticated",  "authentication session", "info",        SUCCESS) \
	K(reauth_refused,   "Re-authentication refused",      WARNING, SESSION, ACTIVITY_OTHER,  "Reauth Refused",   "authentication",         "info",        FAILURE) \
	K(password_changed, "Password changed",               NOTICE,  SESSION, ACTIVITY_OTHER,  "Password Changed", "iam",                    "change",      SUCCESS) \
	K(fleet_overshoot,  "Cap exceeded in the fleet",      WARNING, SESSION, ACTIVITY_OTHER,  "Fleet Overshoot",  "session",                "info",        SUCCESS) \
	K(ledger_gap,       "Events lost",                    ALARM,   LEDGER,  ACTIVITY_OTHER,  "Gap",              "host",                   "info",        FAILURE) \
	K(ledger_started,   "Ledger begun",                   NOTICE,  LEDGER,  5,               "Rotate",           "host",                   "info",        SUCCESS) \
	K(seal_started,     "Seal begun",                     WARNING, LEDGER,  ACTIVITY_OTHER,  "Seal",             "host",                   "info",        SUCCESS) \
	K(checkpoint,       "Checkpoint signed",              INFO,    LEDGER,  ACTIVITY_OTHER,  "Checkpoint",       "host",                   "info",        SUCCESS) \
	K(ledger_pruned,    "Old events removed",             NOTICE,  LEDGER,  ACTIVITY_OTHER,  "Prune",            "host",                   "info",        SUCCESS) \
	K(ledger_read,      "Ledger read",                    NOTICE,  LEDGER,  ACTIVITY_OTHER,  "Read",             "host",                   "info",        SUCCESS) \
	K(order_refused,    "Order over the fleet refused",   WARNING, SESSION, ACTIVITY_OTHER,  "Order Refused",    "configuration",          "info",        FAILURE) \
	K(head_broken,      "Ledger rolled back or cut off",  ALARM,   LEDGER,  ACTIVITY_OTHER,  "Head Broken",      "host",                   "info",        FAILURE)
/* clang-format on */

struct kind {
	const char *name;
	const char *words;
	enum kind_weight weight;
	enum kind_subject subject;
	unsigned activity;
	const char *activity_words;
	const char *ecs_category; /* words, separated by blanks */
	const char *ecs_type;
	enum kind_outcome outcome;
};

extern const struct kind kinds[];
extern const size_t n_kinds;

/* `daemon_started|daemon_stopped|…`: the words of an option. A constant, as rows of a table need.
 */
extern const char kind_barred[];
#define KIND_NAMES (kind_barred + 1)

/* NULL: there is none. */
const struct kind *kind_find(const char *name, size_t len);

/* The same, but that what is not known is given a row of its own. */
const struct kind *kind_of(const char *name);

#endif
