/*
 * The wire between the module, sessctl, the fleet agent and sessd: every message, declared once.
 * PROTOCOL.md describes the same in prose, and a test compares the two.
 *
 * One message is one SOCK_SEQPACKET packet:
 *
 *	u8 version | u8 type | u16 zero | u32 serial | fields
 *	field:  u16 tag | u16 length | value
 *
 * The version is the one agreed on; `hello` and its answers, which come before that, never change
 *and carry 0. All numbers are big-endian. Fields come in the order of the rows, each at most once;
 *a tag that this version does not know is passed over (that is how a minor addition is made); a
 *missing required field, a repeated or misplaced one, a wrong length, bad text or bytes left over
 *make the message malformed. The serial is the requester's and is given back in every answer.
 */
#ifndef COMMON_WIRE_H
#define COMMON_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "common/field.h"

/* The protocol versions that this build speaks. */
#define WIRE_VERSION_MIN 1
#define WIRE_VERSION_MAX 1

/* Bytes of a packet; both sides refuse longer ones. */
#define WIRE_MAX    32768
#define WIRE_HEADER 8

/* Bytes of a BLOB field that a packet surely has room for. */
#define WIRE_BLOB_MAX 31000

/* The longest grace of a session's end, ns: an hour. */
#define WIRE_GRACE_MAX (UINT64_C(3600) * 1000000000)

/* Between the lines of a text that has several; a semicolon within one is written `\x3b`. */
#define WIRE_LINE_END "; "

#define WIRE_PAM_SOCKET	   "pam.sock"
#define WIRE_CTL_SOCKET	   "ctl.sock"
#define WIRE_FLEET_SOCKET  "fleet.sock"
#define WIRE_REAUTH_SOCKET "reauth.sock"

/* Of a `prompt`: what PAM wants of the user. */
enum wire_style {
	WIRE_STYLE_SECRET = 1, /* an answer that is not shown while he types it */
	WIRE_STYLE_PLAIN = 2,  /* one that is */
	WIRE_STYLE_ERROR = 3,  /* nothing: something went wrong */
	WIRE_STYLE_INFO = 4,   /* nothing */
};

/* Bytes of a `reply`; PAM_MAX_RESP_SIZE without its NUL. */
#define WIRE_REPLY_MAX 511

/* The user that sessd-fleet runs as; but for root the only one who may speak on that socket. */
#define WIRE_FLEET_USER "sessd-fleet"

/* Policies with a cap over the fleet that a configuration may have. */
#define WIRE_FLEET_CAPS_MAX 16

/* clang-format off */
/* Which socket a request is for; answers go where the request came from. */
enum wire_use {
	WIRE_ON_PAM = 1,
	WIRE_ON_CTL = 2,
	WIRE_ANSWER = 4,
	WIRE_FILE = 8,
	WIRE_FROZEN = 16, /* the same in every protocol version, and marked by version 0 */
	WIRE_ON_REAUTH = 32,
	WIRE_ON_FLEET = 64,
};

