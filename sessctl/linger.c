#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sessctl/linger.h"
#include "sessctl/output.h"

/* What sd_booted(3) asks, and what logind(8) keeps. */
#define SYSTEMD "/run/systemd/system"
#define FOLDER	"/var/lib/systemd/linger"

static int is_name(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

void linger_read(const struct context *ctx, struct linger *ret)
{
	*ret = (struct linger){.n = 0};
	if (!ctx->usual_dir || access(SYSTEMD, F_OK) < 0)
		return;
	ret->n = scandir(FOLDER, &ret->user, is_name, alphasort);
	if (ret->n < 0)
		*ret = (struct linger){.n = 0};
}

void linger_fini(struct linger *l)
{
	while (l->n > 0)
		free(l->user[--l->n]);
	free(l->user);
	l->user = NULL;
}

bool linger_has(const struct linger *l, const char *user)
{
	int i;

	for (i = 0; i < l->n; i++)
		if (strcmp(l->user[i]->d_name, user) == 0)
			return true;
	return false;
}

void linger_print(const struct linger *l, FILE *out)
{
	int i;

	for (i = 0; i < l->n; i++) {
		fputs(i == 0 ? "Lingering: " : ", ", out);
		output_text(out, l->user[i]->d_name, strlen(l->user[i]->d_name));
	}
	if (l->n > 0)
		fputc('\n', out);
}

void linger_json(const struct linger *l, FILE *out)
{
	json_t *array = json_array();
	int i;

	/* a name that is no UTF-8 is none that anybody could log in by */
	for (i = 0; i < l->n; i++)
		json_array_append_new(array, json_string(l->user[i]->d_name));
	if (array == NULL || json_dumpf(array, out, JSON_COMPACT | JSON_ENSURE_ASCII) < 0)
		fputs("[]", out);
	json_decref(array);
}
