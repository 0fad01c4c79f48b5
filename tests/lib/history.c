/*
 * A made-up history of a host, as its ledger would tell it, sealed and all; for the tests and the
 * measurements of what reads ledgers.
 *
 *	history EVENTS SEED [hostile]	prints that many events, or a few more; with `hostile` the
 *					names and texts in it are what an attacker would choose
 *
 * The same arguments give the same bytes. Its first public key goes to standard error.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/chain.h"
#include "common/duration.h"
#include "common/seal.h"
#include "sessd/entry.h"

#define BEGIN UINT64_C(1785542400000000000) /* 2026-08-01 */
#define SPAN  (UINT64_C(90) * 24 * 3600 * NS_PER_SEC)
#define HOUR  (3600 * NS_PER_SEC)
#define LIVE  60
#define EVERY 1000 /* events of a checkpoint */

static const char *const users[] = {"alice", "bob", "carol", "dave", "erin", "frank", "grace",
	"heidi", "ivan", "judy", "backup", "deploy", "root"};
static const char *const sources[] = {"192.0.2.7", "192.0.2.19", "192.0.2.44", "198.51.100.3",
	"198.51.100.8", "203.0.113.5", "2001:db8::17", "2001:db8::2a", "build.example.com", ""};
static const char *const hostile[] = {
	"</script><script>document.title='owned'</script>",
	"<img src=x onerror=\"document.title='owned'\">",
	"\"><svg onload=document.title='owned'>",
	"' onfocus='document.title=1' autofocus='",
	"</title><style>*{display:none}</style>",
	"<!-- --><iframe src=//evil.example></iframe>",
	"{{constructor}} ${x} &lt;b&gt; &#60;b&#62;",
	"</details></table><h1>forged</h1>",
	"Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x94\x92",
	"\x1b[31mred\x07",
};

#define N(a) (sizeof(a) / sizeof((a)[0]))

struct made {
	struct sid sid;
	const char *user, *source;
	uint64_t opened, expires;
	enum session_class class;
};

static struct chain chain;
static uint64_t state, now, step, events;
static struct made live[LIVE];
static size_t n_live;
static bool is_hostile;
static uint8_t seed[32];

static uint64_t any(uint64_t below)
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) % below;
}

/* Few are many times as likely as the rest. */
static const char *pick(const char *const *list, size_t n)
{
	size_t a = any(n), b = any(n);

	if (is_hostile && any(2) == 0)
		return hostile[any(N(hostile))];
	return list[a < b ? a : b];
}

static void set(char *field, const char *value)
{
	snprintf(field, TEXT_STR_MAX + 1, "%s", value);
}

static size_t line_of(const struct entry *e, char *line, size_t size)
{
	char members[ENTRY_MAX], hex[CHAIN_HEX + 1];
	size_t len;
	int n;

	if (entry_format(e, members, sizeof(members), &len) < 0)
		abort();
	n = snprintf(line, size, "{\"seq\":%llu,\"prev\":\"%s\",%s",
		(unsigned long long)chain.seq + 1, hex_encode(chain.hash, CHAIN_HASH, hex),
		members + 1);
	if (n < 0 || (size_t)n >= size)
		abort();
	return (size_t)n;
}

static void print(const struct entry *e)
{
	char line[2 * ENTRY_MAX];
	size_t len = line_of(e, line, sizeof(line));

	chain_append(&chain, line, len);
	line[len] = '\n';
	fwrite(line, 1, len + 1, stdout);
	events++;
}

static void begin(struct entry *e, const char *event)
{
	entry_init(e, ENTRY_SESSION_OPENED, now);
	set(e->event, event);
}

/* --- The seal --- */

static void next_seed(void)
{
	static const char text[] = "sessd: the secret of the next checkpoint";

	crypto_generichash(
		seed, sizeof(seed), (const uint8_t *)text, strlen(text), seed, sizeof(seed));
}

static void key_of_seed(char hex[SEAL_KEY_HEX + 1], uint8_t *ret_secret)
{
	uint8_t key[SEAL_KEY], secret[64];

	crypto_sign_seed_keypair(key, secret, seed);
	hex_encode(key, SEAL_KEY, hex);
	if (ret_secret != NULL)
		memcpy(ret_secret, secret, sizeof(secret));
}

static void start_seal(void)
{
	struct entry e;

	begin(&e, "seal_started");
	set(e.text, "the ledger begins");
	key_of_seed(e.next_key, NULL);
	fprintf(stderr, "%s\n", e.next_key);
	print(&e);
}

