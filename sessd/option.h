/*
 * The options of sessd.conf, each declared once, as a row. From the rows follow what libconfuse is
 * told, the check of each value, the words of an error, and the test that compares them with
 * sessd.conf(5).
 */
#ifndef SESSD_OPTION_H
#define SESSD_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/terms.h"
#include "sessd/policy.h"

#define OPTION_SESSIONS_MAX 1000000

enum option_kind {
	OPTION_VALUE, /* one word or string */
	OPTION_LIST,  /* {"a", "b"} */
};

struct option {
	const char *section; /* "root" (outside of sections), "service" or "policy" */
	const char *name;
	enum option_kind kind;
	const char *type;			 /* as the manual page writes the value */
	const char *fallback;			 /* the value where the file gives none, or NULL */
	const char *(*check)(const char *value); /* NULL: good; or what is wrong, a constant */
	const char *expected;			 /* after what is wrong */
	const char *help;			 /* a sentence, in the manual page too */
};

extern const struct option options[];
extern const size_t n_options;

/* NULL where there is no such option. */
const struct option *option_find(const char *section, const char *name);

/* Values that have passed their check, as what they mean. */
uint32_t option_count(const char *value);
bool option_bool(const char *value);
enum at_limit option_at_limit(const char *value);
const char *option_at_limit_name(enum at_limit at_limit);
enum leftovers option_leftovers(const char *value);
const char *option_leftovers_name(enum leftovers leftovers);

#endif
