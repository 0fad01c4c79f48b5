#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/timestamp.h"
#include "common/version.h"
#include "sessd/confine.h"
#include "sessd/core.h"
#include "sessd/daemon.h"
#include "sessd/dispatch.h"
#include "sessd/fdstore.h"
#include "sessd/identity.h"
#include "sessd/log.h"
#include "sessd/notify.h"
#include "sessd/outlets.h"
#include "sessd/peer.h"
#include "sessd/socket.h"
#include "sessd/spool.h"
#include "sessd/watchdog.h"

#define TOKEN_KEY_BYTES 32

struct daemon {
	const struct daemon_options *options;
	struct config config;
	char config_error[CONFIG_ERROR_TEXT];
	uint64_t loaded_at;
	uint64_t started_at;
	int lock_fd;
	uint8_t token_key[TOKEN_KEY_BYTES];
	char boot_id[PROC_BOOT_ID];
	struct loop *loop;
	struct loop_io signals;
	int signal_fd;
	struct cgroups cgroups;
	struct metrics metrics;
	struct ledger *ledger;
	struct outlets *outlets;
	struct sweep *sweep;
	struct reaper *reaper;
	struct fdstore *fdstore;
	struct core *core;
	struct spool *spool;
	struct dispatch *dispatch;
	struct peers *peers;
	struct watchdog watchdog;
};

static void warn_line(void *ctx, const char *line)
{
	(void)ctx;
	log_warning("%s", line);
}

/* -errno with d->config_error set. At the start, the file that nobody named may be missing; later
 * its absence is a mistake like any other, and the configuration from before holds. */
static int read_config(struct daemon *d, bool starting, struct config *ret)
{
	const char *path = d->options->config;
	int r = config_load(path, warn_line, NULL, ret, d->config_error);

	if (r == -ENOENT && starting && !d->options->config_given) {
		log_info("%s: there is none; no caps, no lifetimes", path);
		d->config_error[0] = '\0';
		r = config_default(ret);
	}
	if (r == 0) {
		d->config_error[0] = '\0';
		d->loaded_at = clock_wall();
	}
	return r;
}

static int start_config(struct daemon *d)
{
	int r = read_config(d, true, &d->config);

	if (r < 0)
		log_error("%s", d->config_error[0] ? d->config_error : strerror(-r));
	return r;
}

static void reload(struct daemon *d)
{
	struct config fresh, old = d->config;
	char text[TEXT_LONG_MAX + 1];
	int r;

	notify("RELOADING=1");
	r = read_config(d, false, &fresh);
	if (r < 0) {
		log_error("%s; the configuration from before holds", d->config_error);
		snprintf(text, sizeof(text), "%.*s", (int)sizeof(text) - 1, d->config_error);
		core_note(d->core, ENTRY_CONFIG_REJECTED, text);
	} else {
		d->config = fresh;
		core_set_config(d->core, &d->config);
		ledger_retain(d->ledger, d->config.retain);
		peers_set_admin_gid(d->peers, d->config.admin_gid);
		peers_set_fleet_uid(d->peers, d->config.fleet_uid);
		config_fini(&old);
		log_info("%s: read again, %zu policies", d->options->config,
			d->config.policies.n_policies);
		core_note(d->core, ENTRY_CONFIG_LOADED, d->options->config);
	}
	/* also where it was refused: logs may have been rotated */
	outlets_set_config(d->outlets, &d->config);
	notify("READY=1");
}

static void on_signal(void *ctx, uint32_t events)
{
	struct daemon *d = ctx;
	struct signalfd_siginfo info;

	(void)events;
	while (read(d->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			reload(d);
			continue;
		}
		log_info("stopping (%s); no session is harmed", strsignal((int)info.ssi_signo));
		notify("STOPPING=1");
		core_note(d->core, ENTRY_DAEMON_STOPPED, strsignal((int)info.ssi_signo));
		loop_stop(d->loop);
	}
}

static int start_signals(struct daemon *d)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	/* before the ledger's thread starts, which inherits the mask */
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	d->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (d->signal_fd < 0)
		return -errno;
	return loop_io_add(d->loop, &d->signals, d->signal_fd, EPOLLIN, on_signal, d);
}

/* One descriptor for each live session, and two for each connection. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warning("RLIMIT_NOFILE: %s", strerror(errno));
}

static int make_folder(const char *path, mode_t mode)
{
	bool made = mkdir(path, mode) == 0;
	struct stat st;

	if (!made && errno != EEXIST) {
		log_error("%s: %s", path, strerror(errno));
		return -errno;
	}
	/* whatever the umask made of it */
	if (made && chmod(path, mode) < 0)
		log_warning("%s: %s", path, strerror(errno));
	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
		(st.st_mode & 022)) {
		log_error("%s: must be a folder, owned by root and writable by nobody else", path);
		return -EPERM;
	}
	return 0;
}

