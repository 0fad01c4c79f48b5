/* An event of the ledger, as people read it. */
#ifndef SESSCTL_EVENT_H
#define SESSCTL_EVENT_H

#include <stddef.h>
#include <stdio.h>

/*
 * `Nov 23 09:12:30 session_ended alice 3f2a9c01 service=sshd reason=revoked by=root`: time, event,
 * user and sid (`-` for what is not there), then the other members in the order of the line. What
 * is no JSON object is printed escaped. line has no newline; one is written.
 */
void event_print(FILE *out, const char *line, size_t len);

#endif
