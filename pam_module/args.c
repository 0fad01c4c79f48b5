#include <security/pam_ext.h>
#include <string.h>
#include <syslog.h>

#include "common/text.h"
#include "pam_module/args.h"

void module_args_parse(pam_handle_t *pamh, int argc, const char **argv, struct module_args *ret)
{
	char shown[TEXT_STR_MAX + 1];
	int i;

	module_args_init(ret);
	for (i = 0; i < argc; i++) {
		if (module_args_set(ret, argv[i]))
			continue;
		text_escape(argv[i], strlen(argv[i]), shown, sizeof(shown));
		pam_syslog(pamh, LOG_ERR,
			"argument \"%s\" is unknown or malformed; the default holds", shown);
	}
}
