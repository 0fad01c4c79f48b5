#include <stdlib.h>
#include <string.h>

#include "pam_module/handle.h"

#define KEY  "sessd_session"
#define NOTE "sessd_authenticated"

/* Also called when a forked child ends its copy of the handle: so it frees, and does no more. */
static void cleanup(pam_handle_t *pamh, void *data, int status)
{
	(void)pamh;
	(void)status;
	if (data != NULL)
		explicit_bzero(data, sizeof(struct handle_session));
	free(data);
}

struct handle_session *handle_get(pam_handle_t *pamh)
{
	const void *data = NULL;

	if (pam_get_data(pamh, KEY, &data) != PAM_SUCCESS)
		return NULL;
	/* PAM hands out what it was given as const; the module that gave it may write */
	return (struct handle_session *)(uintptr_t)data;
}

int handle_put(pam_handle_t *pamh, const struct wire_spooled *record)
{
	struct handle_session *session = calloc(1, sizeof(*session));
	int r;

	if (session == NULL)
		return PAM_BUF_ERR;
	session->depth = 1;
	session->record = *record;
	explicit_bzero(&session->record.token, sizeof(session->record.token));
	explicit_bzero(&session->record.new_token, sizeof(session->record.new_token));
	r = pam_set_data(pamh, KEY, session, cleanup);
	if (r != PAM_SUCCESS)
		cleanup(pamh, session, r);
	return r;
}

void handle_drop(pam_handle_t *pamh)
{
	pam_set_data(pamh, KEY, NULL, NULL);
}

int handle_note(pam_handle_t *pamh)
{
	/* that it is there says all; it must not be NULL */
	return pam_set_data(pamh, NOTE, pamh, NULL);
}

bool handle_take_note(pam_handle_t *pamh)
{
	const void *data = NULL;

	if (pam_get_data(pamh, NOTE, &data) != PAM_SUCCESS || data == NULL)
		return false;
	return pam_set_data(pamh, NOTE, NULL, NULL) == PAM_SUCCESS;
}
