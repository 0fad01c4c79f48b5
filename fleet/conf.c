#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/duration.h"
#include "fleet/conf.h"

#define LEASE_MIN     (5 * NS_PER_SEC)
#define LEASE_MAX     (3600 * NS_PER_SEC)
#define LEASE_DEFAULT (30 * NS_PER_SEC)

#define ORDER_MIN     (60 * NS_PER_SEC)
#define ORDER_MAX     (365 * 24 * 3600 * NS_PER_SEC)
#define ORDER_DEFAULT (7 * 24 * 3600 * NS_PER_SEC)

#define SIGNING_KEY "/etc/sessd/fleet.key"
#define SIGNERS	    "/etc/sessd/fleet.keys"

_Static_assert(CONF_ERROR >= SIGNER_ERROR, "an error of the keys is one of the file's");

/* The options, each declared once: what libconfuse is told follows from the rows, and a test
 * compares them with the manual page. */
/* clang-format off */
static const struct {
	const char *name, *type, *help;
} rows[] = {
	{"endpoints", "list of URLs", "The members of the etcd cluster; they are tried in turn."},
	{"host", "name", "What this host is called in the fleet."},
	{"ca", "file", "The authority whose certificates are believed, and no other."},
	{"cert", "file", "The certificate that this host shows."},
	{"key", "file", "Its private key."},
	{"user", "name", "The user of etcd that this host logs in as."},
	{"password_file", "file", "Its password, in the first line."},
	{"lease", "time", "How long this host's sessions count after it was last heard of."},
	{"signing_key", "file", "The key by which this host signs what it orders of others."},
	{"signers", "file", "Whose orders count, and what each may."},
	{"order_lifetime", "time", "How old an order may be when it is carried out."},
	{"witness", "list of names", "The hosts whose ledgers this one watches over, at most 16; or * for all."},
	{"insecure", "boolean", "Whether etcd may be spoken to in the clear over a network."},
};
/* clang-format on */

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* What libconfuse complains of while it parses; it hands no context to its callback. */
static __thread char *parse_error;

__attribute__((format(printf, 3, 4))) static int fail(
	char error[CONF_ERROR], int r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(error, CONF_ERROR, format, ap);
	va_end(ap);
	return r;
}

static void on_error(cfg_t *cfg, const char *format, va_list ap)
{
	int n = snprintf(parse_error, CONF_ERROR, "%s:%d: ", cfg->filename, cfg->line);

	if (n > 0 && n < CONF_ERROR)
		vsnprintf(parse_error + n, (size_t)(CONF_ERROR - n), format, ap);
}

static bool is_loopback(const char *host)
{
	return strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
	       strncmp(host, "localhost:", 10) == 0 || strcmp(host, "localhost") == 0;
}

/* NULL, or what is wrong with it. */
static const char *check_endpoint(const char *url, bool insecure)
{
	const char *host = strstr(url, "://");

	if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
		return "expected https://HOST:PORT";
	host += 3;
	if (*host == '\0' || strcspn(host, "/?#@ \t") != strlen(host) || strlen(url) > TEXT_STR_MAX)
		return "expected https://HOST:PORT, and nothing more";
	if (url[4] == ':' && !insecure && !is_loopback(host))
		return "the sessions of a fleet must not be told in the clear; use https, or allow "
		       "it with insecure = true";
	return NULL;
}

static int take_endpoints(cfg_t *cfg, struct conf *ret, char error[CONF_ERROR])
{
	const char *url, *wrong, *word = cfg_getstr(cfg, "insecure");
	unsigned i, n = cfg_size(cfg, "endpoints");
	int insecure = word != NULL ? cfg_parse_boolean(word) : 0;

	if (insecure < 0)
		return fail(error, -EINVAL, "insecure: \"%s\": expected true or false", word);

	if (n == 0 || n > ETCD_ENDPOINTS_MAX)
		return fail(error, -EINVAL, "endpoints: expected 1 to %d, there are %u",
			ETCD_ENDPOINTS_MAX, n);
	for (i = 0; i < n; i++) {
		url = cfg_getnstr(cfg, "endpoints", i);
		wrong = check_endpoint(url, insecure == 1);
		if (wrong != NULL)
			return fail(error, -EINVAL, "endpoints: \"%s\": %s", url, wrong);
		ret->options.etcd.endpoints[i] = url;
	}
	ret->options.etcd.n_endpoints = n;
	return 0;
}

