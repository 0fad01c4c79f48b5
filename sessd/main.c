#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/version.h"
#include "sessd/config.h"
#include "sessd/daemon.h"
#include "sessd/log.h"

enum { OPT_NO_PEERPIDFD = 256 };

static const struct option options[] = {
	{"config", required_argument, NULL, 'c'},
	{"runtime-dir", required_argument, NULL, 'r'},
	{"state-dir", required_argument, NULL, 's'},
	{"check", no_argument, NULL, 't'},
	{"debug", no_argument, NULL, 'd'},
	{"no-peerpidfd", no_argument, NULL, OPT_NO_PEERPIDFD},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static const char help[] = "usage: sessd [OPTION]...\n"
			   "Tracks the login sessions of this machine; see sessd(8).\n"
			   "\n"
			   "  -c, --config FILE      read FILE (default /etc/sessd/sessd.conf)\n"
			   "  -r, --runtime-dir DIR  sockets and spool (default /run/sessd)\n"
			   "  -s, --state-dir DIR    the ledger (default /var/lib/sessd)\n"
			   "  -t, --check            check the configuration and exit\n"
			   "  -d, --debug            log more\n"
			   "      --no-peerpidfd     identify peers as on Linux before 6.5\n"
			   "  -V, --version          print the version and exit\n"
			   "  -h, --help             print this and exit\n";

static void print_line(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "sessd: %s\n", line);
}

static int check(const char *path)
{
	char error[CONFIG_ERROR_TEXT];
	struct config config;
	int r = config_load(path, print_line, NULL, &config, error);

	if (r < 0) {
		fprintf(stderr, "sessd: %s\n", error);
		return 1;
	}
	printf("%s: %zu policies, %zu services: good\n", path, config.policies.n_policies,
		config.policies.n_services);
	config_fini(&config);
	return 0;
}

int main(int argc, char **argv)
{
	struct daemon_options o = {
		.config = "/etc/sessd/sessd.conf",
		.runtime_dir = "/run/sessd",
		.state_dir = "/var/lib/sessd",
	};
	bool only_check = false;
	int c;

	while ((c = getopt_long(argc, argv, "c:r:s:tdVh", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			o.config = optarg;
			o.config_given = true;
			break;
		case 'r':
			o.runtime_dir = optarg;
			break;
		case 's':
			o.state_dir = optarg;
			break;
		case 't':
			only_check = true;
			break;
		case 'd':
			log_set_level(LOG_DEBUG);
			break;
		case OPT_NO_PEERPIDFD:
			o.no_peerpidfd = true;
			break;
		case 'V':
			puts("sessd " SESSD_VERSION);
			return 0;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			fputs("Try 'sessd --help'.\n", stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "sessd: unexpected argument: %s\nTry 'sessd --help'.\n",
			argv[optind]);
		return 2;
	}
	return only_check ? check(o.config) : daemon_serve(&o);
}
