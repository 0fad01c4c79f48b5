#include <confuse.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/text.h"
#include "common/wire.h"
#include "sessd/confbuild.h"
#include "sessd/conffile.h"
#include "sessd/config.h"
#include "sessd/option.h"

/* Bytes of the file and all that it includes. */
#define BYTES_MAX    (1024 * 1024)
#define FILES_MAX    64
#define DEPTH_MAX    8
#define SECTIONS_MAX 256
#define ENTRIES_MAX  1024

/* Set in the flags of an option that has been given; libconfuse carries it along unseen. */
#define FLAG_GIVEN (1 << 24)

/* Rows of one section, and the end of the list. */
#define ROWS_MAX 24

/* A file being read. */
struct parse {
	char *error; /* CONFIG_ERROR_TEXT bytes */
	bool failed; /* error says why; only the first reason is kept */
	size_t left; /* bytes that may still be read */
	unsigned files;
	unsigned depth;	  /* of includes */
	const char *text; /* of the file that is being read, scanned; NULL: none is */
	size_t len;
	const char *token; /* what the mistake is in, where a callback of ours found it */
};

/* libconfuse gives its callbacks no pointer of ours; its lexer is global in any case, so that there
 * can be one parse at a time only. NULL when there is none. */
static struct parse *current;

/* Line 0: the mistake is in no line; column 0: nor is it known where in the line. */
__attribute__((format(printf, 4, 0))) static void parse_vfail(struct parse *parse, const char *file,
	struct conffile_place at, const char *format, va_list ap)
{
	char words[2 * CONFIG_ERROR_TEXT], place[32] = "", text[8 * CONFIG_ERROR_TEXT];

	if (parse->failed)
		return;
	parse->failed = true;
	vsnprintf(words, sizeof(words), format, ap);
	if (at.line > 0 && at.column > 0)
		snprintf(place, sizeof(place), ":%u:%u", at.line, at.column);
	else if (at.line > 0)
		snprintf(place, sizeof(place), ":%u", at.line);
	snprintf(text, sizeof(text), "%s%s: %s", file, place, words);
	text_escape(text, strlen(text), parse->error, CONFIG_ERROR_TEXT);
}

__attribute__((format(printf, 4, 5))) static void parse_fail(
	struct parse *parse, const char *file, struct conffile_place at, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	parse_vfail(parse, file, at, format, ap);
	va_end(ap);
}

/* libconfuse's line, and the column of the token in it. token NULL: there is none. */
static struct conffile_place place_of(
	const struct parse *parse, const cfg_t *cfg, const char *token)
{
	struct conffile_place at = {.line = cfg->line > 0 ? (unsigned)cfg->line : 0};

	if (token != NULL && parse->text != NULL)
		at.column = conffile_column(parse->text, parse->len, at.line, token);
	return at;
}

/* Appends the names of the section's options. */
static void list_options(const char *section, char *out, size_t size)
{
	size_t i, used = 0;

	for (i = 0; i < n_options && used < size; i++)
		if (strcmp(options[i].section, section) == 0)
			used += (size_t)snprintf(out + used, size - used, "%s, ", options[i].name);
	if (strcmp(section, "root") == 0 && used < size)
		snprintf(out + used, size - used, "service, policy or include()");
	else if (used >= 2 && used < size)
		out[used - 2] = '\0';
}

/* The name in `no such option 'NAME'`, or "". */
static void quoted_name(const char *words, char *out, size_t size)
{
	const char *from = strchr(words, '\''), *to = strrchr(words, '\'');
	size_t len = from != NULL && to > from ? (size_t)(to - from) - 1 : 0;

	snprintf(out, size, "%.*s", (int)len, len > 0 ? from + 1 : "");
}

/* What libconfuse, or a callback of ours through cfg_error(), has to say. */
__attribute__((format(printf, 2, 0))) static void on_error(
	cfg_t *cfg, const char *format, va_list ap)
{
	char words[CONFIG_ERROR_TEXT / 2], expected[CONFIG_ERROR_TEXT];
	char name[CONFIG_ERROR_TEXT / 2];

	if (strncmp(format, "no such option", strlen("no such option")) != 0) {
		parse_vfail(
			current, cfg->filename, place_of(current, cfg, current->token), format, ap);
		return;
	}
	vsnprintf(words, sizeof(words), format, ap);
	list_options(cfg->name, expected, sizeof(expected));
	quoted_name(words, name, sizeof(name));
	parse_fail(current, cfg->filename, place_of(current, cfg, name), "%s; expected %s", words,
		expected);
}

/* libconfuse calls this for each value, also for each of a list. */
static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	const struct option *option = option_find(cfg->name, opt->name);
	const char *wrong = option->check(value);

	current->token = value;
	if (wrong != NULL) {
		cfg_error(cfg, "`%s = %s`: %s; expected %s", option->name, value, wrong,
			option->expected);
		return -1;
	}
	if (opt->nvalues == 1 && (opt->flags & FLAG_GIVEN)) {
		cfg_error(cfg, "`%s` is given a second time; expected it once%s", option->name,
			option->kind == OPTION_LIST ? ", or += to add to it" : "");
		return -1;
	}
	if (opt->nvalues > ENTRIES_MAX) {
		cfg_error(cfg, "`%s` is too long; expected at most %d entries", option->name,
			ENTRIES_MAX);
		return -1;
	}
	current->token = NULL;
	opt->flags |= FLAG_GIVEN;
	*(const char **)result = value;
	return 0;
}

