/*
 * PAM's conversation, held with the requester: what a module says or asks goes to him, line by line
 * and escaped, and his answers come back, bounded and without a NUL.
 */
#ifndef REAUTH_RELAY_H
#define REAUTH_RELAY_H

#include <security/pam_appl.h>

#include "reauth/channel.h"

struct relay {
	struct channel *channel;
	int error; /* what ended the conversation, -errno of channel.h; 0: nothing did */
};

/*
 * A pam_conv function; its data is a struct relay. PAM_CONV_ERR where the requester is gone or does
 * not follow the protocol, where time is over, or where something is asked that is no text; once it
 * failed, it fails for good.
 */
int relay_converse(int n, const struct pam_message **msg, struct pam_response **ret, void *data);

#endif
