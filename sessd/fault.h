/*
 * The points at which a test may kill the daemon: rows, so that the test can walk through all of
 * them. Only a build with FAULTS=1 has them; there, SESSD_FAULT=NAME[:N] in the environment means
 * SIGKILL to oneself at the Nth passage of NAME.
 */
#ifndef SESSD_FAULT_H
#define SESSD_FAULT_H

/* clang-format off */
#define FAULT_POINTS(P) \
	P(open_received)     /* the request is decoded, nothing is done */ \
	P(open_held)         /* the place is held, the event not yet queued */ \
	P(open_queued)       /* the event is queued, not committed */ \
	P(commit_begun)      /* inside the transaction */ \
	P(commit_done)       /* on disk; the loop does not know yet */ \
	P(open_active)       /* committed and active, not answered */ \
	P(open_answered)     /* the answer is sent */ \
	P(close_received)    \
	P(close_queued)      \
	P(close_answered)    \
	P(refuse_received)   /* decided, not answered */ \
	P(refuse_answered)   /* answered, the leader not ended */ \
	P(revoke_received)   \
	P(ending_queued)     /* the order to end is queued, nothing killed */ \
	P(ending_killed)     /* the reaper has begun */ \
	P(ending_gone)       /* nothing is left; its end not queued */ \
	P(ended_queued)      /* its end is queued, not committed */ \
	P(revoke_answered)   \
	P(upgrade_step)      /* inside the transaction that brings the schema forward */ \
	P(recovery_begun)    /* the ledger is open */ \
	P(recovery_loaded)   /* all rows are in the table, nothing is judged */ \
	P(recovery_spooled)  /* the spool is read */ \
	P(recovery_judged)   /* dead leaders are found, kills repeated */ \
	P(spool_adopted)     /* a spooled login is in the table, its file still there */ \
	P(spool_removed) \
	P(rotate_begun)      /* the new token is chosen, and nowhere */ \
	P(rotate_written)    /* it is in the key, and no entry says so */ \
	P(reauth_queued)     /* the event is queued, not committed */ \
	P(seal_signed)       /* a checkpoint is in the transaction */ \
	P(seal_committed)    /* it is on disk, and the secret that signed it still there */ \
	P(seal_written)      /* the next secret is on disk beside it */ \
	P(seal_erased)       /* it is overwritten */ \
	P(seal_renamed)
/* clang-format on */

enum fault {
#define FAULT_ENUM(name) FAULT_##name,
	FAULT_POINTS(FAULT_ENUM)
#undef FAULT_ENUM
};

#ifdef SESSD_FAULTS
void fault_point(enum fault point);
#else
static inline void fault_point(enum fault point)
{
	(void)point;
}
#endif

#endif