/* Two daemons on one ledger would each believe in their own. */
static int lock_state(struct daemon *d)
{
	char path[4096];

	if ((size_t)snprintf(path, sizeof(path), "%s/lock", d->options->state_dir) >= sizeof(path))
		return -ENAMETOOLONG;
	d->lock_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (d->lock_fd < 0 || flock(d->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		int r = -errno;

		log_error("%s: %s", path,
			errno == EWOULDBLOCK ? "another sessd is running" : strerror(errno));
		return r;
	}
	return 0;
}

static int write_key(int fd, const uint8_t *key)
{
	if (write(fd, key, TOKEN_KEY_BYTES) != TOKEN_KEY_BYTES || fsync(fd) < 0)
		return -EIO;
	return 0;
}

/* The key of the token hashes: made at the first start, never beside the ledger in a copy that an
 * auditor takes. */
static int load_token_key(struct daemon *d)
{
	char path[4096], tmp[4096 + 8];
	int fd, r = 0;

	if ((size_t)snprintf(path, sizeof(path), "%s/token.key", d->options->state_dir) >=
		sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0) {
		r = read(fd, d->token_key, sizeof(d->token_key)) == (ssize_t)sizeof(d->token_key)
			    ? 0
			    : -EIO;
		close(fd);
	} else if (errno == ENOENT) {
		snprintf(tmp, sizeof(tmp), "%s.new", path);
		randombytes_buf(d->token_key, sizeof(d->token_key));
		fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
		r = fd < 0 ? -errno : write_key(fd, d->token_key);
		if (fd >= 0)
			close(fd);
		if (r == 0 && rename(tmp, path) < 0)
			r = -errno;
	} else {
		r = -errno;
	}
	if (r < 0)
		log_error("%s: %s", path,
			r == -EIO ? "not a key of 32 bytes; remove it, and all tokens become void"
				  : strerror(-r));
	return r;
}

static void on_commit_time(void *ctx, uint64_t ns)
{
	struct metrics *m = ctx;

	histogram_add(&m->commit, ns);
}

static void describe(void *ctx, struct wire_state *ret)
{
	const struct daemon *d = ctx;

	snprintf(ret->program, sizeof(ret->program), "sessd %s", SESSD_VERSION);
	snprintf(ret->config, sizeof(ret->config), "%.255s", d->options->config);
	snprintf(ret->boot_id, sizeof(ret->boot_id), "%s", d->boot_id);
	text_escape(d->config_error, strlen(d->config_error), ret->config_error,
		sizeof(ret->config_error));
	ret->pid = (uint64_t)getpid();
	ret->started_at = d->started_at;
	ret->loaded_at = d->loaded_at;
	ret->policies = d->config.policies.n_policies;
	ret->peer_pidfd = peers_use_pidfd(d->peers);
	ret->cgroup = d->cgroups.root_fd >= 0;
	outlets_describe(d->outlets, ret);
}

static int start_state(struct daemon *d)
{
	int r;

	r = make_folder(d->options->runtime_dir, 0755);
	if (r == 0)
		r = make_folder(d->options->state_dir, 0700);
	if (r == 0)
		r = lock_state(d);
	if (r == 0)
		r = load_token_key(d);
	if (r == 0) {
		r = proc_boot_id(d->boot_id);
		if (r < 0)
			log_error("/proc/sys/kernel/random/boot_id: %s", strerror(-r));
	}
	return r;
}

/* Before the first thread starts, and with what the first configuration names. */
static void confine_all(const struct daemon *d)
{
	int r = confine(&(struct confine_options){.runtime_dir = d->options->runtime_dir,
		.state_dir = d->options->state_dir,
		.logs_dir = getenv("LOGS_DIRECTORY"), /* systemd.exec(5) */
		.mirror = d->config.mirror,
		.cgroup_fd = d->cgroups.root_fd});

	if (r < 0)
		log_warning("it cannot confine itself: %s", strerror(-r));
	else if (r == 0)
		log_info("this kernel has no Landlock: sessd is not confined to its own folders");
}

static int start_core(struct daemon *d)
{
	struct core_parts parts = {.loop = d->loop,
		.cgroups = &d->cgroups,
		.metrics = &d->metrics,
		.config = &d->config,
		.token_key = d->token_key,
		.boot_id = d->boot_id,
		.runtime_dir = d->options->runtime_dir};
	int r;

	if (proc_is_hidden())
		log_warning(
			"/proc is mounted with hidepid=: without CAP_SYS_PTRACE the processes of a "
			"session cannot all be found");
	cgroups_init(&d->cgroups);
	confine_all(d);
	r = ledger_open(d->options->state_dir, d->loop, &d->ledger);
	if (r < 0)
		return r;
	/* a login is worth more than a seal: what failed is in the log */
	(void)ledger_seal(d->ledger);
	ledger_on_timing(d->ledger, on_commit_time, &d->metrics);
	r = outlets_new(d->loop, d->ledger, &d->outlets);
	if (r < 0)
		return r;
	outlets_set_config(d->outlets, &d->config);
	r = fdstore_new(&d->fdstore);
	if (r == 0)
		r = sweep_new(d->loop, &d->sweep);
	if (r == 0)
		r = reaper_new(d->loop, &d->cgroups, d->sweep, &d->reaper);
	if (r < 0)
		return r;
	parts.sweep = d->sweep;
	parts.fdstore = d->fdstore;
	parts.ledger = d->ledger;
	parts.reaper = d->reaper;
	r = core_new(&parts, &d->core);
	if (r == 0)
		r = core_load(d->core);
	if (r == 0)
		r = spool_open(d->options->runtime_dir, d->loop, d->core, &d->spool);
	if (r < 0)
		return r;
	core_note(d->core, ENTRY_DAEMON_STARTED, "sessd " SESSD_VERSION);
	spool_read(d->spool, true);
	r = core_recover(d->core);
	if (r == 0)
		r = spool_watch(d->spool);
	if (r == 0)
		spool_read(d->spool, false);
	if (r == 0)
		ledger_retain(d->ledger, d->config.retain);
	return r;
}

static int start_listener(struct daemon *d, const char *name, mode_t mode, enum wire_use use)
{
	int fd = socket_listen(d->options->runtime_dir, name, mode);

	return fd < 0 ? fd : peers_listen(d->peers, fd, use);
}

static int start_peers(struct daemon *d)
{
	struct dispatch_parts parts = {.core = d->core,
		.ledger = d->ledger,
		.metrics = &d->metrics,
		.describe = describe,
		.ctx = d};
	struct peers_options options = {.loop = d->loop,
		.metrics = &d->metrics,
		.message = dispatch_message,
		.admin_gid = d->config.admin_gid,
		.fleet_uid = d->config.fleet_uid,
		.no_peerpidfd = d->options->no_peerpidfd};
	int r;

	r = dispatch_new(&parts, &d->dispatch);
	if (r < 0)
		return r;
	options.ctx = d->dispatch;
	r = peers_new(&options, &d->peers);
	if (r == 0)
		r = start_listener(d, WIRE_PAM_SOCKET, 0600, WIRE_ON_PAM);
	if (r == 0)
		r = start_listener(d, WIRE_CTL_SOCKET, 0666, WIRE_ON_CTL);
	/* judged by the peer's uid: to give it to the agent's user would need a capability */
	if (r == 0)
		r = start_listener(d, WIRE_FLEET_SOCKET, 0666, WIRE_ON_FLEET);
	notify_forget();
	return r;
}

static int start(struct daemon *d)
{
	int r;

	if (sodium_init() < 0)
		return -EIO;
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	raise_descriptors();
	r = start_config(d);
	if (r == 0)
		r = start_state(d);
	if (r == 0)
		r = loop_new(&d->loop);
	if (r == 0)
		r = start_signals(d);
	if (r == 0)
		r = start_core(d);
	if (r == 0)
		r = start_peers(d);
	if (r == 0)
		r = watchdog_start(&d->watchdog, d->loop);
	return r;
}

/* Also of a daemon that did not get far. */
static void stop(struct daemon *d)
{
	peers_free(d->peers);
	dispatch_free(d->dispatch);
	spool_free(d->spool);
	core_free(d->core);
	fdstore_free(d->fdstore);
	reaper_free(d->reaper);
	sweep_free(d->sweep);
	outlets_free(d->outlets);
	if (d->ledger != NULL)
		ledger_close(d->ledger);
	if (d->loop != NULL)
		loop_io_remove(d->loop, &d->signals);
	loop_free(d->loop);
	cgroups_fini(&d->cgroups);
	config_fini(&d->config);
	if (d->signal_fd >= 0)
		close(d->signal_fd);
	if (d->lock_fd >= 0)
		close(d->lock_fd);
	sodium_memzero(d->token_key, sizeof(d->token_key));
}

int daemon_serve(const struct daemon_options *options)
{
	struct daemon d = {.options = options,
		.lock_fd = -1,
		.signal_fd = -1,
		.cgroups.root_fd = -1,
		.started_at = clock_wall()};
	int r;

	r = start(&d);
	if (r == 0) {
		log_info("sessd %s is ready: %u sessions, %zu policies", SESSD_VERSION,
			(unsigned)core_sessions(d.core)->by_sid.n, d.config.policies.n_policies);
		notify("READY=1");
		r = loop_run(d.loop);
	}
	stop(&d);
	if (r < 0)
		log_error("stopped: %s", strerror(-r));
	return r < 0 ? 1 : 0;
}
