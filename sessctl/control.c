#include <ctype.h>
#include <string.h>

#include "common/duration.h"
#include "sessctl/control.h"

#define MINUTES(n) ((uint64_t)(n)*60 * NS_PER_SEC)

#define SUPPORTS(id)                     \
	{                                \
		FACT_##id, ROLE_SUPPORTS \
	}
#define TELLS(id)                     \
	{                             \
		FACT_##id, ROLE_TELLS \
	}
#define EXCEPTS(id)                     \
	{                               \
		FACT_##id, ROLE_EXCEPTS \
	}

/* Nothing that was lost can be shown, whatever the control. */
#define LOST EXCEPTS(GAPS)

#define OF_IDLE                                                                           \
	SUPPORTS(IDLE_ENDS), TELLS(LOGINS), TELLS(IDLE_WARNINGS), EXCEPTS(IDLE_SURVIVED), \
		EXCEPTS(EXEMPT), LOST

#define OF_LOCKS                                                                                  \
	SUPPORTS(LOCKS), SUPPORTS(LOCKED_ENDS), SUPPORTS(LOCKED_REFUSED), SUPPORTS(LEFT_ORDERED), \
		EXCEPTS(LOCKED_IN), EXCEPTS(ORDER_SURVIVED), LOST

#define OF_RECORDS                                                                                 \
	SUPPORTS(LOGINS), SUPPORTS(ELEVATIONS), SUPPORTS(REFUSED), SUPPORTS(ACTS), TELLS(CONFIGS), \
		TELLS(BAD_CONFIGS), TELLS(STARTS), TELLS(STOPS), TELLS(READS), TELLS(NEW_LEDGERS), \
		TELLS(PRUNED), TELLS(ADOPTED), EXCEPTS(NAMELESS), EXCEPTS(UNBOUND),                \
		EXCEPTS(SET_ASIDE), LOST

/* clang-format off */
const struct control controls[] = {
	{"AC-2(5)", "NIST SP 800-53", "Inactivity: users are logged out", "",
		{{"idle", 0}}, {OF_IDLE}},
	{"AC-2(13)", "NIST SP 800-53", "Accounts of high-risk individuals are disabled at once", "",
		{{0}}, {OF_LOCKS}},
	{"AC-9", "NIST SP 800-53", "The previous logon is shown at logon", "",
		{{0}}, {SUPPORTS(NOTICES), TELLS(LOGINS), TELLS(ADOPTED), LOST}},
	{"AC-10", "NIST SP 800-53", "Concurrent sessions are limited",
		"SRG-OS-000027 SRG-OS-000027-GPOS-00008 RHEL-09-412040",
		{{"max_sessions", 0}},
		{SUPPORTS(CAP_REFUSED), SUPPORTS(EVICTED_ENDS), TELLS(LOGINS), TELLS(ADOPTED), EXCEPTS(CAP_ENDS),
			EXCEPTS(OVER_CAP), EXCEPTS(EXEMPT), LOST}},
	{"AC-12", "NIST SP 800-53", "Sessions are terminated",
		"SRG-OS-000163 SRG-OS-000163-GPOS-00072 RHEL-09-412035 RHEL-09-412080",
		{{"idle", 0}, {"lifetime", 0}, {"max_lifetime", 0}},
		{SUPPORTS(IDLE_ENDS), SUPPORTS(LIFETIME_ENDS), SUPPORTS(REVOKED_ENDS), SUPPORTS(LOCKED_ENDS),
			SUPPORTS(EVICTED_ENDS), SUPPORTS(PASSWORD_ENDS), TELLS(WARNINGS), TELLS(EXTENDED), TELLS(LEFT_ENDED),
			TELLS(LEFT_KEPT), EXCEPTS(SURVIVED), EXCEPTS(OVERDUE), EXCEPTS(EXEMPT), LOST}},
	{"IA-11", "NIST SP 800-53", "Users authenticate again", "",
		{{"reauth", 0}},
		{SUPPORTS(REAUTHS), SUPPORTS(REAUTH_REFUSED), TELLS(REAUTH_FAILED), TELLS(ELEVATIONS), TELLS(TOKEN_REFUSED), EXCEPTS(UNPROVEN), LOST}},
	{"AU-9", "NIST SP 800-53", "Audit information is protected", "AU-9(2) AU-9(3)",
		{{0}},
		{SUPPORTS(CHECKPOINTS), TELLS(READS), TELLS(PRUNED), TELLS(NEW_LEDGERS), EXCEPTS(SET_ASIDE), EXCEPTS(NEW_SEALS), LOST}},
	{"AU-10", "NIST SP 800-53", "Nobody can deny what he did", "",
		{{0}},
		{SUPPORTS(CHECKPOINTS), SUPPORTS(ACTS), SUPPORTS(KEYED), TELLS(LOGINS), TELLS(ELEVATIONS), EXCEPTS(NAMELESS),
			EXCEPTS(UNBOUND), EXCEPTS(SET_ASIDE), EXCEPTS(NEW_SEALS), LOST}},
	{"AU-12", "NIST SP 800-53", "Events are recorded", "AU-2 AU-3",
		{{0}}, {OF_RECORDS}},
	{"8.2.5", "PCI DSS 4.0", "Access of terminated users is revoked at once", "",
		{{0}}, {SUPPORTS(REVOKED_ENDS), OF_LOCKS}},
	{"8.2.8", "PCI DSS 4.0", "Idle for more than 15 minutes: authenticate again", "",
		{{"idle", MINUTES(15)}}, {TELLS(REAUTHS), TELLS(LEFT_KEPT), OF_IDLE}},
	{"10.2", "PCI DSS 4.0", "Audit logs are kept of all that happens", "10.2.1 10.2.2",
		{{0}}, {OF_RECORDS}},
	{"164.312(a)(2)(iii)", "HIPAA, 45 CFR", "Automatic logoff", "",
		{{"idle", 0}}, {OF_IDLE}},
	{"164.312(b)", "HIPAA, 45 CFR", "Audit controls", "",
		{{0}}, {OF_RECORDS}},
};
/* clang-format on */

