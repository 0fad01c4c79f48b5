/*
 * What can be found in a ledger and counts for a control: which lines are such a fact, whether one
 * of them can be worse than another, and how many are kept to be shown. Declared here, once.
 */
#ifndef SESSCTL_FACT_H
#define SESSCTL_FACT_H

#include "sessctl/listing.h"
#include "sessctl/sighting.h"
#include "sessctl/spread.h"

/* By what the worst case is found. */
enum fact_measure {
	FACT_COUNTED,	/* by nothing: it is there or not */
	FACT_ELAPSED,	/* from the order to the last exit, ns */
	FACT_FOUND,	/* sessions found, or events lost */
	FACT_SURVIVORS, /* processes */
	FACT_LATE,	/* from the end of the lifetime to the order, ns */
};

/* Bits of classes and reasons; 0: whatever it is. */
#define FACT_LOGIN     (1u << CLASS_LOGIN)
#define FACT_ELEVATION (1u << CLASS_ELEVATION)
#define FACT_OF(name)  (1u << REASON_##name)
#define FACT_ORDERED   (FACT_OF(REVOKED) | FACT_OF(LOCKED))

#define FACT_ARRIVED  "session_opened", "session_adopted"
#define FACT_COMMANDS "session_extended", "lock_set", "lock_lifted"

