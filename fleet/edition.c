#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fleet/draft.h"
#include "fleet/edition.h"

/* 2026: a clock that says less has not been set yet. */
#define CLOCK_MIN UINT64_C(1767225600000000000)

/* --- The file: `KIND VERSION lifted|stands EXPIRES NAME`, a line each; a name may have blanks ---
 */

static int write_all(const struct editions *e)
{
	const struct edition *d;
	struct draft draft;
	size_t i;
	int r = draft_begin(&draft, e->path);

	if (r < 0)
		return r;
	for (i = 0; i < e->n; i++) {
		d = &e->list[i];
		fprintf(draft.f, "%s %llu %s %llu %s\n", d->kind, (unsigned long long)d->version,
			d->lifted ? "lifted" : "stands", (unsigned long long)d->expires, d->name);
	}
	return draft_end(&draft, true);
}

static bool parse_line(char *line, struct edition *ret)
{
	struct edition d = {.version = 0};
	unsigned long long version, expires;
	char word[8];
	int at = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%15s %llu %7s %llu %n", d.kind, &version, word, &expires, &at) != 4 ||
		at == 0 || line[at] == '\0' || strlen(line + at) >= sizeof(d.name))
		return false;
	d.version = version;
	d.expires = expires;
	d.lifted = strcmp(word, "lifted") == 0;
	memcpy(d.name, line + at, strlen(line + at) + 1);
	*ret = d;
	return true;
}

static struct edition *room(struct editions *e)
{
	struct edition *oldest = NULL, *more;
	size_t i;

	if (e->n < EDITIONS_MAX) {
		if ((e->n & (e->n - 1)) == 0) {
			more = realloc(e->list, (e->n == 0 ? 1 : 2 * e->n) * sizeof(*more));
			if (more == NULL)
				return NULL;
			e->list = more;
		}
		return &e->list[e->n++];
	}
	for (i = 0; i < e->n; i++)
		if (oldest == NULL || e->list[i].version < oldest->version)
			oldest = &e->list[i];
	return oldest;
}

int editions_take(struct editions *e, const struct edition *what)
{
	struct edition *d = editions_find(e, what->kind, what->name);

	if (d == NULL)
		d = room(e);
	if (d == NULL)
		return -ENOMEM;
	*d = *what;
	e->dirty = true;
	return 0;
}

static int read_all(struct editions *e)
{
	FILE *f = fopen(e->path, "re");
	struct edition d;
	char *line = NULL;
	size_t size = 0;
	int r = 0;

	if (f == NULL)
		return errno == ENOENT ? 0 : -errno;
	while (r == 0 && getline(&line, &size, f) >= 0)
		if (parse_line(line, &d))
			r = editions_take(e, &d);
	if (r == 0 && ferror(f))
		r = -EIO;
	free(line);
	fclose(f);
	e->dirty = false;
	return r;
}

/* --- --- */

int editions_init(struct editions *e, const char *folder)
{
	*e = (struct editions){.n = 0};
	if ((size_t)snprintf(e->path, sizeof(e->path), "%s/locks", folder) >= sizeof(e->path))
		return -ENAMETOOLONG;
	return read_all(e);
}

void editions_fini(struct editions *e)
{
	free(e->list);
	e->list = NULL;
	e->n = 0;
}

struct edition *editions_find(const struct editions *e, const char *kind, const char *name)
{
	size_t i;

	for (i = 0; i < e->n; i++)
		if (strcmp(e->list[i].kind, kind) == 0 && strcmp(e->list[i].name, name) == 0)
			return &e->list[i];
	return NULL;
}

bool edition_plausible(uint64_t version, uint64_t wall)
{
	return version <= (wall > CLOCK_MIN ? wall : CLOCK_MIN) + EDITION_AHEAD;
}

const struct edition *editions_newest(
	const struct editions *e, const char *kind, const char *name, uint64_t wall)
{
	const struct edition *known = editions_find(e, kind, name);

	return known != NULL && edition_plausible(known->version, wall) ? known : NULL;
}

int editions_keep(struct editions *e)
{
	int r = e->dirty ? write_all(e) : 0;

	if (r == 0)
		e->dirty = false;
	return r;
}

bool edition_stands(const struct edition *edition, uint64_t wall)
{
	return edition->version > 0 && !edition->lifted &&
	       (edition->expires == 0 || wall < edition->expires);
}

uint64_t editions_next(const struct editions *e, const char *kind, const char *name,
	uint64_t stored, uint64_t wall)
{
	const struct edition *d = editions_newest(e, kind, name, wall);
	uint64_t known = edition_plausible(stored, wall) ? stored : 0;

	if (d != NULL && d->version > known)
		known = d->version;
	return wall > known ? wall : known + 1;
}