static int take_host(cfg_t *cfg, struct conf *ret, char error[CONF_ERROR])
{
	const char *host = cfg_getstr(cfg, "host");

	if (host == NULL) {
		if (gethostname(ret->host, sizeof(ret->host) - 1) < 0)
			return fail(error, -errno, "host: %s", strerror(errno));
		host = ret->host;
	}
	/* a part of keys, and half of `NAME on HOST` */
	if (host[0] == '\0' || strlen(host) > HOST_NAME_MAX || !text_valid(host, strlen(host)))
		return fail(error, -EINVAL,
			"host: a name has 1 to %d bytes, and none to control a "
			"terminal with",
			HOST_NAME_MAX);
	ret->options.host = host;
	return 0;
}

static int read_password(const char *path, struct conf *ret, char error[CONF_ERROR])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return fail(error, -errno, "%s: %s", path, strerror(errno));
	n = fstat(fd, &st) < 0 ? -errno : bytes_read(fd, ret->password, sizeof(ret->password) - 1);
	close(fd);
	if (n < 0)
		return fail(error, (int)n, "%s: %s", path, strerror((int)-n));
	if (!S_ISREG(st.st_mode) || (st.st_mode & S_IRWXO) != 0)
		return fail(error, -EPERM,
			"%s: a password must be in a file that others cannot read (mode %04o); use "
			"chmod o-rwx",
			path, (unsigned)st.st_mode & 07777);
	ret->password[strcspn(ret->password, "\n")] = '\0';
	if (ret->password[0] == '\0')
		return fail(error, -EINVAL, "%s: the password is empty", path);
	ret->options.etcd.password = ret->password;
	return 0;
}

static int take_login(cfg_t *cfg, struct conf *ret, char error[CONF_ERROR])
{
	const char *user = cfg_getstr(cfg, "user"), *file = cfg_getstr(cfg, "password_file");

	if ((user != NULL) != (file != NULL))
		return fail(error, -EINVAL, "user and password_file: one needs the other");
	ret->options.etcd.user = user;
	return file != NULL ? read_password(file, ret, error) : 0;
}

static int take_tls(cfg_t *cfg, struct conf *ret, char error[CONF_ERROR])
{
	struct http_tls *tls = &ret->options.etcd.tls;
	unsigned i;

	*tls = (struct http_tls){.ca = cfg_getstr(cfg, "ca"),
		.cert = cfg_getstr(cfg, "cert"),
		.key = cfg_getstr(cfg, "key")};
	if ((tls->cert != NULL) != (tls->key != NULL))
		return fail(error, -EINVAL, "cert and key: one needs the other");
	for (i = 0; i < ret->options.etcd.n_endpoints; i++)
		if (ret->options.etcd.endpoints[i][4] == 's' && tls->ca == NULL)
			return fail(error, -EINVAL,
				"ca: with https, name the file of the authority that is believed");
	return 0;
}

static int take_lease(cfg_t *cfg, struct conf *ret, char error[CONF_ERROR])
{
	const char *lease = cfg_getstr(cfg, "lease");
	uint64_t ns = LEASE_DEFAULT;

	if (lease != NULL && (!duration_parse(lease, &ns) || ns < LEASE_MIN || ns > LEASE_MAX))
		return fail(error, -EINVAL, "lease: \"%s\": expected a time from 5s to 1h", lease);
	ret->options.lease_ttl = ns / NS_PER_SEC;
	return 0;
}