/* clang-format off */
/*  F(ID, name, words, classes, reasons, test, measure, lines that are kept, events…) */
#define FACTS(F) \
	F(LOGINS,         "logins",               "logins let in",                                             FACT_LOGIN,     0,                     NULL,        COUNTED,   0, "session_opened") \
	F(ADOPTED,        "adopted",              "logins taken in that were let in while sessd was away",     FACT_LOGIN,     0,                     NULL,        COUNTED,   10, "session_adopted") \
	F(EXEMPT,         "exempt_logins",        "logins exempt from every limit",                            FACT_LOGIN,     0,                     is_exempt,   COUNTED,   20, FACT_ARRIVED) \
	F(UNBOUND,        "unbound_logins",       "logins to which the kernel gave no audit session",          FACT_LOGIN,     0,                     is_unbound,  COUNTED,   0, FACT_ARRIVED) \
	F(KEYED,          "keyed_logins",         "logins bound to the fingerprint of a key",                  FACT_LOGIN,     0,                     has_key,     COUNTED,   0, FACT_ARRIVED) \
	F(LOCKED_IN,      "locked_logins",        "logins let in while their user was locked",                 FACT_LOGIN,     0,                     is_locked,   COUNTED,   20, FACT_ARRIVED) \
	F(ELEVATIONS,     "elevations",           "elevations (su, sudo and their like)",                      FACT_ELEVATION, 0,                     NULL,        COUNTED,   100, "session_opened") \
	F(NOTICES,        "notices",              "logins at which the user was told of the ones before",      0,              0,                     NULL,        COUNTED,   0, "notice_given") \
	F(WARNINGS,       "warnings",             "warnings given before the end of a session",                0,              0,                     NULL,        COUNTED,   0, "session_warned") \
	F(IDLE_WARNINGS,  "idle_warnings",        "warnings given before an end for being idle",               0,              FACT_OF(IDLE),         NULL,        COUNTED,   0, "session_warned") \
	F(IDLE_ENDS,      "idle_ends",            "sessions ended for being idle",                             0,              FACT_OF(IDLE),         NULL,        ELAPSED,   0, "session_ended") \
	F(LIFETIME_ENDS,  "lifetime_ends",        "sessions ended at the end of their lifetime",               0,              FACT_OF(LIFETIME),     NULL,        ELAPSED,   0, "session_ended") \
	F(REVOKED_ENDS,   "revoked_ends",         "sessions ended by an order",                                0,              FACT_OF(REVOKED),      NULL,        ELAPSED,   0, "session_ended") \
	F(LOCKED_ENDS,    "locked_ends",          "sessions ended by a lock",                                  0,              FACT_OF(LOCKED),       NULL,        ELAPSED,   0, "session_ended") \
	F(EVICTED_ENDS,   "evicted_ends",         "sessions that gave way to a newer login",                   0,              FACT_OF(EVICTED),      NULL,        ELAPSED,   0, "session_ended") \
	F(CAP_ENDS,       "cap_ends",             "sessions ended as too many, let in while sessd was away",   0,              FACT_OF(CAP),          NULL,        ELAPSED,   0, "session_ended") \
	F(PASSWORD_ENDS,  "password_ends",        "sessions ended by a change of the password",                0,              FACT_OF(PASSWORD_CHANGED), NULL,    ELAPSED,   0, "session_ended") \
	F(LEFT_ENDED,     "leftovers_ended",      "ends of what had outlived its session",                     0,              0,                     NULL,        ELAPSED,   0, "leftovers_ended") \
	F(LEFT_ORDERED,   "leftovers_ordered",    "ends of what had outlived its session, by order or lock",   0,              FACT_ORDERED,          NULL,        ELAPSED,   0, "leftovers_ended") \
	F(LEFT_KEPT,      "leftovers_kept",       "logouts that left processes running, as configured",        0,              0,                     NULL,        SURVIVORS, 0, "leftovers_kept") \
	F(SURVIVED,       "survived",             "ends after which a process was there 10 s after the kill",  0,              0,                     NULL,        SURVIVORS, 20, "session_survived") \
	F(ORDER_SURVIVED, "order_survived",       "orders and locks after which a process was there 10 s after the kill", 0,   FACT_ORDERED,          NULL,        SURVIVORS, 20, "session_survived") \
	F(IDLE_SURVIVED,  "idle_survived",        "ends for being idle after which a process was there 10 s after the kill", 0, FACT_OF(IDLE),         NULL,        SURVIVORS, 20, "session_survived") \
	F(OVERDUE,        "overdue",              "sessions that went on for over a minute after their lifetime", FACT_LOGIN,  0,                     is_overdue,  LATE,      20, "session_ended") \
	F(EXTENDED,       "extended",             "lifetimes that an administrator extended",                  0,              0,                     NULL,        COUNTED,   20, "session_extended") \
	F(REFUSED,        "refused",              "logins and elevations refused",                             0,              0,                     NULL,        COUNTED,   100, "session_refused") \
	F(CAP_REFUSED,    "cap_refused",          "logins refused at the limit",                               0,              FACT_OF(CAP),          NULL,        FOUND,     10, "session_refused") \
	F(OVER_CAP,       "over_limit",           "refusals that found more sessions than the limit",          0,              FACT_OF(CAP),          is_over_cap, FOUND,     20, "session_refused") \
	F(LOCKED_REFUSED, "locked_refused",       "logins refused by a lock",                                  0,              FACT_OF(LOCKED),       NULL,        COUNTED,   0, "session_refused") \
	F(REAUTH_REFUSED, "reauth_refused",       "elevations refused until a new authentication",             0,              FACT_OF(REAUTH),       NULL,        COUNTED,   0, "session_refused") \
	F(TOKEN_REFUSED,  "token_refused",        "elevations refused for a token that is not the session's",  0,              FACT_OF(TOKEN_MISMATCH), NULL,      COUNTED,   0, "session_refused") \
	F(REAUTHS,        "reauthenticated",      "re-authentications",                                        0,              0,                     NULL,        COUNTED,   0, "reauthenticated") \
	F(REAUTH_FAILED,  "reauth_failed",        "re-authentications that failed",                            0,              0,                     NULL,        COUNTED,   0, "reauth_refused") \
	F(UNPROVEN,       "proof_lacking",        "elevations let through without proof of a live session",    0,              0,                     NULL,        COUNTED,   20, "proof_lacking") \
	F(PASSWORDS,      "passwords_changed",    "changes of passwords",                                      0,              0,                     NULL,        COUNTED,   0, "password_changed") \
	F(LOCKS,          "locks_set",            "locks set",                                                 0,              0,                     NULL,        COUNTED,   0, "lock_set") \
	F(LOCK_HISTORY,   "lock_events",          "locks set, lifted and run out",                             0,              0,                     NULL,        COUNTED,   100, "lock_set", "lock_lifted", "lock_expired") \
	F(ACTS,           "acts",                 "orders that name who gave them",                            0,              0,                     is_act,      COUNTED,   100, FACT_COMMANDS, "session_ended") \
	F(NAMELESS,       "nameless_acts",        "orders that name nobody",                                   0,              0,                     is_nameless, COUNTED,   20, FACT_COMMANDS, "session_ended") \
	F(CONFIGS,        "configurations",       "configurations loaded",                                     0,              0,                     NULL,        COUNTED,   20, "config_loaded") \
	F(BAD_CONFIGS,    "configurations_rejected", "configurations with a mistake, rejected",                0,              0,                     NULL,        COUNTED,   20, "config_rejected") \
	F(STARTS,         "starts",               "starts of sessd",                                           0,              0,                     NULL,        COUNTED,   0, "daemon_started") \
	F(STOPS,          "stops",                "stops of sessd",                                            0,              0,                     NULL,        COUNTED,   0, "daemon_stopped") \
	F(CHECKPOINTS,    "checkpoints",          "signed checkpoints",                                        0,              0,                     NULL,        COUNTED,   0, "checkpoint") \
	F(NEW_SEALS,      "seals_anew",           "times that the seal began anew",                            0,              0,                     is_later,    COUNTED,   20, "seal_started") \
	F(NEW_LEDGERS,    "ledgers",              "beginnings of a ledger",                                    0,              0,                     NULL,        COUNTED,   10, "ledger_started") \
	F(SET_ASIDE,      "ledgers_set_aside",    "ledgers set aside as damaged, in whose place this one began", 0,           0,                     has_last,    COUNTED,   20, "ledger_started") \
	F(ORDERS_REFUSED, "orders_refused",       "orders and locks of the fleet that were refused",           0,              0,                     NULL,        FOUND,     20, "order_refused") \
	F(HEADS_BROKEN,   "heads_broken",         "ledgers of the fleet that were cut off, rolled back or replaced",   0,       0,                     NULL,        FOUND,     20, "head_broken") \
	F(READS,          "reads",                "readings of the ledger",                                    0,              0,                     NULL,        COUNTED,   10, "ledger_read") \
	F(PRUNED,         "pruned",               "removals of what was older than its time",                  0,              0,                     NULL,        COUNTED,   10, "ledger_pruned") \
	F(GAPS,           "gaps",                 "times that events could not be kept",                       0,              0,                     NULL,        FOUND,     20, "ledger_gap")
/* clang-format on */

enum fact_id {
#define FACT_ENUM(id, ...) FACT_##id,
	FACTS(FACT_ENUM)
#undef FACT_ENUM
		N_FACTS
};

#define FACT_EVENTS_MAX 4

struct fact_row {
	const char *name, *words;
	unsigned classes, reasons;
	bool (*test)(const struct sighting *s); /* NULL: no more is asked */
	enum fact_measure measure;
	size_t keep;
	const char *events[FACT_EVENTS_MAX]; /* the kinds of events, NULL behind them */
};

extern const struct fact_row fact_rows[N_FACTS];

/* What was found of one fact. */
struct fact {
	uint64_t n;
	uint64_t worst;	  /* by its measure */
	char *worst_line; /* the line of it; NULL: none */
	struct listing kept;
};

/* -ENOMEM */
int facts_add(struct fact facts[N_FACTS], const struct sighting *s);
void facts_init(struct fact facts[N_FACTS]);
void facts_fini(struct fact facts[N_FACTS]);

#endif
