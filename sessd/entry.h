/*
 * What the ledger says: one entry for each event that somebody may want to prove later. The kinds
 *and the members are declared here, once. A line of the ledger is
 *
 *	{"seq":N,"prev":"…","time":"…","event":"session_opened",…}
 *
 * with the members below in this order, those that are empty left out.
 */
#ifndef SESSD_ENTRY_H
#define SESSD_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/field.h"
#include "common/json.h"

/* clang-format off */
/*  K(ID, name, what happened) */
#define ENTRY_KINDS(K) \
	K(DAEMON_STARTED,  "daemon_started",  "sessd came up; `text` names what it found") \
	K(DAEMON_STOPPED,  "daemon_stopped",  "sessd was told to stop; no session is harmed") \
	K(CONFIG_LOADED,   "config_loaded",   "the configuration was read") \
	K(CONFIG_REJECTED, "config_rejected", "a new configuration has a mistake; the one before holds") \
	K(SESSION_OPENED,  "session_opened",  "a login was let in") \
	K(SESSION_ADOPTED, "session_adopted", "a login that was let in while sessd was away is tracked from now on") \
	K(SESSION_EXTENDED, "session_extended", "the end of a session by lifetime was moved") \
	K(SESSION_WARNED, "session_warned", "the user was told that the session will end") \
	K(SESSION_REFUSED, "session_refused", "a login was turned away") \
	K(SESSION_ENDING,  "session_ending",  "sessd began to end a session") \
	K(SESSION_ENDED,   "session_ended",   "a session is over; with `elapsed`: its processes are gone") \
	K(SESSION_SURVIVED, "session_survived", "processes of a session that was ended are still there") \
	K(LEFTOVERS_KEPT,  "leftovers_kept",  "processes outlived a normal logout") \
	K(LEFTOVERS_ENDED, "leftovers_ended", "what outlived its session was ended") \
	K(LOCK_SET,        "lock_set",        "a lock stands from now on; `text` has why, and its message") \
	K(LOCK_LIFTED,     "lock_lifted",     "a lock was taken away") \
	K(LOCK_EXPIRED,    "lock_expired",    "a lock has run out") \
	K(NOTICE_GIVEN,    "notice_given",    "what the user was told at login") \
	K(PROOF_LACKING,   "proof_lacking",   "su or sudo was let through, and its caller's session is over or he has no token of it; `text` says which") \
	K(REAUTHENTICATED, "reauthenticated", "the user of a session proved anew who he is; `auth` says how") \
	K(REAUTH_REFUSED,  "reauth_refused",  "the user of a session tried to prove himself again, and did not; `text` says why") \
	K(PASSWORD_CHANGED, "password_changed", "a user's password was changed, for which `count` other sessions of his end") \
	K(FLEET_OVERSHOOT, "fleet_overshoot", "a user has `count` sessions in the fleet, and `policy` allows `limit`; `text` says what they are, and whether some are ended") \
	K(LEDGER_GAP,      "ledger_gap",      "`count` events could not be kept while the ledger could not be written") \
	K(LEDGER_STARTED,  "ledger_started",  "a new ledger begins; `text` says why") \
	K(SEAL_STARTED,    "seal_started",    "the ledger is sealed from here on, first with `next_key`; `text` says why") \
	K(CHECKPOINT,      "checkpoint",      "all events before this one are sealed") \
	K(LEDGER_PRUNED,   "ledger_pruned",   "`count` events, `first` to `last`, had been kept for as long as `retain` says, and were removed") \
	K(LEDGER_READ,     "ledger_read",     "an administrator read `count` events, `first` to `last`; without `last`: all from `first` on, as they come") \
	K(ORDER_REFUSED,   "order_refused",   "an order or lock that came over the fleet, signed by `by`, was not carried out; `text` says which and why") \
	K(HEAD_BROKEN,     "head_broken",     "the ledger of a host of the fleet lacks the event `last`, whose `hash` is kept elsewhere: it was cut off, rolled back or replaced; `text` says whose, and what it has instead")