const size_t n_controls = sizeof(controls) / sizeof(controls[0]);

const char *verdict_words(enum verdict verdict)
{
	static const char *const words[] = {
		[VERDICT_NO_DATA] = "no data",
		[VERDICT_EXCEPTIONS] = "exceptions",
		[VERDICT_SUPPORTED] = "supported",
	};

	return words[verdict];
}

/* --- Names --- */

/* A run of letters, or of digits without the zeros in front. */
struct word {
	const char *s;
	size_t len;
};

#define WORDS_MAX 24

/* False: there are more than anybody's name has. */
static bool split(const char *s, size_t len, struct word words[WORDS_MAX], size_t *ret_n)
{
	const char *end = s + len;
	size_t n = 0;

	while (s < end) {
		struct word w = {.s = s};
		bool digits = isdigit((unsigned char)*s);

		if (!isalnum((unsigned char)*s)) {
			s++;
			continue;
		}
		while (s < end && isalnum((unsigned char)*s) &&
			!isdigit((unsigned char)*s) == !digits)
			s++;
		for (; digits && w.s < s - 1 && *w.s == '0'; w.s++)
			;
		w.len = (size_t)(s - w.s);
		if (n == WORDS_MAX)
			return false;
		words[n++] = w;
	}
	*ret_n = n;
	return true;
}

static bool is_word(const struct word *w, const char *s)
{
	return strlen(s) == w->len && strncasecmp(w->s, s, w->len) == 0;
}

/* What may stand before a number, because a document is called so. */
static bool is_document(const struct word *words, size_t n)
{
	static const char *const known[] = {"nist", "sp", "800", "53", "rev", "r", "5", "pci",
		"dss", "v", "4", "0", "1", "hipaa", "cfr", "45", "disa", "stig", "req",
		"requirement"};
	size_t i, k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < sizeof(known) / sizeof(known[0]); k++)
			if (is_word(&words[i], known[k]))
				break;
		if (k == sizeof(known) / sizeof(known[0]))
			return false;
	}
	return true;
}

/* Is it the name of `len` bytes, with at most a document in front? */
static bool is_name(const struct word *given, size_t n_given, const char *name, size_t len)
{
	struct word words[WORDS_MAX];
	size_t n, i, skip;

	if (!split(name, len, words, &n) || n > n_given)
		return false;
	skip = n_given - n;
	for (i = 0; i < n; i++)
		if (given[skip + i].len != words[i].len ||
			strncasecmp(given[skip + i].s, words[i].s, words[i].len) != 0)
			return false;
	return is_document(given, skip);
}

static bool is_called(const struct control *c, const struct word *given, size_t n)
{
	const char *at;
	size_t len;

	if (is_name(given, n, c->id, strlen(c->id)))
		return true;
	for (at = c->aliases; *at != '\0'; at += len + (at[len] == ' ')) {
		len = strcspn(at, " ");
		if (is_name(given, n, at, len))
			return true;
	}
	return false;
}

const struct control *control_find(const char *name)
{
	struct word words[WORDS_MAX];
	size_t n, i;

	if (!split(name, strlen(name), words, &n) || n == 0)
		return NULL;
	for (i = 0; i < n_controls; i++)
		if (is_called(&controls[i], words, n))
			return &controls[i];
	return NULL;
}

/* --- The verdict --- */

struct finding_counts control_count(const struct control *c, const struct fact facts[N_FACTS])
{
	struct finding_counts counts = {0};
	size_t i;

	for (i = 0; i < CONTROL_FACTS_MAX && c->facts[i].role != 0; i++)
		if (c->facts[i].role == ROLE_SUPPORTS)
			counts.supports += facts[c->facts[i].fact].n;
		else if (c->facts[i].role == ROLE_EXCEPTS)
			counts.exceptions += facts[c->facts[i].fact].n;
	return counts;
}

enum verdict control_verdict(struct finding_counts counts)
{
	if (counts.exceptions > 0)
		return VERDICT_EXCEPTIONS;
	return counts.supports > 0 ? VERDICT_SUPPORTED : VERDICT_NO_DATA;
}