/*  M(name, code, use, what it is for) */
#define WIRE_MESSAGES(M) \
	M(hello,    1, WIRE_ON_PAM | WIRE_ON_CTL | WIRE_ON_REAUTH | WIRE_ON_FLEET | WIRE_FROZEN, "first message of a connection: the versions that the client speaks") \
	M(acct,     2, WIRE_ON_PAM, "would this login be let in? (advisory, so that the user reads why not)") \
	M(open,     3, WIRE_ON_PAM, "admit the session and record it; the peer is its leader") \
	M(close,    4, WIRE_ON_PAM, "the session ended normally") \
	M(spooled,  5, WIRE_FILE,   "what happened while the daemon was away, one file in pending/ each") \
	M(stored,   6, WIRE_FILE,   "the row of a session in the ledger's database") \
	M(locked,   8, WIRE_FILE | WIRE_ANSWER, "a lock: its file in locks/, its row in the ledger's database, and to locks") \
	M(list,    16, WIRE_ON_CTL, "one page of sessions") \
	M(show,    17, WIRE_ON_CTL, "one session by a prefix of its sid") \
	M(revoke,  18, WIRE_ON_CTL | WIRE_ON_FLEET, "end sessions now") \
	M(status,  19, WIRE_ON_CTL, "how the daemon is doing") \
	M(read,    20, WIRE_ON_CTL, "one page of the ledger, as the export prints it") \
	M(metrics, 21, WIRE_ON_CTL, "one page of the OpenMetrics text") \
	M(check,   22, WIRE_ON_CTL, "is the session that the asker speaks from live?") \
	M(seal,    24, WIRE_ON_CTL, "how is the ledger sealed? Or: seal it now") \
	M(explain, 26, WIRE_ON_CTL, "which limits would a login be under now?") \
	M(extend,  27, WIRE_ON_CTL, "move the end of a session by lifetime") \
	M(lock,    32, WIRE_ON_CTL | WIRE_ON_FLEET, "lock a user, group, source or key: end its sessions, refuse new ones") \
	M(unlock,  33, WIRE_ON_CTL | WIRE_ON_FLEET, "lift a lock") \
	M(locks,   34, WIRE_ON_CTL | WIRE_ON_FLEET, "the locks that stand") \
	M(head_broken, 36, WIRE_ON_FLEET, "a host's ledger lacks an event that it had: it was cut off, rolled back or replaced") \
	M(reauth,  38, WIRE_ON_PAM, "may the user of a process prove himself again, and who is he?") \
	M(reauthenticated, 39, WIRE_ON_PAM, "what came of it") \
	M(password, 40, WIRE_ON_PAM | WIRE_FILE, "a password was changed: end the user's other sessions") \
	M(prove,   48, WIRE_ON_REAUTH, "the user of the asker's session wants to prove himself again") \
	M(prompt,  49, WIRE_ANSWER, "to prove and reply: what PAM wants to know, or to say") \
	M(reply,   50, WIRE_ON_REAUTH, "what the user answered") \
	M(refusal, 51, WIRE_ON_FLEET, "what was ordered of this host over the fleet, and is not done") \
	M(attend,  56, WIRE_ON_FLEET, "the agent is there: what has happened since the last one?") \
	M(placed,  57, WIRE_ON_FLEET, "has the fleet a place for that session?") \
	M(relay,   58, WIRE_ON_FLEET, "a message of the answer to an errand") \
	M(standing, 59, WIRE_ON_FLEET, "is this host joined to the fleet?") \
	M(anchor,  60, WIRE_ON_CTL, "the checkpoints of a host's ledger that are kept off that host") \
	M(probe,   61, WIRE_ON_FLEET, "does this host's ledger have that event?") \
	M(idle,    62, WIRE_ON_FLEET, "how long have the logins of a user been idle, and how old are they?") \
	M(overshoot, 63, WIRE_ON_FLEET, "a user has more sessions in the fleet than a cap allows") \
	M(welcome, 64, WIRE_ANSWER | WIRE_FROZEN, "to hello: the version that both will speak") \
	M(granted, 65, WIRE_ANSWER, "to acct and open: yes") \
	M(refused, 66, WIRE_ANSWER, "to acct, open, reauth, reauthenticated, prove and reply: no") \
	M(done,    67, WIRE_ANSWER, "to close, list, show, revoke, explain, lock, unlock, locks, password, reauthenticated, prove and reply: the last message of the answer") \
	M(error,   68, WIRE_ANSWER | WIRE_FROZEN, "to anything: not carried out") \
	M(session, 69, WIRE_ANSWER, "to list, show and check: one session; to revoke: one that is spared") \
	M(outcome, 70, WIRE_ANSWER, "to revoke and lock: what became of one session, or of what is left over from one") \
	M(state,   71, WIRE_ANSWER, "to status") \
	M(page,    72, WIRE_ANSWER, "to read and metrics: a piece of text") \
	M(limit,   76, WIRE_ANSWER, "to explain: one limit, or a policy that does not apply") \
	M(extended, 77, WIRE_ANSWER, "to extend: the old end and the new one") \
	M(sealed,  79, WIRE_ANSWER, "to seal: the first public key, and the last checkpoint") \
	M(outdated, 80, WIRE_ANSWER, "to acct: the token has been replaced; read the keyring and ask again") \
	M(claimant, 81, WIRE_ANSWER, "to reauth: who has to prove himself, and for which session") \
	M(cap,     88, WIRE_ANSWER, "to attend: a cap over the fleet that the next session counts under") \
	M(member,  89, WIRE_ANSWER, "to attend: a session of this host, or one that seeks a place") \
	M(left,    90, WIRE_ANSWER, "to attend: a session that is there no more") \
	M(table,   91, WIRE_ANSWER, "to attend: all sessions follow, or have been told") \
	M(errand,  92, WIRE_ANSWER, "to attend: what an administrator asks of the fleet") \
	M(fleet_host, 93, WIRE_ANSWER, "to status: a host of the fleet") \
	M(fleet_state, 94, WIRE_ANSWER, "to status: how this host is joined to the fleet") \
	M(head,    95, WIRE_ANSWER, "to attend: the ledger's last checkpoint; to anchor: one that is kept") \
	M(probed,  96, WIRE_ANSWER, "to probe") \
	M(idleness, 97, WIRE_ANSWER, "to idle: of one login")

/*  E(ID, code, exit code of sessctl, words) */
#define WIRE_ERRORS(E) \
	E(PROTOCOL,      1, 3, "the message is malformed or out of order") \
	E(VERSION,       2, 3, "no common protocol version") \
	E(LIMIT,         3, 3, "too many connections or requests") \
	E(NOT_PERMITTED, 4, 4, "not permitted") \
	E(NO_SESSION,    5, 5, "no such session") \
	E(AMBIGUOUS,     6, 2, "the prefix fits more than one session") \
	E(INVALID,       7, 2, "the request makes no sense") \
	E(UNAVAILABLE,   8, 3, "the daemon cannot do this now") \
	E(REFUSED,       9, 1, "refused")

#define WIRE_FIELDS_hello(F, R) \
	F(R, U64,    version_min,    1, REQUIRED) \
	F(R, U64,    version_max,    2, REQUIRED) \
	F(R, STR,    program,        3, REQUIRED) /* name and version, for the log */

