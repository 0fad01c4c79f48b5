/*
 * What happened while the daemon was away: one file a session in DIR/pending, named by its sid, its
 * content one packet of WIRE_spooled; and one for each password that was changed, of WIRE_password.
 * The daemon reads and removes them when it is back.
 *
 * DIR is on a tmpfs and a spooled session dies with the machine, so nothing is fsync'ed; a file
 * appears whole by rename(2) or not at all.
 */
#ifndef PAM_MODULE_SPOOL_H
#define PAM_MODULE_SPOOL_H

#include "common/wire.h"

#define SPOOL_FOLDER "pending"

/*
 * Keeps the record under its sid, in place of one that is there. Makes DIR and DIR/pending when
 * they are missing; refuses folders that are not root's or that others may write. 0 or -errno.
 */
int spool_keep(const char *dir, const struct wire_spooled *record);

/* Keeps the order, under a name of its own. 0 or -errno. */
int spool_keep_password(const char *dir, const struct wire_password *order);

/*
 * Marks the session as closed at record->closed_at: in its file, or, where the daemon has taken
 * that already or never had one, in a new file that holds the record. 0 or -errno.
 */
int spool_keep_closed(const char *dir, const struct wire_spooled *record);

/* The same, but only in a file that is there. -ENOENT: there is none. */
int spool_mark_closed(const char *dir, const struct wire_spooled *record);

#endif
