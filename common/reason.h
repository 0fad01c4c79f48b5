/*
 * Why a session ended or was refused. One list; from it follow the enum, the code on the wire, the
 * name in logs, ledger and metrics, the words for the user, and the module's PAM answer.
 *
 * Codes are part of the protocol: never renumber, only append.
 */
#ifndef COMMON_REASON_H
#define COMMON_REASON_H

#include <stdbool.h>
#include <stdint.h>

enum reason_use { REASON_ENDS = 1, REASON_REFUSES = 2 };

/* clang-format off */
/*  R(ID, code, name, use, words for the user, PAM answer of a refusal) */
#define REASONS(R) \
	R(LOGOUT,           1, "logout",           REASON_ENDS,    "you logged out",                                PAM_SUCCESS) \
	R(LEADER_GONE,      2, "leader_gone",      REASON_ENDS,    "the process that opened the session has died",  PAM_SUCCESS) \
	R(LIFETIME,         3, "lifetime",         REASON_ENDS,    "the session reached its maximum lifetime",      PAM_SUCCESS) \
	R(IDLE,             4, "idle",             REASON_ENDS,    "the session was idle for too long",             PAM_SUCCESS) \
	R(REVOKED,          5, "revoked",          REASON_ENDS,    "the session was revoked",                       PAM_SUCCESS) \
	R(EVICTED,          6, "evicted",          REASON_ENDS,    "a newer login took its place",                  PAM_SUCCESS) \
	R(LOCKED,           7, "locked",           REASON_ENDS | REASON_REFUSES, "this account is locked",          PAM_PERM_DENIED) \
	R(PASSWORD_CHANGED, 8, "password_changed", REASON_ENDS,    "the password was changed",                      PAM_SUCCESS) \
	R(REBOOT,           9, "reboot",           REASON_ENDS,    "the machine was rebooted",                      PAM_SUCCESS) \
	R(CAP,             10, "cap",              REASON_ENDS | REASON_REFUSES, "you have too many sessions",      PAM_PERM_DENIED) \
	R(REAUTH,          11, "reauth",           REASON_REFUSES, "authenticate again first",                      PAM_PERM_DENIED) \
	R(TOKEN_MISMATCH,  12, "token_mismatch",   REASON_REFUSES, "this session cannot prove its identity",        PAM_PERM_DENIED) \
	R(UNAVAILABLE,     13, "unavailable",      REASON_ENDS | REASON_REFUSES, "the session service is not available",          PAM_PERM_DENIED)
/* clang-format on */

enum reason {
	REASON_NONE, /* no reason: neither ended nor refused */
#define REASON_ENUM(id, code, name, use, words, pam) REASON_##id = (code),
	REASONS(REASON_ENUM)
#undef REASON_ENUM
};

/* "none" for REASON_NONE, NULL for a number that is no reason. The strings are constants. */
const char *reason_name(enum reason r);
const char *reason_words(enum reason r);

bool reason_valid(uint64_t code);
bool reason_ends(enum reason r);

/* The reason of that name, or REASON_NONE. */
enum reason reason_by_name(const char *name);

#endif
