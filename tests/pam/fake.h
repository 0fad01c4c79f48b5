/*
 * Daemons that answer wrongly, late or never, each a child process that listens on DIR/pam.sock.
 */
#ifndef TESTS_PAM_FAKE_H
#define TESTS_PAM_FAKE_H

#include <sys/types.h>

/*  S(name, what it does) */
#define FAKES(S)                                                                                  \
	S(none, "nobody listens")                                                                 \
	S(hang, "listens, and never accepts")                                                     \
	S(full, "its backlog is full")                                                            \
	S(late, "accepts, and never answers")                                                     \
	S(eof, "accepts, and closes")                                                             \
	S(version, "answers that there is no common protocol version")                            \
	S(error, "answers a request that it cannot do this now")                                  \
	S(rubbish, "answers random bytes")                                                        \
	S(slow, "answers one byte each 100 ms")                                                   \
	S(wrongtype, "answers a request with a valid message of a wrong type")                    \
	S(outdated, "says of whatever it is shown that there is something newer")                 \
	S(foreign, "grants, but listens as a user who is not root")                               \
	S(grant, "grants everything")                                                             \
	S(tells, "grants, with words for the user and a time for systemd")                        \
	S(untracked, "grants, for a service that is not tracked")                                 \
	S(refuse, "refuses every login")                                                          \
	S(breaks, "dies in the middle of each first request, and grants the second if it is the " \
		  "same")

enum fake {
#define FAKE_ENUM(name, what) FAKE_##name,
	FAKES(FAKE_ENUM)
#undef FAKE_ENUM
		N_FAKES,
};

const char *fake_name(enum fake fake);
const char *fake_what(enum fake fake);

/*
 * Starts it with its socket in `dir`; it listens when this returns. Call it while there is one
 * thread only. Returns its pid, 0 for FAKE_none; ends the program when that fails.
 */
pid_t fake_start(enum fake fake, const char *dir);

/* Ends it and removes its socket. */
void fake_stop(pid_t pid, const char *dir);

/* What FAKE_tells says to an `open` that asks for it, and how long systemd shall wait (s). */
#define FAKE_LINE_1  "Previous login: none"
#define FAKE_LINE_2  "a line with \xc3\xab and 50%"
#define FAKE_RUNTIME 61

/* What FAKE_refuse says; the user must read it. */
#define FAKE_REFUSAL "you already have 2 of 2 sessions (policy \"tests\")"

#endif