/* Who logs in, and from where: what acct, open and spooled have in common. Nothing here identifies the
 * caller; the kernel does that. */
#define WIRE_FIELDS_LOGIN(F, R) \
	F(R, STR,    user,           1, REQUIRED) \
	F(R, U64,    uid,            2, REQUIRED) \
	F(R, GIDS,   gids,           3, OPTIONAL) /* the primary group too */ \
	F(R, STR,    service,        4, REQUIRED) \
	F(R, STR,    tty,            5, OPTIONAL) /* PAM_TTY, for the record only */ \
	F(R, STR,    rhost,          6, OPTIONAL) /* PAM_RHOST */ \
	F(R, STR,    ruser,          7, OPTIONAL) /* PAM_RUSER */ \
	F(R, STR,    auth,           8, OPTIONAL) /* first line of SSH_AUTH_INFO_0 */ \
	F(R, TOKEN,  token,          9, OPTIONAL) /* found in the caller's session keyring */ \
	F(R, BOOL,   forged,        10, OPTIONAL) /* without token: in its place there is a key that is not root's */

#define WIRE_FIELDS_acct(F, R) \
	WIRE_FIELDS_LOGIN(F, R) \
	F(R, BOOL,   authenticated, 11, OPTIONAL) /* the user has proved himself in this very transaction */ \
	F(R, DUR,    reauth,        12, OPTIONAL) /* so old may an authentication be, by the module's argument */ \
	F(R, BOOL,   again,         13, OPTIONAL) /* the token was `outdated`, and is still the same */

/* The module chooses sid and new token, so that a request which is sent twice, or sent and then
 * spooled, names the same session. */
#define WIRE_FIELDS_open(F, R) \
	WIRE_FIELDS_LOGIN(F, R) \
	F(R, SID,    sid,           16, REQUIRED) \
	F(R, TOKEN,  new_token,     17, REQUIRED) \
	F(R, BOOL,   notice,        18, OPTIONAL) /* the user can be told something */ \
	F(R, U64,    token_key,     19, OPTIONAL) /* serial of the key that new_token is in */

#define WIRE_FIELDS_close(F, R) \
	F(R, SID,    sid,            1, REQUIRED)

/* A file is written by root into a folder of root's, so here the leader is named by its own word. */
#define WIRE_FIELDS_spooled(F, R) \
	WIRE_FIELDS_open(F, R) \
	F(R, U64,    leader_pid,    32, REQUIRED) \
	F(R, U64,    leader_start,  33, REQUIRED) /* field 22 of /proc/PID/stat: clock ticks since boot */ \
	F(R, TIME,   opened_at,     34, REQUIRED) \
	F(R, TIME,   closed_at,     35, OPTIONAL) /* set: the session was closed, or the login refused */ \
	F(R, BOOL,   was_refused,   36, OPTIONAL) /* with closed_at: unavailable=deny turned the login away */ \
	F(R, STR,    boot_id,       37, REQUIRED) \
	F(R, DUR,    began,         38, OPTIONAL) /* clock_boot() of opened_at */

/* A lock. A time of its end stands twice: by the clock that nobody can set, for this boot, and by the
 * wall clock, for the next one. */
#define WIRE_FIELDS_locked(F, R) \
	F(R, STR,    kind,           1, REQUIRED) /* user, group, source or key */ \
	F(R, STR,    name,           2, REQUIRED) \
	F(R, UID,    id,             3, OPTIONAL) /* of the user or group */ \
	F(R, BOOL,   even_breakglass, 4, OPTIONAL) \
	F(R, STR,    message,        5, OPTIONAL) /* for who is refused */ \
	F(R, STR,    text,           6, OPTIONAL) /* why, for the ledger */ \
	F(R, STR,    by,             7, OPTIONAL) \
	F(R, TIME,   set_at,         8, REQUIRED) \
	F(R, TIME,   expires_at,     9, OPTIONAL) \
	F(R, DUR,    deadline,      10, OPTIONAL) /* clock_boot() of its end */ \
	F(R, STR,    boot_id,       11, OPTIONAL) /* the boot that the deadline is of */ \
	F(R, BOOL,   fleet,         50, OPTIONAL) /* the agent has set it, and lifts it */ \
	F(R, U64,    version,       51, OPTIONAL) /* of the statement that it was set by */

#define WIRE_FIELDS_lock(F, R) \
	F(R, STR,    kind,           1, REQUIRED) \
	F(R, STR,    name,           2, REQUIRED) \
	F(R, UID,    id,             3, OPTIONAL) \
	F(R, BOOL,   even_breakglass, 4, OPTIONAL) \
	F(R, STR,    message,        5, OPTIONAL) \
	F(R, STR,    text,           6, OPTIONAL) \
	F(R, DUR,    lasts,          7, OPTIONAL) /* not set: until it is lifted */ \
	F(R, BOOL,   fleet,         50, OPTIONAL) /* on all hosts of the fleet; from the agent: it is the fleet's */ \
	F(R, STR,    by,            51, OPTIONAL) /* from the agent: who set it, and where */ \
	F(R, U64,    version,       52, OPTIONAL) /* from the agent: of the statement */

