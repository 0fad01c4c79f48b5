/*
 * A PAM module that asks as those of one-time codes and security keys do, for tests of
 *conversations:
 *
 *	code=CODE	asks for it, shown while it is typed
 *	say=TEXT	says it first; `|` stands for a newline
 *	binary		asks for what is no text
 *	user=NAME	puts that user in the place of who is asked for
 */
#include <security/pam_appl.h>
#include <security/pam_modules.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

struct wants {
	const char *code, *say, *user;
	int binary;
};

static const char *behind(const char *arg, const char *name)
{
	size_t n = strlen(name);

	return strncmp(arg, name, n) == 0 ? arg + n : NULL;
}

static struct wants read_arguments(int argc, const char **argv)
{
	struct wants w = {.code = NULL};
	const char *value;
	int i;

	for (i = 0; i < argc; i++) {
		if ((value = behind(argv[i], "code=")) != NULL)
			w.code = value;
		else if ((value = behind(argv[i], "say=")) != NULL)
			w.say = value;
		else if ((value = behind(argv[i], "user=")) != NULL)
			w.user = value;
		else if (strcmp(argv[i], "binary") == 0)
			w.binary = 1;
	}
	return w;
}

static int converse(pam_handle_t *h, int style, const char *text, char **ret)
{
	const struct pam_message msg = {.msg_style = style, .msg = text}, *msgs = &msg;
	const struct pam_conv *conv;
	struct pam_response *resp = NULL;
	const void *item;
	int code = pam_get_item(h, PAM_CONV, &item);

	if (code != PAM_SUCCESS)
		return code;
	conv = item;
	code = conv->conv(1, &msgs, &resp, conv->appdata_ptr);
	if (code != PAM_SUCCESS)
		return code;
	if (ret != NULL)
		*ret = resp->resp;
	else
		free(resp->resp);
	free(resp);
	return PAM_SUCCESS;
}

static int say(pam_handle_t *h, const char *text)
{
	char *copy = strdup(text), *p;
	int code;

	if (copy == NULL)
		return PAM_BUF_ERR;
	for (p = copy; (p = strchr(p, '|')) != NULL;)
		*p = '\n';
	code = converse(h, PAM_TEXT_INFO, copy, NULL);
	free(copy);
	return code;
}

EXPORT int pam_sm_authenticate(pam_handle_t *h, int flags, int argc, const char **argv)
{
	const struct wants w = read_arguments(argc, argv);
	int code = PAM_SUCCESS;
	char *typed = NULL;

	(void)flags;
	if (w.user != NULL)
		code = pam_set_item(h, PAM_USER, w.user);
	if (code == PAM_SUCCESS && w.say != NULL)
		code = say(h, w.say);
	if (code == PAM_SUCCESS && w.binary)
		code = converse(h, PAM_BINARY_PROMPT, "", NULL);
	if (code == PAM_SUCCESS && w.code != NULL) {
		code = converse(h, PAM_PROMPT_ECHO_ON, "One-time code: ", &typed);
		if (code == PAM_SUCCESS && strcmp(typed, w.code) != 0)
			code = PAM_AUTH_ERR;
		free(typed);
	}
	return code;
}

EXPORT int pam_sm_setcred(pam_handle_t *h, int flags, int argc, const char **argv)
{
	(void)h;
	(void)flags;
	(void)argc;
	(void)argv;
	return PAM_SUCCESS;
}