/* An empty list would read as "nobody" and, by the rule for one that is left out, mean all. */
static int check_lists(cfg_t *cfg, cfg_t *sec)
{
	cfg_opt_t *opt;

	for (opt = sec->opts; opt->name != NULL; opt++)
		if ((opt->flags & CFGF_LIST) && (opt->flags & CFGF_MODIFIED) && opt->nvalues == 0) {
			cfg_error(cfg, "`%s` of %s \"%s\" is empty; leave it out to mean all",
				opt->name, cfg_name(sec), cfg_title(sec));
			return -1;
		}
	return 0;
}

/* ns; 0 where it is not given. */
static uint64_t time_of(cfg_t *sec, const char *name)
{
	uint64_t ns = 0;

	if (cfg_size(sec, name) > 0)
		duration_parse(cfg_getstr(sec, name), &ns);
	return ns;
}

/* A policy two of whose own words about times contradict each other. */
static int check_times(cfg_t *cfg, cfg_t *sec)
{
	uint64_t max = time_of(sec, "max_lifetime"), warn = time_of(sec, "warn"), end;
	static const char *const ends[] = {"idle", "lifetime"};
	size_t i;

	if (max != 0 && time_of(sec, "lifetime") > max) {
		cfg_error(cfg,
			"`max_lifetime = %s` of policy \"%s\" is shorter than its `lifetime = %s`; "
			"expected at least that",
			cfg_getstr(sec, "max_lifetime"), cfg_title(sec),
			cfg_getstr(sec, "lifetime"));
		return -1;
	}
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		end = time_of(sec, ends[i]);
		if (end == 0 || warn < end)
			continue;
		cfg_error(cfg,
			"`warn = %s` of policy \"%s\" is no shorter than its `%s = %s`, so that "
			"the "
			"warning would come before that time begins; expected less",
			cfg_getstr(sec, "warn"), cfg_title(sec), ends[i], cfg_getstr(sec, ends[i]));
		return -1;
	}
	return 0;
}

static bool is_fleet_cap(cfg_t *sec)
{
	return cfg_size(sec, "max_sessions") > 0 && cfg_size(sec, "scope") > 0 &&
	       strcmp(cfg_getstr(sec, "scope"), "fleet") == 0;
}

/* All of them may apply to one login, and the agent is told of so many. */
static int check_fleet_caps(cfg_t *cfg, cfg_opt_t *opt)
{
	unsigned i, n = 0;

	for (i = 0; i < cfg_opt_size(opt); i++)
		n += is_fleet_cap(cfg_opt_getnsec(opt, i));
	if (n <= WIRE_FLEET_CAPS_MAX)
		return 0;
	cfg_error(cfg,
		"policy \"%s\" is one too many with a cap over the fleet; expected at most %d; "
		"give the others `scope = host`, or put users of the same cap into one policy",
		cfg_title(cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1)), WIRE_FLEET_CAPS_MAX);
	return -1;
}

/* libconfuse calls this at the end of each section. */
static int on_section(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *sec = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);

	if (cfg_opt_size(opt) > SECTIONS_MAX) {
		cfg_error(cfg, "too many: expected at most %d of `%s`", SECTIONS_MAX, opt->name);
		return -1;
	}
	if (cfg_title(sec)[0] == '\0') {
		cfg_error(cfg, "a %s has an empty name", opt->name);
		return -1;
	}
	if (strcmp(opt->name, "service") == 0 && cfg_size(sec, "class") == 0) {
		cfg_error(cfg, "service \"%s\" has no class; expected `class = %s`", cfg_title(sec),
			option_find("service", "class")->type);
		return -1;
	}
	if (strcmp(opt->name, "policy") == 0 &&
		(check_times(cfg, sec) < 0 || check_fleet_caps(cfg, opt) < 0))
		return -1;
	return check_lists(cfg, sec);
}

/* Parses one file into cfg. On a mistake, parse->error has it. */
static int parse_text(struct parse *parse, cfg_t *cfg, char *path, char *text, size_t len)
{
	char words[CONFFILE_WORDS];
	struct conffile_place at;
	FILE *fp;
	int r;

	r = conffile_scan(text, len, &at, words);
	if (r < 0) {
		parse_fail(parse, path, at, "%s", words);
		return r;
	}
	fp = fmemopen(text, len, "r");
	if (fp == NULL)
		return -errno;
	cfg->filename = path;
	parse->text = text;
	parse->len = len;
	r = cfg_parse_fp(cfg, fp) == CFG_SUCCESS ? 0 : -EINVAL;
	if (r < 0)
		parse_fail(parse, path, place_of(parse, cfg, NULL),
			"the syntax is wrong; expected `name = value` or a section");
	fclose(fp);
	return r;
}