#define WIRE_FIELDS_unlock(F, R) \
	F(R, STR,    kind,           1, REQUIRED) \
	F(R, STR,    name,           2, REQUIRED) \
	F(R, BOOL,   fleet,         50, OPTIONAL) \
	F(R, STR,    by,            51, OPTIONAL)

/* In a file, root's own word says from which session it was changed. */
#define WIRE_FIELDS_password(F, R) \
	F(R, STR,    user,           1, REQUIRED) \
	F(R, U64,    uid,            2, REQUIRED) \
	F(R, U64,    audit_session,  3, OPTIONAL) /* file: of the one who changed it; 0: none */

#define WIRE_FIELDS_locks(F, R) \
	F(R, U64,    cursor,         1, OPTIONAL) /* 0 at first, then what `done` said */

#define WIRE_FIELDS_list(F, R) \
	F(R, U64,    cursor,         1, OPTIONAL) /* 0 at first, then what `done` said */ \
	F(R, STR,    user,           2, OPTIONAL) \
	F(R, BOOL,   all,            3, OPTIONAL) /* ended ones too */ \
	F(R, BOOL,   fleet,         50, OPTIONAL) /* of all hosts */

#define WIRE_FIELDS_show(F, R) \
	F(R, STR,    prefix,         1, REQUIRED)

/* A prefix, a user or all. One `outcome` for each session, in the order of their ends, then `done`. */
#define WIRE_FIELDS_revoke(F, R) \
	F(R, STR,    prefix,         1, OPTIONAL) \
	F(R, STR,    user,           2, OPTIONAL) \
	F(R, STR,    text,           3, OPTIONAL) /* why, for the ledger */ \
	F(R, DUR,    grace,          4, OPTIONAL) /* at most WIRE_GRACE_MAX; not set: killed at once */ \
	F(R, STR,    message,        5, OPTIONAL) /* for who sits at the session's terminals */ \
	F(R, BOOL,   cron,           6, OPTIONAL) /* with user or all: cron jobs, too */ \
	F(R, BOOL,   all,            7, OPTIONAL) /* everybody's but the asker's own */ \
	F(R, UID,    id,             8, OPTIONAL) /* of the user, where the asker knows it */ \
	F(R, BOOL,   fleet,         50, OPTIONAL) /* on all hosts */ \
	F(R, STR,    by,            51, OPTIONAL) /* from the agent: who asks, and where */ \
	F(R, STR,    evicts,        52, OPTIONAL) /* from the agent: the policy under which it makes place for another; prefix says which, user whose */

#define WIRE_FIELDS_status(F, R) \
	F(R, BOOL,   fleet,         50, OPTIONAL) /* of all hosts */

#define WIRE_FIELDS_read(F, R) \
	F(R, U64,    after,          1, OPTIONAL) /* the last seq that the reader has */ \
	F(R, BOOL,   wait,           2, OPTIONAL) /* nothing newer: answer when there is */

#define WIRE_FIELDS_metrics(F, R) \
	F(R, U64,    after,          1, OPTIONAL) /* bytes that the reader has */

#define WIRE_FIELDS_check(F, R)

/* Of somebody who need not be there: user, groups and source are the asker's word, and the answer tells
 * nothing of them but what the configuration says. */
#define WIRE_FIELDS_explain(F, R) \
	F(R, STR,    user,           1, REQUIRED) \
	F(R, U64,    uid,            2, REQUIRED) /* whose sessions are counted */ \
	F(R, GIDS,   gids,           3, OPTIONAL) /* the primary group too */ \
	F(R, STR,    service,        4, REQUIRED) \
	F(R, STR,    rhost,          5, OPTIONAL)

#define WIRE_FIELDS_extend(F, R) \
	F(R, STR,    prefix,         1, REQUIRED) \
	F(R, DUR,    time,           2, REQUIRED) /* how much later */ \
	F(R, STR,    text,           3, OPTIONAL) /* why, for the ledger */

#define WIRE_FIELDS_welcome(F, R) \
	F(R, U64,    version,        1, REQUIRED) \
	F(R, STR,    program,        2, REQUIRED)

#define WIRE_FIELDS_granted(F, R) \
	F(R, BOOL,   tracked,        1, OPTIONAL) /* no: the service's class is `ignored` */ \
	F(R, BOOL,   keep_token,     2, OPTIONAL) /* put new_token into the session keyring */ \
	F(R, TIME,   expires_at,     3, OPTIONAL) \
	F(R, TEXT,   notice,         4, OPTIONAL) /* open: lines for the user, joined by WIRE_LINE_END */ \
	F(R, DUR,    runtime_max,    5, OPTIONAL) /* open: when systemd is to end it, should sessd not */

#define WIRE_FIELDS_refused(F, R) \
	F(R, REASON, reason,         1, REQUIRED) \
	F(R, TEXT,   text,           2, REQUIRED) /* the one line for the user, without a prefix */

#define WIRE_FIELDS_done(F, R) \
	F(R, U64,    cursor,         1, OPTIONAL) /* list: where the next page begins; 0: there is none */ \
	F(R, U64,    count,          2, OPTIONAL) /* messages that came before in this answer */

