#include <security/pam_ext.h>
#include <string.h>

#include "pam_module/notice.h"

/* A terminal by its name; or sshd, which gives every login this one, before it knows whether there
 * will be a terminal, and keeps what is said until it knows. */
static bool is_terminal(const char *tty)
{
	static const char *const starts[] = {"/dev/", "tty", "pts/"};
	size_t i;

	for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (strncmp(tty, starts[i], strlen(starts[i])) == 0)
			return true;
	return strcmp(tty, "ssh") == 0;
}

bool notice_wanted(const struct visit *visit, const struct wire_spooled *login)
{
	return !visit->silent && !visit->args.quiet && is_terminal(login->tty);
}

void notice_show(pam_handle_t *pamh, const char *lines)
{
	char shown[TEXT_LONG_MAX + 1];
	const char *end;
	size_t len;

	for (; *lines != '\0'; lines = end) {
		end = strstr(lines, WIRE_LINE_END);
		len = end != NULL ? (size_t)(end - lines) : strlen(lines);
		text_escape(lines, len, shown, sizeof(shown));
		pam_info(pamh, "%s", shown);
		end = lines + len + (end != NULL ? strlen(WIRE_LINE_END) : 0);
	}
}
