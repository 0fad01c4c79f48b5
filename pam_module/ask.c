#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/version.h"
#include "pam_module/ask.h"

/* On the heap, because a stranger's thread may have a small stack. */
struct exchange {
	struct client client;
	struct wire_frame frame;
	uint8_t buf[WIRE_MAX];
};

/* `opened` tells a broken connection from one that was never made. */
static enum client_status ask_once(struct exchange *x, const char *path, uint64_t deadline,
	enum wire_type type, const void *request, bool *opened)
{
	enum client_status status;

	status = client_open(&x->client, path, "pam_sess " SESSD_VERSION, deadline);
	*opened = status == CLIENT_OK;
	if (status != CLIENT_OK)
		return status;
	status = client_send(&x->client, type, request);
	if (status == CLIENT_OK)
		status = client_recv(&x->client, x->buf, &x->frame);
	client_close(&x->client);
	return status;
}

void ask_daemon(const struct module_args *args, uint64_t deadline, enum wire_type type,
	const void *request, struct answer *ret)
{
	struct exchange *x = calloc(1, sizeof(*x));
	char path[TEXT_STR_MAX + 1];
	enum client_status status;
	bool opened;

	if (x == NULL) {
		answer_of_status(CLIENT_DOWN, "out of memory", ret);
		return;
	}
	snprintf(path, sizeof(path), "%s/" WIRE_PAM_SOCKET, args->dir);
	status = ask_once(x, path, deadline, type, request, &opened);
	if (status == CLIENT_DOWN && opened)
		status = ask_once(x, path, deadline, type, request, &opened);
	if (status == CLIENT_OK)
		answer_of_frame(type, &x->frame, ret);
	else
		answer_of_status(status, x->client.text, ret);
	free(x);
}