#define WIRE_FIELDS_error(F, R) \
	F(R, U64,    code,           1, REQUIRED) /* enum wire_errno */ \
	F(R, TEXT,   text,           2, REQUIRED)

/* The record of a session. Its names are those of `sessctl list --json` and of the ledger. */
#define WIRE_FIELDS_session(F, R) \
	F(R, SID,    sid,            1, REQUIRED) \
	F(R, SID,    parent,         2, OPTIONAL) \
	F(R, CLASS,  class,          3, REQUIRED) \
	F(R, PHASE,  phase,          4, REQUIRED) \
	F(R, STR,    user,           5, REQUIRED) \
	F(R, U64,    uid,            6, REQUIRED) \
	F(R, STR,    service,        7, REQUIRED) \
	F(R, STR,    tty,            8, OPTIONAL) \
	F(R, STR,    rhost,          9, OPTIONAL) \
	F(R, STR,    ruser,         10, OPTIONAL) \
	F(R, STR,    auth,          11, OPTIONAL) \
	F(R, U64,    leader_pid,    12, OPTIONAL) \
	F(R, U64,    audit_session, 13, OPTIONAL) /* 0: the kernel gave none */ \
	F(R, TIME,   opened_at,     14, REQUIRED) \
	F(R, TIME,   expires_at,    15, OPTIONAL) \
	F(R, STR,    policy,        16, OPTIONAL) /* the policy that set the lifetime, or `exempt` */ \
	F(R, BOOL,   adopted,       17, OPTIONAL) /* it was opened while the daemon was away */ \
	F(R, TIME,   ended_at,      18, OPTIONAL) \
	F(R, REASON, reason,        19, OPTIONAL) \
	F(R, STR,    ended_by,      20, OPTIONAL) /* user name of the administrator */ \
	F(R, TEXT,   text,          21, OPTIONAL) /* what he gave as his reason */ \
	F(R, TIME,   authenticated_at, 22, OPTIONAL) /* when the user last proved who he is */ \
	F(R, STR,    authenticated_by, 23, OPTIONAL) /* how: method and key, or a service */ \
	F(R, DUR,    authenticated_age, 24, OPTIONAL) /* check: how long ago, by a clock that nobody sets */ \
	F(R, STR,    host,          50, OPTIONAL) /* of the fleet; not set: the one that answers */

/* What the daemon must find again after a restart. Never leaves it. */
#define WIRE_FIELDS_stored(F, R) \
	WIRE_FIELDS_session(F, R) \
	F(R, GIDS,   gids,          64, OPTIONAL) \
	F(R, TOKEN,  token_hash,    65, OPTIONAL) /* keyed BLAKE2b-256 of the token */ \
	F(R, U64,    leader_start,  66, OPTIONAL) \
	F(R, STR,    boot_id,       67, REQUIRED) \
	F(R, DUR,    deadline,      68, OPTIONAL) /* clock_boot() of its end by lifetime */ \
	F(R, BOOL,   sweep,         69, OPTIONAL) /* the audit session is this session's own */ \
	F(R, STR,    cgroup,        70, OPTIONAL) /* one that sessd made for it */ \
	F(R, DUR,    runtime_max,   71, OPTIONAL) /* what systemd was told, from its beginning */ \
	F(R, U64,    token_key,     72, OPTIONAL) /* serial of the key that the token is in */ \
	F(R, TOKEN,  old_token_hash, 73, OPTIONAL) /* of the token before this one */ \
	F(R, DUR,    authenticated, 74, OPTIONAL) /* clock_boot() of authenticated_at */

/* Of a session, or of what is left over from one; the latter has no sid. */
#define WIRE_FIELDS_outcome(F, R) \
	F(R, SID,    sid,            1, OPTIONAL) \
	F(R, STR,    user,           2, REQUIRED) \
	F(R, STR,    service,        3, REQUIRED) \
	F(R, REASON, reason,         4, REQUIRED) \
	F(R, U64,    signalled,      5, OPTIONAL) /* processes */ \
	F(R, DUR,    elapsed,        6, OPTIONAL) /* from the order to the last exit */ \
	F(R, U64,    survivors,      7, OPTIONAL) /* processes still there: it is not done */ \
	F(R, TEXT,   survivor_list,  8, OPTIONAL) /* `pid name state`, comma-separated */ \
	F(R, U64,    audit_session,  9, OPTIONAL) /* of what is left over */ \
	F(R, STR,    host,          50, OPTIONAL) /* of the fleet; not set: the one that answers */ \
	F(R, BOOL,   pending,       51, OPTIONAL) /* that host has not answered: it is not done */ \
	F(R, STR,    refused,       52, OPTIONAL) /* that host does not do it: why */ \
	F(R, STR,    failed,        53, OPTIONAL) /* that host has not done all of it: why */ \
	F(R, U64,    more,          54, OPTIONAL) /* not one session of that host but so many, summed up */

