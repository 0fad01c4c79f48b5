/*
 * The formats of `sessctl audit export` without a daemon, for tests/tap/formats.sh:
 *
 *	formats lines		prints a ledger with every kind of event that sessd has and every
 *				member, ordinary and hostile, and what a later sessd might add
 *	formats FORMAT		prints the lines on standard input in that format
 *	formats missing		prints the kinds of sessd that have no row in sessctl/kind.h
 */
#include <stdlib.h>
#include <string.h>

#include "common/chain.h"
#include "sessctl/format.h"
#include "sessd/entry.h"

#define T0 UINT64_C(1763800000123456000)

static const struct field fields[] = {ENTRY_FIELDS(FIELD_ROW, entry)};

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

#define ONE_MORE(id, name, help) +1
#define N_KINDS			 (0 ENTRY_KINDS(ONE_MORE))

/* What a user might put wherever he can put something. */
static const char *const hostile[] = {
	"a\"b,c'd",
	"=HYPERLINK(\"http://evil.example\",\"x\")",
	"+1+1",
	"-2",
	"@SUM(A1)",
	"'quoted",
	"\uff1dwide",
	" leading and trailing ",
	"pipe|equals=back\\slash]bracket[",
	"key=value cs1=forged src=1.2.3.4",
	"trailing backslash\\",
	"Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x94\x92",
	"line\nfeed\rreturn\ttab",
	"\x1b[31mred\x07\x7f",
	"\xe2\x80\xaereversed",
	"broken \xff\xfe utf-8 \xc3",
	"\\n \\\" \\u0041 %s %n",
	"</script><!-- ${jndi:ldap://x} $(id) `id`",
	"CEF:0|forged|",
	"<86>1 forged",
};

#define N_HOSTILE (sizeof(hostile) / sizeof(hostile[0]))

static struct chain chain;

static void print_line(const char *members)
{
	char line[2 * ENTRY_MAX], hex[CHAIN_HEX + 1];
	int n;

	n = snprintf(line, sizeof(line), "{\"seq\":%llu,\"prev\":\"%s\",%s",
		(unsigned long long)chain.seq + 1, hex_encode(chain.hash, CHAIN_HASH, hex),
		members + 1);
	if (n < 0 || (size_t)n >= sizeof(line))
		abort();
	chain_append(&chain, line, (size_t)n);
	puts(line);
}

static void print_entry(const struct entry *e)
{
	char members[ENTRY_MAX];
	size_t len;

	if (entry_format(e, members, sizeof(members), &len) < 0)
		abort();
	print_line(members);
}

/* Something into each member that is empty yet; `text` into each text, or (NULL) its own name. */
static void fill(struct entry *e, const char *text)
{
	char *at;
	size_t i;

	for (i = 0; i < N_FIELDS; i++) {
		at = (char *)e + fields[i].offset;
		if (!field_empty(&fields[i], e))
			continue;
		switch (fields[i].kind) {
		case FIELD_U64:
			*(uint64_t *)(void *)at = 1000 + i;
			break;
		case FIELD_TIME:
			*(uint64_t *)(void *)at = T0 + i * 1000001000;
			break;
		case FIELD_DUR:
			*(uint64_t *)(void *)at = 63125000 * (i + 1);
			break;
		case FIELD_UID:
			*(struct opt_uid *)(void *)at = (struct opt_uid){.set = true, .uid = 1000};
			break;
		case FIELD_SID:
			memset(at, (int)i + 1, sizeof(struct sid));
			break;
		case FIELD_STR:
		case FIELD_TEXT:
			snprintf(at, TEXT_STR_MAX + 1, "%s", text ? text : fields[i].name);
			break;
		case FIELD_HEX:
			memset(at, 'a', FIELD_HEX_MAX);
			break;
		case FIELD_REASON:
			*(enum reason *)(void *)at = REASON_REVOKED;
			break;
		case FIELD_CLASS:
			*(enum session_class *)(void *)at = CLASS_LOGIN;
			break;
		case FIELD_BOOL:
			*(bool *)(void *)at = true;
			break;
		case FIELD_PHASE:
		case FIELD_TOKEN:
		case FIELD_GIDS:
		case FIELD_BLOB:
			abort();
		}
	}
}

static void begin(struct entry *e, enum entry_kind kind)
{
	entry_init(e, kind, T0 + chain.seq * 1000000);
}

static void set(char *field, const char *value)
{
	snprintf(field, TEXT_STR_MAX + 1, "%s", value);
}

