/*
 * What `sessctl doctor` finds. A kind of finding is a row: its id, how grave it is, what is wrong,
 * and what to do. A finding adds where, in which services, and what exactly.
 */
#ifndef SESSCTL_FINDING_H
#define SESSCTL_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* More than that nobody reads. */
#define FINDINGS_MAX 1000

/* clang-format off */
/*  F(ID, id, severity, what is wrong, what to do) */
#define FINDINGS(F) \
	/* reading the stacks */ \
	F(NO_SERVICES, "no-services", ERROR, "there is no PAM service to look at", \
	  "install libpam-runtime, or name another tree with --root") \
	F(NO_FILE, "no-file", NOTE, "the service has no file of its own, so PAM takes `other` for it", \
	  "check the name; if it is right, make the file") \
	F(UNREADABLE, "unreadable", ERROR, "it cannot be read, so nothing is known of it", \
	  "run sessctl doctor as root, or look at the file") \
	F(INCLUDE_MISSING, "include-missing", ERROR, \
	  "it includes a file that is not there, so PAM refuses everybody here", \
	  "make the file, or take the line out") \
	F(INCLUDE_VENDOR, "include-vendor", WARNING, \
	  "it includes a file that is in /usr/lib/pam.d alone, where PAM of Debian 12 does not look", \
	  "copy the file to /etc/pam.d") \
	F(INCLUDE_LOOP, "include-loop", ERROR, \
	  "it includes a file that it is itself included by, so PAM refuses everybody here", \
	  "take one of the lines out that make the circle") \
	F(INCLUDE_DEEP, "include-deep", ERROR, \
	  "files include each other more than 16 deep, which is more than PAM follows", \
	  "include the inner files directly") \
	F(TOO_LARGE, "too-large", ERROR, \
	  "the stack has more files or lines than are looked at, so the rest is not known", \
	  "make it smaller") \
	F(MALFORMED, "malformed", ERROR, "the line is malformed", \
	  "see pam.conf(5) for how a line is written") \
	/* what is missing */ \
	F(MISSING, "missing", ERROR, \
	  "the service logs people in without pam_sess.so, so sessd knows nothing of its logins", \
	  "add the lines that pam_sess(8) shows under WHERE TO PUT IT") \
	F(ELEVATION_MISSING, "elevation-missing", WARNING, \
	  "users become others here without pam_sess.so: neither recorded, nor refused " \
	  "to who is locked", \
	  "add the lines that pam_sess(8) shows under WHERE TO PUT IT") \
	F(ACCOUNT_MISSING, "account-missing", ERROR, \
	  "pam_sess.so is in session but not in account, so nobody is told why he is refused", \
	  "add `account required pam_sess.so` behind the other account lines") \
	F(SESSION_MISSING, "session-missing", ERROR, \
	  "pam_sess.so is in account but not in session, so no session is opened", \
	  "add `session required pam_sess.so` behind pam_loginuid and pam_keyinit") \
	F(MANAGER_MISSING, "manager-missing", WARNING, \
	  "pam_sess.so is not in account, so systemd can start the service manager of a user " \
	  "who is locked", \
	  "copy the file to /etc/pam.d, and add `account required pam_sess.so` behind the " \
	  "other account lines") \
	F(AUTH_MISSING, "auth-missing", NOTE, \
	  "pam_sess.so is not in auth, so it is not known who authenticated again", \
	  "add `auth optional pam_sess.so` behind the other auth lines") \
	F(REAUTH_UNKNOWN, "reauth-unknown", ERROR, \
	  "reauth= is asked for, but no auth line of pam_sess.so says who authenticated", \
	  "add `auth optional pam_sess.so` behind the other auth lines") \
	F(REAUTH_SERVICE, "reauth-service", WARNING, \
	  "reauth= is asked for, and there is no service sessd-reauth, by which users could " \
	  "authenticate again without sudo", \
	  "put sessd-reauth of the samples into /etc/pam.d; see sessd-reauth(8)") \
	F(LOGINUID_MISSING, "loginuid-missing", ERROR, \
	  "pam_loginuid.so is not in session, so the session's processes cannot be told " \
	  "from others", \
	  "add `session required pam_loginuid.so` above pam_sess.so") \
	F(KEYINIT_MISSING, "keyinit-missing", WARNING, \
	  "pam_keyinit.so is not in session, so the login has no session keyring of its own", \
	  "add `session optional pam_keyinit.so force revoke` above pam_sess.so") \
	/* what is in the wrong place */ \
	F(LOGINUID_AFTER, "loginuid-after", ERROR, \
	  "pam_loginuid.so comes after pam_sess.so, which opens the session before it " \
	  "can be told from others", \
	  "put pam_loginuid.so above the session line of pam_sess.so") \
	F(KEYINIT_AFTER, "keyinit-after", WARNING, \
	  "pam_keyinit.so comes after pam_sess.so, and takes the token's keyring away", \
	  "put pam_keyinit.so above the session line of pam_sess.so") \
	F(KEYINIT_HIDES, "keyinit-hides", WARNING, \
	  "pam_keyinit.so hides the keyring of the session that calls, where its token is", \
	  "take pam_keyinit.so out of this service, or its word `force`") \
	F(SYSTEMD_BEFORE, "systemd-before", WARNING, \
	  "pam_systemd.so comes before pam_sess.so, so a login that is refused leaves a " \
	  "session of logind behind", \
	  "put the session line of pam_sess.so above pam_systemd.so (or what includes it)") \
	F(NAMESPACE_BEFORE, "namespace-before", WARNING, \
	  "pam_namespace.so comes before pam_sess.so, and may hide the daemon's folder", \
	  "put the session line of pam_sess.so above pam_namespace.so") \
	F(AUTH_NOT_LAST, "auth-not-last", WARNING, \
	  "a line behind pam_sess.so can still refuse who has authenticated so far", \
	  "put `auth optional pam_sess.so` behind all other auth lines") \
	F(AUTH_UNASKED, "auth-unasked", ERROR, \
	  "who succeeds here was asked for nothing, and pam_sess.so above takes it for an " \
	  "authentication", \
	  "put `auth optional pam_sess.so` behind this line") \
	F(TWICE, "twice", WARNING, \
	  "pam_sess.so stands in this stack a second time, where it does nothing", \
	  "take one of its lines out") \
	/* what does not hold */ \
	F(AUTH_BYPASS, "auth-bypass", WARNING, \
	  "who succeeds here never comes to pam_sess.so in auth: that he authenticated " \
	  "is not known", \
	  "let this line not end the stack, or jump so that pam_sess.so is still reached") \
	F(ACCOUNT_BYPASS, "account-bypass", ERROR, \
	  "who succeeds here never comes to pam_sess.so in account, and is not judged there", \
	  "put the account line of pam_sess.so above this line, or let this line not " \
	  "end the stack") \
	F(SESSION_BYPASS, "session-bypass", ERROR, \
	  "a login can succeed here and never come to pam_sess.so in session, so it is " \
	  "not recorded", \
	  "put the session line of pam_sess.so above this line, or let this line not " \
	  "end the stack") \
	F(REFUSAL_IGNORED, "refusal-ignored", ERROR, \
	  "a refusal by pam_sess.so refuses nobody with this control", \
	  "make it `required`") \
	F(UNREACHABLE, "unreachable", ERROR, \
	  "nobody comes to this line without being refused, for what stands above it", \
	  "put it above the lines that refuse, such as pam_deny.so") \
	F(ALONE, "alone", ERROR, \
	  "no other line lets anybody in, so all are refused whenever sessd is away or " \
	  "does not track the service", \
	  "add a line of pam_permit.so or pam_unix.so to this stack") \
	F(REAUTH_ROOTOK, "reauth-rootok", ERROR, \
	  "pam_rootok.so lets everybody pass in this service, because the process that asks is " \
	  "root's", \
	  "take the line out") \
	F(MODULE_MISSING, "module-missing", ERROR, "the module is not installed", \
	  "install it (see the package of sessd), or take the line out") \
	F(MODULES_UNKNOWN, "modules-unknown", NOTE, \
	  "no folder of PAM modules was found, so it is not known what is installed", \
	  "none, where the tree has no programs") \
	F(ARGUMENT, "argument", ERROR, "the argument is unknown or malformed, so its default holds", \
	  "see pam_sess(8) for the arguments") \
	F(DIR, "dir", ERROR, "dir= is not the folder of the daemon", \
	  "let dir= of the module and --runtime-dir of sessd and sessctl name one folder") \
	/* sshd */ \
	F(USEPAM, "usepam", ERROR, "sshd does not use PAM, so none of its logins is known", \
	  "write `UsePAM yes` above the first Match line, and reload sshd") \
	F(USEPAM_UNKNOWN, "usepam-unknown", NOTE, "whether sshd uses PAM is not known", \
	  "ask `sshd -T | grep usepam` as root") \
	/* the kernel */ \
	F(AUDIT, "audit", WARNING, \
	  "the kernel gives no audit sessions, so processes that leave a session's " \
	  "cgroup are not found", \
	  "take a kernel with CONFIG_AUDIT") \
	F(AUDIT_UNSET, "audit-unset", WARNING, "logins are open, and none has an audit session", \
	  "see why pam_loginuid.so fails (a container needs CAP_AUDIT_CONTROL)") \
	F(CGROUP, "cgroup", WARNING, \
	  "no cgroup v2 is mounted, so a session is ended by looking for its processes", \
	  "boot with systemd.unified_cgroup_hierarchy=1, or mount cgroup2") \
	F(CGROUP_KILL, "cgroup-kill", WARNING, \
	  "cgroups have no cgroup.kill, so a session is ended by looking for its processes", \
	  "take Linux 5.14 or newer") \
	F(PIDFD, "pidfd", ERROR, "the kernel gives no pidfds, without which sessd does not work", \
	  "take Linux 5.3 or newer, or let the container's seccomp filter have pidfd_open") \
	F(PEER_PIDFD, "peer-pidfd", NOTE, \
	  "the kernel has no SO_PEERPIDFD, so sessd finds who asks by his pid, and looks twice", \
	  "nothing; Linux 6.5 and newer have it") \
	F(KEYRING, "keyring", WARNING, "there are no session keyrings, so no session has a token", \
	  "let the container's seccomp filter have keyctl and add_key") \
	/* the daemon */ \
	F(DAEMON, "daemon", ERROR, "sessd cannot be asked", \
	  "systemctl start sessd; systemctl status sessd says more") \
	F(DAEMON_LEDGER, "daemon-ledger", ERROR, "sessd cannot write its ledger", \
	  "make room on its disk; see systemctl status sessd") \
	F(DAEMON_CONFIG, "daemon-config", WARNING, \
	  "sessd's newest configuration has a mistake, and the one before holds", \
	  "correct it (sessd --check), then systemctl reload sessd") \
	F(REAUTH_SOCKET, "reauth-socket", WARNING, \
	  "reauth= is asked for, and sessctl reauth, by which users could authenticate, finds nobody who asks them", \
	  "systemctl enable --now sessd-reauth.socket")
