#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "pam_module/runtime.h"

static void cleanup(pam_handle_t *pamh, void *data, int status)
{
	(void)pamh;
	(void)status;
	free(data);
}

/* Is what stands there to stay? A bare number is seconds, as systemd reads it. */
static bool stays(const char *before, uint64_t seconds)
{
	uint64_t ns;

	if (before[0] == '\0' || strcmp(before, "infinity") == 0)
		return false;
	if (before[strspn(before, "0123456789")] == '\0')
		return strtoull(before, NULL, 10) <= seconds;
	return !duration_parse(before, &ns) || ns <= seconds * NS_PER_SEC;
}

int runtime_limit(pam_handle_t *pamh, uint64_t ns)
{
	uint64_t seconds = ns / NS_PER_SEC + (ns % NS_PER_SEC != 0);
	const void *before = NULL;
	char *text;
	int r;

	if (pam_get_data(pamh, RUNTIME_KEY, &before) == PAM_SUCCESS && before != NULL &&
		stays(before, seconds))
		return PAM_SUCCESS;
	if (asprintf(&text, "%" PRIu64, seconds) < 0)
		return PAM_BUF_ERR;
	r = pam_set_data(pamh, RUNTIME_KEY, text, cleanup);
	if (r != PAM_SUCCESS)
		free(text);
	return r;
}
