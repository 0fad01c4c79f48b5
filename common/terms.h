/*
 * The words that the record of a session uses besides its reason: its class and its phase. Codes
 * are part of the protocol: never renumber, only append.
 */
#ifndef COMMON_TERMS_H
#define COMMON_TERMS_H

#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
/*  C(ID, code, name): what kind of session a PAM service opens */
#define CLASSES(C) \
	C(IGNORED,    1, "ignored")    /* not tracked: systemd-user, which re-enters the stack */ \
	C(BACKGROUND, 2, "background") /* tracked, never capped: cron, atd */ \
	C(ELEVATION,  3, "elevation")  /* su, sudo: has a parent, never capped */ \
	C(LOGIN,      4, "login")      /* counts towards caps */

/*  P(ID, code, name): where a session stands */
#define PHASES(P) \
	P(OPENING, 1, "opening") /* holds its place; the ledger does not have it yet */ \
	P(ACTIVE,  2, "active")  /* committed and granted */ \
	P(ENDING,  3, "ending")  /* being ended; watched until its processes are gone */ \
	P(ENDED,   4, "ended")   /* gone; only the ledger knows it */
/* clang-format on */

enum session_class {
	CLASS_NONE,
#define CLASS_ENUM(id, code, name) CLASS_##id = (code),
	CLASSES(CLASS_ENUM)
#undef CLASS_ENUM
};

enum phase {
	PHASE_NONE,
#define PHASE_ENUM(id, code, name) PHASE_##id = (code),
	PHASES(PHASE_ENUM)
#undef PHASE_ENUM
};

/* "none" for zero, NULL for a number without a name. The strings are constants. */
const char *class_name(enum session_class c);
const char *phase_name(enum phase p);

/* The class of that name, or CLASS_NONE. */
enum session_class class_by_name(const char *name);

#endif