static void checkpoint(void)
{
	uint8_t secret[64], signature[SEAL_SIGNATURE];
	char line[2 * ENTRY_MAX];
	struct entry e;
	size_t len;

	begin(&e, "checkpoint");
	key_of_seed(e.key, secret);
	next_seed();
	key_of_seed(e.next_key, NULL);
	len = line_of(&e, line, sizeof(line)) - 1;
	crypto_sign_detached(signature, NULL, (const uint8_t *)line, len, secret);
	hex_encode(signature, SEAL_SIGNATURE, e.signature);
	print(&e);
}

/* --- Sessions --- */

static void fill(struct entry *e, const struct made *m)
{
	static const char *const services[] = {
		[CLASS_BACKGROUND] = "cron", [CLASS_ELEVATION] = "sudo", [CLASS_LOGIN] = "sshd"};

	e->sid = m->sid;
	e->class = m->class;
	set(e->user, m->class == CLASS_ELEVATION ? "root" : m->user);
	e->uid = (struct opt_uid){.set = true, .uid = m->class == CLASS_ELEVATION ? 0 : 1000};
	set(e->service, services[m->class]);
	set(e->rhost, m->class == CLASS_LOGIN ? m->source : "");
	if (m->class == CLASS_ELEVATION)
		set(e->ruser, m->user);
	else
		set(e->auth, "publickey SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU");
	e->audit_session = 1 + m->opened / NS_PER_SEC % 100000;
	e->opened_at = m->opened;
	e->expires_at = m->expires;
	if (m->expires == 0)
		set(e->policy, "console");
	else
		set(e->policy, is_hostile && any(4) == 0 ? hostile[any(N(hostile))] : "default");
}

static void made_new(struct made *m, enum session_class class)
{
	size_t i;

	*m = (struct made){.user = pick(users, N(users)),
		.source = pick(sources, N(sources)),
		.opened = now,
		.expires = now + 12 * HOUR,
		.class = class};
	/* root's way in when all else fails */
	if (strcmp(m->user, "root") == 0)
		m->expires = 0;
	for (i = 0; i < sizeof(m->sid); i++)
		((uint8_t *)&m->sid)[i] = (uint8_t)any(256);
}

static void arrive(void)
{
	struct made m;
	struct entry e;

	if (n_live == LIVE)
		return;
	made_new(&m, any(5) == 0 ? CLASS_ELEVATION : CLASS_LOGIN);
	begin(&e, any(200) == 0 ? "session_adopted" : "session_opened");
	fill(&e, &m);
	print(&e);
	live[n_live++] = m;
	if (m.class != CLASS_LOGIN)
		return;
	begin(&e, "notice_given");
	fill(&e, &m);
	set(e.text, "last login: Fri Oct  2 09:12 from 192.0.2.7; no failures since");
	print(&e);
}

static void end(size_t who, enum reason reason, bool by_sessd)
{
	struct entry e;

	begin(&e, "session_ended");
	fill(&e, &live[who]);
	e.reason = reason;
	if (by_sessd) {
		e.signalled = 1 + any(9);
		e.elapsed = 500000 + any(20) * any(20) * any(20) * 20000;
		e.time += e.elapsed;
	}
	if (reason == REASON_REVOKED) {
		set(e.by, pick(users, 3));
		set(e.text, is_hostile ? hostile[any(N(hostile))] : "maintenance tonight");
	}
	print(&e);
	live[who] = live[--n_live];
}

static void warn(size_t who, enum reason reason)
{
	struct entry e;

	begin(&e, "session_warned");
	fill(&e, &live[who]);
	e.reason = reason;
	print(&e);
}

static void leave(void)
{
	static const struct {
		enum reason reason;
		unsigned share;
		bool by_sessd;
	} ways[] = {{REASON_LOGOUT, 75, false}, {REASON_IDLE, 14, true},
		{REASON_LEADER_GONE, 4, true}, {REASON_REVOKED, 4, true}, {REASON_EVICTED, 2, true},
		{REASON_LOCKED, 1, true}};
	unsigned die = (unsigned)any(100);
	size_t i, who = n_live > 0 ? any(n_live) : 0;

	if (n_live == 0)
		return;
	for (i = 0; i < N(ways) - 1 && die >= ways[i].share; i++)
		die -= ways[i].share;
	if (ways[i].reason == REASON_IDLE)
		warn(who, REASON_IDLE);
	end(who, ways[i].reason, ways[i].by_sessd);
}