#define WIRE_FIELDS_state(F, R) \
	F(R, STR,    program,        1, REQUIRED) \
	F(R, U64,    pid,            2, REQUIRED) \
	F(R, TIME,   started_at,     3, REQUIRED) \
	F(R, STR,    config,         4, REQUIRED) \
	F(R, U64,    policies,       5, OPTIONAL) \
	F(R, TIME,   loaded_at,      6, OPTIONAL) /* when the configuration was read */ \
	F(R, TEXT,   config_error,   7, OPTIONAL) /* the last reload failed: why; the one before holds */ \
	F(R, U64,    login,          8, OPTIONAL) /* sessions that are active, by class */ \
	F(R, U64,    elevation,      9, OPTIONAL) \
	F(R, U64,    background,    10, OPTIONAL) \
	F(R, U64,    opening,       11, OPTIONAL) \
	F(R, U64,    ending,        12, OPTIONAL) \
	F(R, STR,    ledger,        13, REQUIRED) /* its file */ \
	F(R, U64,    ledger_seq,    14, OPTIONAL) /* of the newest event on disk */ \
	F(R, U64,    ledger_queued, 15, OPTIONAL) /* events that are not on disk yet */ \
	F(R, TEXT,   ledger_error,  16, OPTIONAL) /* it cannot be written now: why */ \
	F(R, STR,    boot_id,       17, REQUIRED) \
	F(R, BOOL,   peer_pidfd,    18, OPTIONAL) /* the kernel has SO_PEERPIDFD */ \
	F(R, BOOL,   cgroup,        19, OPTIONAL) /* sessions can have a cgroup of their own */ \
	F(R, U64,    ledger_bytes,  30, OPTIONAL) /* of its file, when it was last looked at */ \
	F(R, TIME,   ledger_oldest_at, 31, OPTIONAL) /* of the oldest event in it */ \
	F(R, U64,    ledger_unsealed, 32, OPTIONAL) /* events on disk that no checkpoint covers yet */ \
	F(R, TIME,   sealed_at,     33, OPTIONAL) /* the last checkpoint */ \
	F(R, TEXT,   seal_error,    34, OPTIONAL) /* the ledger is not sealed now: why */ \
	F(R, U64,    mirror_seq,    40, OPTIONAL) /* the event up to which the live mirror is written */ \
	F(R, STR,    mirror_error,  41, OPTIONAL) /* it cannot be written now: why */ \
	F(R, STR,    journal_error, 42, OPTIONAL) /* the same of journald */ \
	F(R, STR,    auditd_error,  43, OPTIONAL) /* the same of the kernel's audit log */

#define WIRE_FIELDS_page(F, R) \
	F(R, U64,    last,           1, OPTIONAL) /* `after` of the next request */ \
	F(R, BOOL,   more,           2, OPTIONAL) \
	F(R, BLOB,   body,           3, OPTIONAL) /* whole lines, each with its newline */

/* One fact about the login that was asked about; `what` says which, and the rest goes with it. */
#define WIRE_FIELDS_limit(F, R) \
	F(R, STR,    what,           1, REQUIRED) /* class, exempt, lifetime, max_lifetime, max_sessions, no_match */ \
	F(R, STR,    policy,         2, OPTIONAL) /* that set it, or that does not apply */ \
	F(R, CLASS,  class,          3, OPTIONAL) /* class: of the service */ \
	F(R, DUR,    time,           4, OPTIONAL) /* lifetime, max_lifetime */ \
	F(R, U64,    max,            5, OPTIONAL) /* max_sessions: the cap … */ \
	F(R, U64,    count,          6, OPTIONAL) /* … the sessions that hold a place under it now … */ \
	F(R, STR,    at_limit,       7, OPTIONAL) /* … and what happens to a login that finds it reached */ \
	F(R, STR,    why,            8, OPTIONAL) /* no_match: which of user, group, service, source differ */ \
	F(R, STR,    leftovers,      9, OPTIONAL) /* leftovers: kill */

#define WIRE_FIELDS_extended(F, R) \
	F(R, SID,    sid,            1, REQUIRED) \
	F(R, STR,    user,           2, REQUIRED) \
	F(R, STR,    service,        3, REQUIRED) \
	F(R, TIME,   old_expires_at,     4, REQUIRED) /* its end before */ \
	F(R, TIME,   expires_at,     5, REQUIRED)

#define WIRE_FIELDS_outdated(F, R)

/* Answered with whatever there is; where there is nothing, when there is. */
#define WIRE_FIELDS_attend(F, R) \
	F(R, BOOL,   fresh,          1, OPTIONAL) /* the agent knows nothing: tell the whole table */

#define WIRE_FIELDS_refusal(F, R) \
	F(R, STR,    by,             1, REQUIRED) /* whose key signed it */ \
	F(R, STR,    text,           2, REQUIRED) /* what was ordered, and why it is not done */

#define WIRE_FIELDS_standing(F, R) \
	F(R, BOOL,   joined,         1, OPTIONAL) /* the store can be reached, and the lease holds */

