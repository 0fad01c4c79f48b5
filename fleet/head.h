/* The heads of ledgers as the store has them, and this host's own. */
#ifndef FLEET_HEAD_H
#define FLEET_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/seal.h"
#include "fleet/etcd.h"
#include "fleet/reply.h"

/* The value of /sessd/v1/head/HOST. */
struct head_value {
	char checkpoint[SEAL_HEAD_TEXT]; /* `SEQ:HASH`; "": none */
	char broken[SEAL_HEAD_TEXT];	 /* what the ledger has, where it lacks that; "": it does
					    not */
};

enum head_step {
	HEAD_UNREAD, /* what the store has is not known */
	HEAD_READ,   /* it is, and whether the ledger has it is not */
	HEAD_AGREED, /* the ledger has it, or there was nothing to compare */
	HEAD_BROKEN, /* the ledger lacks it */
};

struct head {
	char told[SEAL_HEAD_TEXT]; /* by sessd: the ledger's last checkpoint; "": none yet */
	enum head_step step;
	struct head_value stored, writing;
	uint64_t revision;	       /* at which `stored` was written; 0: there is none */
	char recorded[SEAL_HEAD_TEXT]; /* that is lacking, and sessd has recorded it */
	struct etcd_call *call;
	bool asking; /* sessd */
	struct timer timer;
};

/* False: there is no checkpoint in it. */
bool head_parse(const struct reply_kv *kv, struct head_value *ret);

#endif