/* Those whose lifetime is over before `until`; one in many is overlooked for a while. */
static void expire(uint64_t until)
{
	size_t i, first;

	for (;;) {
		for (i = first = 0; i < n_live; i++)
			if (live[i].expires != 0 &&
				(live[first].expires == 0 || live[i].expires < live[first].expires))
				first = i;
		if (n_live == 0 || live[first].expires == 0 || live[first].expires > until)
			return;
		now = live[first].expires + (any(300) == 0 ? 90 * NS_PER_SEC : 0);
		warn(first, REASON_LIFETIME);
		end(first, REASON_LIFETIME, true);
	}
}

static void refuse(void)
{
	static const enum reason reasons[] = {REASON_CAP, REASON_CAP, REASON_CAP, REASON_LOCKED,
		REASON_REAUTH, REASON_TOKEN_MISMATCH};
	struct made m;
	struct entry e;

	made_new(&m, CLASS_LOGIN);
	begin(&e, "session_refused");
	e.reason = reasons[any(N(reasons))];
	if (e.reason == REASON_REAUTH || e.reason == REASON_TOKEN_MISMATCH)
		m.class = CLASS_ELEVATION;
	fill(&e, &m);
	e.expires_at = 0;
	if (e.reason == REASON_CAP) {
		e.limit = 10;
		e.count = 10;
		set(e.policy, "default");
	}
	if (e.reason == REASON_LOCKED)
		snprintf(e.lock, sizeof(e.lock), "user %.200s", m.user);
	print(&e);
}

static void lock(void)
{
	static const char *const events_[] = {"lock_set", "lock_lifted"};
	const char *user = pick(users, N(users) - 1);
	struct entry e;
	size_t i;

	for (i = 0; i < N(events_); i++) {
		begin(&e, events_[i]);
		snprintf(e.lock, sizeof(e.lock), "user %.200s", user);
		set(e.by, pick(users, 3));
		set(e.text, is_hostile ? hostile[any(N(hostile))] : "has left the company");
		print(&e);
		now += step;
	}
}

static void note(void)
{
	static const char *const kinds[] = {"config_loaded", "daemon_stopped", "daemon_started",
		"reauthenticated", "reauthenticated", "password_changed", "proof_lacking",
		"session_extended", "ledger_read", "leftovers_kept"};
	const char *kind = kinds[any(N(kinds))];
	struct entry e;

	begin(&e, kind);
	if (strcmp(kind, "config_loaded") == 0)
		set(e.text, "/etc/sessd/sessd.conf");
	else if (strncmp(kind, "daemon", 6) != 0 && n_live > 0)
		fill(&e, &live[any(n_live)]);
	if (strcmp(kind, "ledger_read") == 0 || strcmp(kind, "session_extended") == 0)
		set(e.by, "alice");
	print(&e);
}

static void happen(void)
{
	uint64_t hour = now / HOUR % 24, day = now / HOUR / 24 % 7;
	unsigned die = (unsigned)any(1000);
	uint64_t until;

	/* nights are quieter, and so are the weekends */
	until = now + 1 +
		any(2 * step) * (hour < 6 || hour > 19 ? 3 : 1) * (day == 2 || day == 3 ? 2 : 1);
	expire(until);
	now = until;
	if (die < 490)
		arrive();
	else if (die < 930)
		leave();
	else if (die < 980)
		refuse();
	else if (die < 984)
		lock();
	else
		note();
}

int main(int argc, char **argv)
{
	uint64_t wanted;
	struct entry e;

	if (argc < 3 || sodium_init() < 0)
		return 2;
	wanted = strtoull(argv[1], NULL, 10);
	state = strtoull(argv[2], NULL, 10);
	is_hostile = argc > 3;
	now = BEGIN;
	step = SPAN / (wanted + 1) / 2 + 1;
	memset(seed, (int)(state & 0xff), sizeof(seed));
	chain_init(&chain);
	begin(&e, "ledger_started");
	set(e.text, CHAIN_FIRST_START);
	print(&e);
	start_seal();
	while (events < wanted) {
		happen();
		if (events % EVERY < 3 && events > 2)
			checkpoint();
	}
	checkpoint();
	return fflush(stdout) == 0 ? 0 : 1;
}