/* As sessd writes them. */
static void print_session(
	enum entry_kind kind, enum session_class class, const char *rhost, const char *auth)
{
	static const char *const services[] = {
		[CLASS_BACKGROUND] = "cron", [CLASS_ELEVATION] = "sudo", [CLASS_LOGIN] = "sshd"};
	struct entry e;

	begin(&e, kind);
	memset(&e.sid, 0x5a, sizeof(e.sid));
	e.class = class;
	set(e.user, class == CLASS_ELEVATION ? "root" : "alice");
	e.uid = (struct opt_uid){.set = true, .uid = class == CLASS_ELEVATION ? 0 : 1000};
	set(e.service, services[class]);
	set(e.tty, class == CLASS_LOGIN ? "ssh" : "/dev/pts/3");
	set(e.rhost, rhost);
	set(e.auth, auth);
	e.opened_at = T0;
	if (class == CLASS_ELEVATION) {
		memset(&e.parent, 0xa5, sizeof(e.parent));
		set(e.ruser, "alice");
	}
	if (kind == ENTRY_SESSION_REFUSED || kind == ENTRY_SESSION_ENDED)
		e.reason = kind == ENTRY_SESSION_ENDED ? REASON_LOGOUT : REASON_CAP;
	print_entry(&e);
}

static void print_ordinary(void)
{
	static const enum entry_kind of[] = {
		ENTRY_SESSION_OPENED, ENTRY_SESSION_REFUSED, ENTRY_SESSION_ENDED};
	static const char *const locks[] = {
		"user bob", "group staff", "source 203.0.113.0/24", "key SHA256:abc"};
	struct entry e;
	size_t i;

	for (i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		print_session(
			of[i], CLASS_LOGIN, "192.0.2.7", "publickey SHA256:47DEQpj8HBSa, password");
		print_session(of[i], CLASS_LOGIN, "2001:db8::7", "password");
		print_session(of[i], CLASS_LOGIN, "client.example.com", "gssapi-with-mic");
		print_session(of[i], CLASS_ELEVATION, "", "");
		print_session(of[i], CLASS_BACKGROUND, "", "");
	}
	for (i = 0; i < sizeof(locks) / sizeof(locks[0]); i++) {
		begin(&e, ENTRY_LOCK_SET);
		set(e.lock, locks[i]);
		set(e.by, "root");
		print_entry(&e);
		begin(&e, ENTRY_LOCK_LIFTED);
		set(e.lock, locks[i]);
		print_entry(&e);
	}
}

static void print_lines(void)
{
	struct entry e;
	size_t i;
	int kind;

	chain_init(&chain);
	print_ordinary();
	for (kind = 0; kind < N_KINDS; kind++) {
		begin(&e, (enum entry_kind)kind);
		print_entry(&e);
		begin(&e, (enum entry_kind)kind);
		fill(&e, NULL);
		print_entry(&e);
		for (i = 0; i < N_HOSTILE; i++) {
			begin(&e, (enum entry_kind)kind);
			fill(&e, hostile[i]);
			print_entry(&e);
		}
	}
	print_line("{\"time\":\"2026-11-22T14:30:00.000001Z\",\"event\":\"later_kind\","
		   "\"user\":\"alice\",\"later\":{\"a\":[1,\"x\"]},\"later_number\":7}");
}

static void print_missing(void)
{
	const char *name;
	int kind;

	for (kind = 0; kind < N_KINDS; kind++) {
		name = entry_name((enum entry_kind)kind);
		if (kind_find(name, strlen(name)) == NULL)
			puts(name);
	}
}

static int print_format(const struct format *format)
{
	static char text[2 * ENTRY_MAX];
	struct line line;

	if (format->begin != NULL)
		format->begin(stdout);
	while (fgets(text, sizeof(text), stdin) != NULL) {
		text[strcspn(text, "\n")] = '\0';
		if (line_parse(text, strlen(text), &line) < 0)
			return 1;
		if (format->write == NULL)
			puts(text);
		else if (!format->write(stdout, &line, "host.example"))
			return 1;
		line_fini(&line);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct format *format = argc == 2 ? format_find(argv[1]) : NULL;

	if (argc == 2 && strcmp(argv[1], "lines") == 0)
		print_lines();
	else if (argc == 2 && strcmp(argv[1], "missing") == 0)
		print_missing();
	else if (format != NULL)
		return print_format(format);
	else
		return 2;
	return 0;
}