#define ENTRY_FIELDS(F, R) \
	F(R, TIME,   time,           1, REQUIRED) \
	F(R, STR,    event,          2, REQUIRED) \
	F(R, SID,    sid,            3, OPTIONAL) \
	F(R, SID,    parent,         4, OPTIONAL) \
	F(R, CLASS,  class,          5, OPTIONAL) \
	F(R, STR,    user,           6, OPTIONAL) \
	F(R, UID,    uid,            7, OPTIONAL) \
	F(R, STR,    service,        8, OPTIONAL) \
	F(R, STR,    tty,            9, OPTIONAL) \
	F(R, STR,    rhost,         10, OPTIONAL) \
	F(R, STR,    ruser,         11, OPTIONAL) \
	F(R, STR,    auth,          12, OPTIONAL) \
	F(R, U64,    leader_pid,    13, OPTIONAL) \
	F(R, U64,    audit_session, 14, OPTIONAL) \
	F(R, TIME,   opened_at,     15, OPTIONAL) \
	F(R, TIME,   expires_at,    16, OPTIONAL) \
	F(R, STR,    policy,        17, OPTIONAL) /* that let it in, ended it or refused it */ \
	F(R, REASON, reason,        18, OPTIONAL) \
	F(R, STR,    by,            19, OPTIONAL) /* the administrator, or the user himself */ \
	F(R, SID,    by_sid,        20, OPTIONAL) /* the session that he spoke from */ \
	F(R, TEXT,   text,          21, OPTIONAL) \
	F(R, U64,    limit,         22, OPTIONAL) /* cap: the limit … */ \
	F(R, U64,    count,         23, OPTIONAL) /* … and the number found; gap: events lost */ \
	F(R, U64,    signalled,     24, OPTIONAL) \
	F(R, DUR,    elapsed,       25, OPTIONAL) \
	F(R, U64,    survivors,     26, OPTIONAL) \
	F(R, TEXT,   survivor_list, 27, OPTIONAL) \
	F(R, STR,    boot_id,       28, OPTIONAL) \
	F(R, TIME,   old_expires_at,    29, OPTIONAL) /* extended: the end before */ \
	F(R, STR,    lock,          30, OPTIONAL) /* `user bob`: that was set, or that refused or ended */ \
	F(R, DUR,    grace,         31, OPTIONAL) /* ending: from SIGHUP and SIGTERM to the kill */ \
	F(R, STR,    message,       32, OPTIONAL) /* ending: that was added to the last line */ \
	F(R, SID,    other_sid,     33, OPTIONAL) /* the session whose token was shown in the place of the parent's */ \
	F(R, HEX,    key,           34, OPTIONAL) /* checkpoint: that signs it, in hex */ \
	F(R, HEX,    next_key,      35, OPTIONAL) /* checkpoint, seal_started: that signs the next one */ \
	F(R, HEX,    signature,     36, OPTIONAL) /* checkpoint: of the line up to here; the last member of such a line */ \
	F(R, U64,    first,         45, OPTIONAL) /* ledger_pruned, ledger_read: the first event of them */ \
	F(R, U64,    last,          46, OPTIONAL) /* … and the last one; ledger_started: the last checkpoint of the ledger before; head_broken: the event that is lacking */ \
	F(R, HEX,    hash,          47, OPTIONAL) /* ledger_pruned, ledger_started, head_broken: of the line of `last` */ \
	F(R, BOOL,   fleet,         48, OPTIONAL) /* lock_set, lock_lifted, lock_expired: it is one of the fleet */
/* clang-format on */

enum entry_kind {
#define ENTRY_ENUM(id, name, help) ENTRY_##id,
	ENTRY_KINDS(ENTRY_ENUM)
#undef ENTRY_ENUM
};

struct entry {
	ENTRY_FIELDS(FIELD_DECL, entry)
};

/* Bytes of a line without seq and prev, at the most: room for every text at its longest and with
 * each byte of it escaped as \u00NN. With seq and prev it fits LEDGER_PAGE. */
#define ENTRY_MAX 30720

const char *entry_name(enum entry_kind kind);

bool entry_is(const struct entry *e, enum entry_kind kind);

/* An entry of that kind, all else empty. */
void entry_init(struct entry *e, enum entry_kind kind, uint64_t wall_ns);

/* The members, as a JSON object `{"time":…}`, which the ledger completes. -EMSGSIZE cannot happen
 * with ENTRY_MAX. */
int entry_format(const struct entry *e, char *buf, size_t size, size_t *ret_len);

#endif
