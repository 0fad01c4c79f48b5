#include <string.h>

#include "common/service.h"

const struct service_class service_builtins[] = {
	{"sshd", CLASS_LOGIN},
	{"login", CLASS_LOGIN},
	{"remote", CLASS_LOGIN}, /* login -h, where login is util-linux's */
	{"cockpit", CLASS_LOGIN},
	{"gdm-password", CLASS_LOGIN},
	{"gdm-fingerprint", CLASS_LOGIN},
	{"gdm-smartcard", CLASS_LOGIN},
	{"gdm-autologin", CLASS_LOGIN},
	{"greetd", CLASS_LOGIN},
	{"lightdm", CLASS_LOGIN},
	{"lightdm-autologin", CLASS_LOGIN},
	{"lxdm", CLASS_LOGIN},
	{"nodm", CLASS_LOGIN},
	{"sddm", CLASS_LOGIN},
	{"sddm-autologin", CLASS_LOGIN},
	{"slim", CLASS_LOGIN},
	{"wdm", CLASS_LOGIN},
	{"xdm", CLASS_LOGIN},
	{"xrdp-sesman", CLASS_LOGIN},
	{"su", CLASS_ELEVATION},
	{"su-l", CLASS_ELEVATION},
	{"sudo", CLASS_ELEVATION},
	{"sudo-i", CLASS_ELEVATION},
	{"runuser", CLASS_ELEVATION},
	{"runuser-l", CLASS_ELEVATION},
	{"doas", CLASS_ELEVATION},
	{"polkit-1", CLASS_ELEVATION}, /* pkexec */
	{"systemd-run0", CLASS_ELEVATION},
	{"cron", CLASS_BACKGROUND},
	{"crond", CLASS_BACKGROUND},
	{"atd", CLASS_BACKGROUND},
	{"systemd-user", CLASS_IGNORED},
	{"sessd-reauth", CLASS_IGNORED},
};

const size_t service_builtin_count = sizeof(service_builtins) / sizeof(service_builtins[0]);

enum session_class service_builtin(const char *name)
{
	size_t i;

	for (i = 0; i < service_builtin_count; i++)
		if (strcmp(service_builtins[i].name, name) == 0)
			return service_builtins[i].class;
	return CLASS_NONE;
}