/* clang-format on */

enum finding_kind {
#define FINDING_ENUM(ID, id, severity, wrong, remedy) FINDING_##ID,
	FINDINGS(FINDING_ENUM)
#undef FINDING_ENUM
};

enum severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_NOTE, SEVERITIES };

struct finding {
	enum finding_kind kind;
	char *place;	/* a file as it is shown, or a word such as `kernel` */
	unsigned line;	/* 0: none */
	char *detail;	/* may be "" */
	char *services; /* separated by a comma and a blank; "": of no service */
};

struct findings {
	const char *service; /* that is being looked at; NULL: none */
	struct finding *rows;
	size_t n;
	size_t count[SEVERITIES];
	int error; /* -ENOMEM: some are missing */
	bool more; /* there were more than FINDINGS_MAX */
};

/* A line of a file; 0: the file as a whole, or what is no file. */
struct where {
	const char *place;
	unsigned line;
};

/*
 * All is copied. What is found again, in a file that several services share, is one finding with
 * both services.
 */
void findings_add(
	struct findings *f, enum finding_kind kind, struct where where, const char *detail);
void findings_fini(struct findings *f);

/* In the order in which they were found. */
void findings_print(const struct findings *f, FILE *out, bool bold);
/* One JSON object a line. */
void findings_json(const struct findings *f, FILE *out);

#endif
