#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reauth/attempt.h"

/* What is wrong may be what he typed, and is not his account or the machine. */
static bool is_about_secret(int code)
{
	/* the last is what a stack says that ends with the module that counts failures */
	return code == PAM_AUTH_ERR || code == PAM_CRED_INSUFFICIENT || code == PAM_PERM_DENIED;
}

/* Modules make of a broken conversation what they like. */
static const char *words_of_break(int error)
{
	switch (error) {
	case -EPIPE:
		return "he went away while he was asked";
	case -ETIMEDOUT:
		return "he did not answer in time";
	case -ENOTSUP:
		return "a PAM module asks for something that is no text";
	default:
		return "the conversation failed";
	}
}

static void fail(struct attempt *a, pam_handle_t *h, int code)
{
	const char *text;

	if (a->relay->error != 0)
		text = words_of_break(a->relay->error);
	else if (code == PAM_NEW_AUTHTOK_REQD)
		text = "the password has expired: change it with passwd(1) first";
	else
		text = pam_strerror(h, code);
	text_escape(text, strlen(text), a->text, sizeof(a->text));
}

static int set_items(const struct attempt *a, pam_handle_t *h)
{
	int code = pam_set_item(h, PAM_RUSER, a->user);

	if (code == PAM_SUCCESS && a->tty[0] != '\0')
		code = pam_set_item(h, PAM_TTY, a->tty);
	return code;
}

/* A module may have put another user in the place of who is to prove himself. */
static int check_user(const struct attempt *a, pam_handle_t *h)
{
	const void *user = NULL;
	int code = pam_get_item(h, PAM_USER, &user);

	if (code == PAM_SUCCESS && (user == NULL || strcmp(user, a->user) != 0))
		code = PAM_PERM_DENIED;
	return code;
}

void attempt_make(struct attempt *a)
{
	const struct pam_conv conv = {.conv = relay_converse, .appdata_ptr = a->relay};
	pam_handle_t *h = NULL;
	int code;

	a->proved = false;
	a->again = false;
	code = pam_start(ATTEMPT_SERVICE, a->user, &conv, &h);
	if (code == PAM_SUCCESS)
		code = set_items(a, h);
	if (code == PAM_SUCCESS) {
		/* who has no password proves nothing by it */
		code = pam_authenticate(h, PAM_DISALLOW_NULL_AUTHTOK);
		a->again = is_about_secret(code);
	}
	if (code == PAM_SUCCESS)
		code = check_user(a, h);
	if (code == PAM_SUCCESS)
		code = pam_acct_mgmt(h, PAM_DISALLOW_NULL_AUTHTOK);
	/* whatever modules make of it: nobody is there, or nobody who keeps to the rules */
	a->proved = code == PAM_SUCCESS && a->relay->error == 0;
	a->again = a->again && a->relay->error == 0;
	if (!a->proved)
		fail(a, h, code);
	if (h != NULL)
		pam_end(h, code);
}

void attempt_void(struct attempt *a)
{
	a->proved = false;
	snprintf(a->text, sizeof(a->text), "%s", words_of_break(-EPIPE));
}