static int take_orders(cfg_t *cfg, struct conf *ret, char error[CONF_ERROR])
{
	const char *secret = cfg_getstr(cfg, "signing_key"), *signers = cfg_getstr(cfg, "signers"),
		   *lifetime = cfg_getstr(cfg, "order_lifetime");
	uint64_t ns = ORDER_DEFAULT;

	if (lifetime != NULL &&
		(!duration_parse(lifetime, &ns) || ns < ORDER_MIN || ns > ORDER_MAX))
		return fail(error, -EINVAL,
			"order_lifetime: \"%s\": expected a time from 1m to 365d", lifetime);
	ret->options.order_lifetime = ns;
	ret->options.authority = &ret->authority;
	return authority_load(&ret->authority, secret != NULL ? secret : SIGNING_KEY,
		signers != NULL ? signers : SIGNERS, ret->options.host, error);
}

/* Unless told otherwise, all. */
static int take_witness(cfg_t *cfg, struct conf *ret, char error[CONF_ERROR])
{
	struct names *names = &ret->options.witness;
	unsigned i, n = cfg_size(cfg, "witness");
	const char *name;

	if (n == 0 && (cfg_getopt(cfg, "witness")->flags & CFGF_MODIFIED) == 0)
		*names = (struct names){.name = {"*"}, .n = 1};
	if (n > WITNESS_MAX)
		return fail(error, -EINVAL, "witness: expected at most %d names, there are %u",
			WITNESS_MAX, n);
	for (i = 0; i < n; i++) {
		name = cfg_getnstr(cfg, "witness", i);
		if (name[0] == '\0' || strlen(name) > HOST_NAME_MAX ||
			!text_valid(name, strlen(name)))
			return fail(error, -EINVAL, "witness: \"%s\": there is no such host", name);
		if (strcmp(name, "*") == 0 && n > 1)
			return fail(error, -EINVAL, "witness: * is all: there is nothing to add");
		names->name[names->n++] = name;
	}
	return 0;
}

int conf_load(const char *path, struct conf *ret, char error[CONF_ERROR])
{
	cfg_opt_t opts[N_ROWS + 1] = {{.name = NULL}};
	cfg_t *cfg;
	size_t i;
	int r;

	for (i = 0; i < N_ROWS; i++)
		opts[i] = (cfg_opt_t){.name = rows[i].name,
			.type = CFGT_STR,
			.flags = CFGF_NODEFAULT |
				 (strncmp(rows[i].type, "list", 4) == 0 ? CFGF_LIST : 0)};
	opts[N_ROWS] = (cfg_opt_t)CFG_END();
	cfg = cfg_init(opts, CFGF_NONE);

	memset(ret, 0, sizeof(*ret));
	if (cfg == NULL)
		return fail(error, -ENOMEM, "out of memory");
	ret->cfg = cfg;
	error[0] = '\0';
	parse_error = error;
	cfg_set_error_function(cfg, on_error);
	r = cfg_parse(cfg, path);
	if (r == CFG_SUCCESS) {
		r = take_endpoints(cfg, ret, error);
		r = r == 0 ? take_host(cfg, ret, error) : r;
		r = r == 0 ? take_tls(cfg, ret, error) : r;
		r = r == 0 ? take_login(cfg, ret, error) : r;
		r = r == 0 ? take_lease(cfg, ret, error) : r;
		r = r == 0 ? take_orders(cfg, ret, error) : r;
		r = r == 0 ? take_witness(cfg, ret, error) : r;
	} else {
		r = r == CFG_FILE_ERROR
			    ? fail(error, errno != 0 ? -errno : -EIO, "%s", strerror(errno))
			    : -EINVAL;
	}
	if (r < 0)
		conf_fini(ret);
	return r;
}

void conf_fini(struct conf *conf)
{
	if (conf->cfg != NULL)
		cfg_free(conf->cfg);
	conf->cfg = NULL;
	authority_fini(&conf->authority);
	sodium_memzero(conf->password, sizeof(conf->password));
}
