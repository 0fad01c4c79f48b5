/*
 * The socket that anybody may connect to, and a process for each connection: this program once
 * more, in a fresh image, so that no two conversations ever share a memory. So many at once, and so
 * many of one user, that nobody keeps the others from being heard.
 */
#ifndef REAUTH_LISTENER_H
#define REAUTH_LISTENER_H

/* Hearings at once; further connections wait to be accepted. */
#define LISTENER_HEARINGS 64
/* Of one uid, root's too; further ones are turned away. */
#define LISTENER_OF_ONE 4

struct listener_options {
	const char *dir; /* where sessd's sockets are, and this one */
	/* a listening socket that was handed over; -1: one is made in dir. One that was handed over
	 * listens also after this process: it ends when nobody has connected for a while. */
	int fd;
};

/* Returns the status of the program. Hearings that are under way at SIGTERM go on. */
int listener_serve(const struct listener_options *o);

#endif