#define WIRE_FIELDS_placed(F, R) \
	F(R, SID,    sid,            1, REQUIRED) \
	F(R, BOOL,   granted,        2, OPTIONAL) \
	F(R, BOOL,   unreachable,    3, OPTIONAL) /* not granted: nobody knows */ \
	F(R, STR,    policy,         4, OPTIONAL) /* not granted: whose cap is reached … */ \
	F(R, U64,    count,          5, OPTIONAL) /* … the sessions that count under it … */ \
	F(R, TEXT,   text,           6, OPTIONAL) /* … and what they are */

#define WIRE_FIELDS_relay(F, R) \
	F(R, U64,    errand,         1, REQUIRED) \
	F(R, BOOL,   last,           2, OPTIONAL) \
	F(R, BLOB,   body,           3, REQUIRED) /* the message, as a packet */

#define WIRE_FIELDS_cap(F, R) \
	F(R, SID,    sid,            1, REQUIRED) \
	F(R, STR,    policy,         2, REQUIRED) \
	F(R, U64,    max,            3, REQUIRED) \
	F(R, BOOL,   evict,          4, OPTIONAL) /* somebody makes place: the oldest … */ \
	F(R, BOOL,   idlest,         5, OPTIONAL) /* … or with this, the one that has been idle the longest */

#define WIRE_FIELDS_member(F, R) \
	F(R, SID,    sid,            1, REQUIRED) \
	F(R, STR,    user,           2, REQUIRED) \
	F(R, U64,    uid,            3, REQUIRED) \
	F(R, STR,    service,        4, REQUIRED) \
	F(R, STR,    rhost,          5, OPTIONAL) \
	F(R, TIME,   opened_at,      6, REQUIRED) \
	F(R, BOOL,   seeks,          7, OPTIONAL) /* it is not open yet: `placed` says whether it may be */

#define WIRE_FIELDS_left(F, R) \
	F(R, SID,    sid,            1, REQUIRED)

#define WIRE_FIELDS_table(F, R) \
	F(R, BOOL,   complete,       1, OPTIONAL)

#define WIRE_FIELDS_errand(F, R) \
	F(R, U64,    errand,         1, REQUIRED) \
	F(R, STR,    by,             2, REQUIRED) /* who asks */ \
	F(R, BLOB,   body,           3, REQUIRED) /* the request, as a packet */

#define WIRE_FIELDS_fleet_host(F, R) \
	F(R, STR,    host,           1, REQUIRED) \
	F(R, BOOL,   reachable,      2, OPTIONAL) /* its lease holds */ \
	F(R, BOOL,   asked,          3, OPTIONAL) /* the one that answers */

#define WIRE_FIELDS_fleet_state(F, R) \
	F(R, STR,    host,           1, REQUIRED) \
	F(R, BOOL,   joined,         2, OPTIONAL) \
	F(R, TEXT,   trouble,        3, OPTIONAL) /* not joined: why */ \
	F(R, STR,    endpoint,       4, OPTIONAL) /* of etcd, that is used now */ \
	F(R, U64,    revision,       5, OPTIONAL) /* of the store, the last that was seen */ \
	F(R, DUR,    lease,          6, OPTIONAL) /* how long it holds without a renewal … */ \
	F(R, DUR,    renewed,        7, OPTIONAL) /* … and how long ago it was renewed */ \
	F(R, U64,    unwritten,      8, OPTIONAL) /* sessions that the store has not been told of */ \
	F(R, U64,    overshoots,    41, OPTIONAL) /* how often this host has found a cap exceeded */ \
	F(R, STR,    checkpoint,    42, OPTIONAL) /* of this host's ledger, as the store has it: `SEQ:HASH` … */ \
	F(R, BOOL,   head_broken,   43, OPTIONAL) /* … and the ledger does not have that event */ \
	F(R, U64,    lag,           44, OPTIONAL) /* orders and locks that the store has and this host has not been told of; 1000: or more */

#define WIRE_FIELDS_head_broken(F, R) \
	F(R, STR,    host,           1, REQUIRED) /* whose ledger it is */ \
	F(R, STR,    checkpoint,     2, REQUIRED) /* that is kept, `SEQ:HASH` */ \
	F(R, STR,    text,           3, REQUIRED) /* what there is instead */

#define WIRE_FIELDS_anchor(F, R) \
	F(R, STR,    host,           1, OPTIONAL) /* whose ledger; not set: of the one that is asked */

#define WIRE_FIELDS_probe(F, R) \
	F(R, STR,    checkpoint,     1, REQUIRED) /* `SEQ:HASH` */

#define WIRE_FIELDS_probed(F, R) \
	F(R, BOOL,   here,           1, OPTIONAL) \
	F(R, BOOL,   pruned,         2, OPTIONAL) /* not here: it is older than all that the ledger has */

#define WIRE_FIELDS_head(F, R) \
	F(R, STR,    checkpoint,     1, REQUIRED) /* `SEQ:HASH` */ \
	F(R, TIME,   seen_at,        2, OPTIONAL) /* to anchor: when the host that answers saw it; not set: it is what the store has */

#define WIRE_FIELDS_idle(F, R) \
	F(R, U64,    uid,            1, REQUIRED)

