#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/version.h"
#include "fleet/conf.h"

#define AGENT_USER "sessd-fleet"

static const char help[] =
	"Usage: sessd-fleet [OPTION...]\n"
	"Keeps the sessions, caps and locks of several hosts together, in etcd.\n"
	"\n"
	"  -c, --config FILE       where etcd is (/etc/sessd/fleet.conf)\n"
	"      --check             read the configuration, say what is wrong with it, and exit\n"
	"  -u, --user USER         started as root, go on as USER; without it, root is refused\n"
	"      --runtime-dir DIR   where sessd's fleet.sock is (/run/sessd)\n"
	"      --data-dir DIR      for what is to outlast it (/var/lib/sessd-fleet)\n"
	"      --make-key FILE     write a new key to sign orders with, print its line for\n"
	"                          fleet.keys, and exit\n"
	"      --state-dir DIR     for what is to last until the next boot (/run/sessd-fleet)\n"
	"  -d, --debug             log more\n"
	"  -h, --help              this\n"
	"      --version           the version\n";

enum { OPT_CHECK = 256, OPT_RUNTIME_DIR, OPT_STATE_DIR, OPT_DATA_DIR, OPT_MAKE_KEY, OPT_VERSION };

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"check", no_argument, NULL, OPT_CHECK},
	{"user", required_argument, NULL, 'u'},
	{"runtime-dir", required_argument, NULL, OPT_RUNTIME_DIR},
	{"state-dir", required_argument, NULL, OPT_STATE_DIR},
	{"data-dir", required_argument, NULL, OPT_DATA_DIR},
	{"make-key", required_argument, NULL, OPT_MAKE_KEY},
	{"debug", no_argument, NULL, 'd'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

struct settings {
	const char *config, *user, *runtime_dir, *state_dir, *data_dir, *make_key;
	bool check;
};

/* 0: go on; 1: nothing more is to be done; -1: a mistake. */
static int read_options(int argc, char **argv, struct settings *s)
{
	int c;

	while ((c = getopt_long(argc, argv, "c:u:dh", long_options, NULL)) != -1) {
		switch (c) {
		case 'c':
			s->config = optarg;
			break;
		case 'u':
			s->user = optarg;
			break;
		case 'd':
			log_set_level(LOG_DEBUG);
			break;
		case OPT_CHECK:
			s->check = true;
			break;
		case OPT_RUNTIME_DIR:
			s->runtime_dir = optarg;
			break;
		case OPT_STATE_DIR:
			s->state_dir = optarg;
			break;
		case OPT_DATA_DIR:
			s->data_dir = optarg;
			break;
		case OPT_MAKE_KEY:
			s->make_key = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return 1;
		case OPT_VERSION:
			puts("sessd-fleet " SESSD_VERSION);
			return 1;
		default:
			return -1;
		}
	}
	if (optind < argc)
		fprintf(stderr, "sessd-fleet: %s: it takes no operands\n", argv[optind]);
	return optind < argc ? -1 : 0;
}

static int make_folder(const char *path, const struct passwd *pw)
{
	return mkdir(path, 0700) == 0 ? chown(path, pw->pw_uid, pw->pw_gid) : 0;
}

/* Made by root, it is the agent's, whose user is called as the program unless --user says
 * otherwise.
 */
static int make_key(const struct settings *s)
{
	struct signer signer = {.may = RIGHT_EVICT};
	const struct passwd *pw = NULL;
	char error[SIGNER_ERROR], line[SIGNER_LINE], host[HOST_NAME_MAX + 1] = "";
	struct secret secret;

	if (geteuid() == 0) {
		pw = getpwnam(s->user != NULL ? s->user : AGENT_USER);
		if (pw == NULL) {
			log_error("%s: there is no such user to own the key; name one with --user",
				s->user != NULL ? s->user : AGENT_USER);
			return 1;
		}
	}
	if (secret_make(s->make_key, pw != NULL ? pw->pw_uid : (uid_t)-1,
		    pw != NULL ? pw->pw_gid : (gid_t)-1, &secret, error) < 0) {
		log_error("%s", error);
		return 1;
	}
	(void)gethostname(host, sizeof(host) - 1);
	snprintf(signer.name, sizeof(signer.name), "%s", host);
	memcpy(signer.key, secret.public, sizeof(signer.key));
	secret_fini(&secret);
	signer_line(&signer, line);
	puts(line);
	return 0;
}

/* For good: nothing that is run from here on gives it back. */
static int drop_privileges(const struct settings *s)
{
	const struct passwd *pw;

	if (geteuid() != 0)
		return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
	if (s->user == NULL) {
		log_error("it does not run as root; name its user with --user");
		return -EPERM;
	}
	errno = 0;
	pw = getpwnam(s->user);
	if (pw == NULL || pw->pw_uid == 0) {
		log_error("%s: %s", s->user,
			pw != NULL ? "it does not run as root"
			: errno	   ? strerror(errno)
				   : "there is no such user");
		return -EINVAL;
	}
	if (make_folder(s->state_dir, pw) < 0 || make_folder(s->data_dir, pw) < 0)
		return -errno;
	if (initgroups(s->user, pw->pw_gid) < 0 || setgid(pw->pw_gid) < 0 ||
		setuid(pw->pw_uid) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

static int run(const struct settings *s, const struct conf *conf)
{
	struct agent_options options = conf->options;
	char socket[4096];
	struct agent *a;
	int r;

	if ((size_t)snprintf(socket, sizeof(socket), "%s/" WIRE_FLEET_SOCKET, s->runtime_dir) >=
		sizeof(socket))
		return -ENAMETOOLONG;
	options.socket = socket;
	options.state_dir = s->state_dir;
	options.data_dir = s->data_dir;
	r = agent_new(&options, &a);
	if (r < 0)
		return r;
	log_info("sessd-fleet %s serves host %s", SESSD_VERSION, conf->options.host);
	r = agent_run(a);
	agent_free(a);
	return r;
}

int main(int argc, char **argv)
{
	struct settings s = {.config = "/etc/sessd/fleet.conf",
		.runtime_dir = "/run/sessd",
		.state_dir = "/run/sessd-fleet",
		.data_dir = "/var/lib/sessd-fleet"};
	char error[CONF_ERROR];
	struct conf conf;
	int r = read_options(argc, argv, &s);

	if (r != 0)
		return r > 0 ? 0 : 2;
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return 1;
	r = s.check || s.make_key != NULL ? 0 : drop_privileges(&s);
	/* keys and passwords are read from here on: no core has them, and no other process of that
	 * user; only now, as setuid(2) sets it, too */
	if (r == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		r = -errno;
	if (r < 0) {
		log_error("privileges: %s", strerror(-r));
		return 1;
	}
	if (s.make_key != NULL)
		return make_key(&s);
	if (conf_load(s.config, &conf, error) < 0) {
		log_error("%s: %s", s.config, error);
		return s.check ? 1 : 2;
	}
	r = s.check ? 0 : run(&s, &conf);
	conf_fini(&conf);
	curl_global_cleanup();
	if (r < 0)
		log_error("stopped: %s", strerror(-r));
	return r < 0 ? 1 : 0;
}
