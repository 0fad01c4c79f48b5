/*
 * Which members an entry of each kind may have, beside seq, prev, time and event, which all have.
 * The rows make sessd-events(7), and the tests compare with them every line that they see.
 */
#ifndef SESSD_ENTRY_MEMBERS_H
#define SESSD_ENTRY_MEMBERS_H

#include "sessd/entry.h"

/* clang-format off */
/* What is known of the session when it is written. */
#define ENTRY_OF_SESSION \
	"sid parent class user uid service tty rhost ruser auth leader_pid audit_session opened_at expires_at policy "
/* Why it goes, and on whose order. */
#define ENTRY_OF_ORDER "reason by by_sid text lock "
/* What became of its processes. */
#define ENTRY_OF_PROCESSES "signalled elapsed survivors survivor_list "

/*  M(ID, members); a row for each of ENTRY_KINDS */
#define ENTRY_MEMBERS(M) \
	M(DAEMON_STARTED,   "text boot_id") \
	M(DAEMON_STOPPED,   "text boot_id") \
	M(CONFIG_LOADED,    "text boot_id") \
	M(CONFIG_REJECTED,  "text boot_id") \
	M(SESSION_OPENED,   ENTRY_OF_SESSION) \
	M(SESSION_ADOPTED,  ENTRY_OF_SESSION "reason text limit count") \
	M(SESSION_EXTENDED, ENTRY_OF_SESSION "old_expires_at by by_sid text") \
	M(SESSION_WARNED,   ENTRY_OF_SESSION "reason text") \
	M(SESSION_REFUSED,  ENTRY_OF_SESSION "reason text limit count lock other_sid") \
	M(SESSION_ENDING,   ENTRY_OF_SESSION ENTRY_OF_ORDER "limit count grace message") \
	M(SESSION_ENDED,    ENTRY_OF_SESSION ENTRY_OF_ORDER ENTRY_OF_PROCESSES) \
	M(SESSION_SURVIVED, ENTRY_OF_SESSION ENTRY_OF_ORDER ENTRY_OF_PROCESSES) \
	M(LEFTOVERS_KEPT,   "sid user uid service audit_session survivors survivor_list") \
	M(LEFTOVERS_ENDED,  "sid user uid service audit_session policy " ENTRY_OF_ORDER ENTRY_OF_PROCESSES) \
	M(LOCK_SET,         "lock expires_at by by_sid text fleet") \
	M(LOCK_LIFTED,      "lock expires_at by by_sid text fleet") \
	M(LOCK_EXPIRED,     "lock expires_at text fleet") \
	M(NOTICE_GIVEN,     ENTRY_OF_SESSION "text") \
	M(PROOF_LACKING,    ENTRY_OF_SESSION "text other_sid") \
	M(REAUTHENTICATED,  ENTRY_OF_SESSION "by by_sid") \
	M(REAUTH_REFUSED,   ENTRY_OF_SESSION "reason text") \
	M(PASSWORD_CHANGED, "user uid by by_sid text count") \
	M(FLEET_OVERSHOOT,  "user policy text limit count") \
	M(LEDGER_GAP,       "text count") \
	M(LEDGER_STARTED,   "text last hash") \
	M(SEAL_STARTED,     "text next_key") \
	M(CHECKPOINT,       "key next_key signature") \
	M(LEDGER_PRUNED,    "count first last hash") \
	M(LEDGER_READ,      "by by_sid count first last") \
	M(ORDER_REFUSED,    "by text") \
	M(HEAD_BROKEN,      "text last hash")
/* clang-format on */

#endif