/* Durations, as of now: no host compares its clock with another's. */
#define WIRE_FIELDS_idleness(F, R) \
	F(R, SID,    sid,            1, REQUIRED) \
	F(R, DUR,    idle,           2, OPTIONAL) /* since somebody typed there; without a terminal: since its login */ \
	F(R, DUR,    age,            3, OPTIONAL) /* since its login */

#define WIRE_FIELDS_overshoot(F, R) \
	F(R, STR,    user,           1, REQUIRED) \
	F(R, STR,    policy,         2, REQUIRED) \
	F(R, U64,    max,            3, REQUIRED) /* its cap … */ \
	F(R, U64,    count,          4, REQUIRED) /* … and the sessions that count under it */ \
	F(R, BOOL,   evict,          5, OPTIONAL) /* those beyond it are ordered to end */ \
	F(R, TEXT,   text,           6, OPTIONAL) /* what they are */

#define WIRE_FIELDS_seal(F, R) \
	F(R, BOOL,   make,           1, OPTIONAL) /* a checkpoint now, unless the last one has seen all */

#define WIRE_FIELDS_sealed(F, R) \
	F(R, STR,    key,            1, REQUIRED) /* the first public key, in hex */ \
	F(R, STR,    checkpoint,     2, OPTIONAL) /* `SEQ:HASH`; none was made yet, or none is known */

/* Of root's program sessd-reauth, about the process that asked it. */
#define WIRE_FIELDS_reauth(F, R) \
	F(R, U64,    pid,            1, REQUIRED)

#define WIRE_FIELDS_claimant(F, R) \
	F(R, SID,    sid,            1, REQUIRED) \
	F(R, STR,    user,           2, REQUIRED) \
	F(R, U64,    uid,            3, REQUIRED) \
	F(R, U64,    start,          4, REQUIRED) /* of the process: clock ticks since boot */ \
	F(R, STR,    tty,            5, OPTIONAL) /* its terminal, by the kernel's word */

#define WIRE_FIELDS_reauthenticated(F, R) \
	F(R, U64,    pid,            1, REQUIRED) \
	F(R, U64,    start,          2, REQUIRED) /* as in claimant */ \
	F(R, SID,    sid,            3, REQUIRED) \
	F(R, BOOL,   proved,         4, OPTIONAL) \
	F(R, STR,    text,           5, OPTIONAL) /* without proved: why, in PAM's words */ \
	F(R, STR,    user,           6, REQUIRED) /* as in claimant: the session may be over */ \
	F(R, U64,    uid,            7, REQUIRED)

#define WIRE_FIELDS_prove(F, R)

#define WIRE_FIELDS_prompt(F, R) \
	F(R, U64,    style,          1, REQUIRED) /* enum wire_style */ \
	F(R, TEXT,   text,           2, REQUIRED) /* one line */

#define WIRE_FIELDS_reply(F, R) \
	F(R, BLOB,   secret,         1, REQUIRED) /* at most WIRE_REPLY_MAX bytes, none of them 0 */
/* clang-format on */

enum wire_type {
#define WIRE_ENUM(name, code, use, help) WIRE_##name = (code),
	WIRE_MESSAGES(WIRE_ENUM)
#undef WIRE_ENUM
};

enum wire_errno {
#define WIRE_ERROR_ENUM(id, code, exit, words) WIRE_E_##id = (code),
	WIRE_ERRORS(WIRE_ERROR_ENUM)
#undef WIRE_ERROR_ENUM
};

#define WIRE_STRUCT(name, code, use, help)                  \
	struct wire_##name {                                \
		WIRE_FIELDS_##name(FIELD_DECL, wire_##name) \
	};
WIRE_MESSAGES(WIRE_STRUCT)
#undef WIRE_STRUCT

struct wire_info {
	enum wire_type type;
	unsigned use;
	const char *name;
	const char *help;
	size_t size; /* of the struct */
	const struct field *fields;
	size_t n_fields;
};

/* All messages, in the order above. */
extern const struct wire_info wire_messages[];
extern const size_t wire_n_messages;

/* NULL where there is no such message. */
const struct wire_info *wire_info(unsigned type);

const char *wire_error_words(uint64_t code);
int wire_error_exit(uint64_t code);

/* A decoded message. Large (about 8 KiB): one for each thread of control, not one for each
 * connection. */
struct wire_frame {
	uint8_t version;
	enum wire_type type;
	uint32_t serial;
	union {
#define WIRE_MEMBER(name, code, use, help) struct wire_##name name;
		WIRE_MESSAGES(WIRE_MEMBER)
#undef WIRE_MEMBER
	} u;
};

/*
 * Writes `msg`, a struct wire_<type>, as one packet of at most `size` bytes. -EMSGSIZE: no room;
 * -EINVAL: a text in it is not valid. Both are bugs of the caller's unless the record came from
 * outside.
 */
int wire_encode(enum wire_type type, uint32_t serial, const void *msg, uint8_t *buf, size_t size,
	size_t *ret_len);

/*
 * Reads one packet. BLOB fields point into buf. -EPROTO: malformed; -EPROTONOSUPPORT: another
 * version than the ones that this build speaks (ret->version and ret->serial are set then, nothing
 * else).
 */
int wire_decode(const uint8_t *buf, size_t len, struct wire_frame *ret);

#endif