/* Reads and parses one file; where cfg is in the midst of another, that one goes on afterwards. */
static int parse_file(struct parse *parse, cfg_t *cfg, const char *path)
{
	char words[CONFFILE_WORDS], *outer = cfg->filename, *text = NULL, *copy;
	const struct conffile_place nowhere = {.line = 0};
	const char *outer_text = parse->text;
	size_t len, outer_len = parse->len;
	int r, outer_line = cfg->line;

	r = conffile_read(path, parse->left, &text, &len, words);
	if (r < 0) {
		if (outer != NULL)
			parse_fail(parse, outer, place_of(parse, cfg, NULL), "include: %s: %s",
				path, words);
		else
			parse_fail(parse, path, nowhere, "%s", words);
		return r;
	}
	parse->left -= len;
	copy = strdup(path);
	r = copy != NULL ? parse_text(parse, cfg, copy, text, len) : -ENOMEM;
	free(copy);
	free(text);
	parse->text = outer_text;
	parse->len = outer_len;
	cfg->filename = outer;
	cfg->line = outer_line;
	return r;
}

/* include("FILE"): a relative name is meant from the folder of the file that it stands in. */
static int on_include(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
	const char *slash = strrchr(cfg->filename, '/');
	char *path;
	int r;

	(void)opt;
	if (argc != 1 || argv[0][0] == '\0') {
		cfg_error(cfg, "include() takes one file name");
		return -1;
	}
	if (current->depth == DEPTH_MAX || current->files == FILES_MAX) {
		cfg_error(cfg, "include: expected at most %d files, and %d within each other",
			FILES_MAX, DEPTH_MAX);
		return -1;
	}
	r = asprintf(&path, "%.*s%s",
		argv[0][0] == '/' || slash == NULL ? 0 : (int)(slash - cfg->filename + 1),
		cfg->filename, argv[0]);
	if (r < 0)
		return -1;
	current->files++;
	current->depth++;
	r = parse_file(current, cfg, path);
	current->depth--;
	free(path);
	return r;
}

/* The rows of a section, as libconfuse wants them. Returns their number. */
static size_t rows_fill(const char *section, cfg_opt_t rows[ROWS_MAX])
{
	const struct option *option;
	size_t i, n = 0;

	for (i = 0; i < n_options && n < ROWS_MAX - 1; i++) {
		option = &options[i];
		if (strcmp(option->section, section) != 0)
			continue;
		rows[n++] = (cfg_opt_t){
			.name = option->name,
			.type = CFGT_STR,
			.flags = (option->kind == OPTION_LIST ? CFGF_LIST : 0) |
				 (option->fallback == NULL ? CFGF_NODEFAULT : 0),
			.def = {.string = option->fallback},
			.parsecb = on_value,
		};
	}
	rows[n] = (cfg_opt_t)CFG_END();
	return n;
}

static cfg_t *parse_new(void)
{
	cfg_opt_t root[ROWS_MAX + 3], policy[ROWS_MAX], service[ROWS_MAX];
	const int section = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES;
	size_t n = rows_fill("root", root);
	cfg_t *cfg;

	rows_fill("policy", policy);
	rows_fill("service", service);
	root[n] = (cfg_opt_t)CFG_SEC("policy", policy, section);
	root[n++].validcb = on_section;
	root[n] = (cfg_opt_t)CFG_SEC("service", service, section);
	root[n++].validcb = on_section;
	root[n++] = (cfg_opt_t)CFG_FUNC("include", on_include);
	root[n] = (cfg_opt_t)CFG_END();
	cfg = cfg_init(root, 0);
	if (cfg != NULL)
		cfg_set_error_function(cfg, on_error);
	return cfg;
}

int config_load(const char *path, void (*warn)(void *ctx, const char *line), void *ctx,
	struct config *ret, char error[CONFIG_ERROR_TEXT])
{
	struct parse parse = {.error = error, .left = BYTES_MAX, .files = 1};
	const struct confbuild build = {.warn = warn, .ctx = ctx};
	struct config config = {.admin_gid = CONFIG_NO_GID, .breakglass_gid = CONFIG_NO_GID};
	cfg_t *cfg = parse_new();
	int r = -ENOMEM;

	current = &parse;
	if (cfg != NULL)
		r = parse_file(&parse, cfg, path);
	if (r == 0)
		r = confbuild_run(&build, cfg, &config);
	if (cfg != NULL)
		cfg_free(cfg);
	current = NULL;
	if (r < 0) {
		if (!parse.failed)
			parse_fail(&parse, path, (struct conffile_place){.line = 0}, "%s",
				strerror(-r));
		config_fini(&config);
		return r;
	}
	*ret = config;
	return 0;
}

int config_default(struct config *ret)
{
	const struct confbuild build = {.warn = NULL};
	struct config config;
	int r;

	r = confbuild_run(&build, NULL, &config);
	if (r < 0) {
		config_fini(&config);
		return r;
	}
	*ret = config;
	return 0;
}

void config_fini(struct config *config)
{
	if (config != NULL)
		policy_set_fini(&config->policies);
}
