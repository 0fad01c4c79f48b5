#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/timestamp.h"
#include "fleet/key.h"
#include "fleet/memory.h"

/* --- The file --- */

static void put_row(FILE *f, const struct memory_row *row)
{
	char head[SEAL_HEAD_TEXT], when[TIMESTAMP_TEXT];

	seal_head_text(&row->head, head);
	fprintf(f, "%s %s%s\n", head, timestamp_format(row->seen_at, when),
		row->broken ? " broken" : "");
}

static bool parse_row(char *line, struct memory_row *ret)
{
	struct memory_row row = {.broken = false};
	char head[SEAL_HEAD_TEXT], when[TIMESTAMP_TEXT], word[8] = "", more;
	/* the widths are those of the arrays, without their NUL */
	int n = sscanf(line, "%85s %31s %7s %c", head, when, word, &more);

	if (n != 2 && (n != 3 || strcmp(word, "broken") != 0))
		return false;
	row.broken = n == 3;
	if (!seal_head_parse(head, &row.head) || !timestamp_read(when, &row.seen_at))
		return false;
	*ret = row;
	return true;
}

/* How far apart its neighbours are, for how long ago it was: the less, the sooner it can go. One at
 * which the numbers go back is never in between. */
static double isolation(const struct memory *m, size_t i)
{
	uint64_t before = m->row[i - 1].head.seq, at = m->row[i].head.seq,
		 behind = m->row[i + 1].head.seq, newest = m->row[m->n - 1].head.seq;

	if (m->row[i].broken || before >= at || at >= behind || at >= newest)
		return HUGE_VAL;
	return (double)(behind - before) / (double)(newest - at);
}

/* So what is left lies the less densely, the older it is. */
static void thin_out(struct memory *m)
{
	size_t i, least;

	while (m->n > MEMORY_THIN) {
		least = 1;
		for (i = 2; i + 1 < m->n; i++)
			if (isolation(m, i) < isolation(m, least))
				least = i;
		memmove(&m->row[least], &m->row[least + 1], (m->n - least - 1) * sizeof(m->row[0]));
		m->n--;
	}
}

static void take(struct memory *m, const struct memory_row *row)
{
	if (m->n == MEMORY_MAX)
		thin_out(m);
	m->row[m->n++] = *row;
}

static int write_all(const struct memory *m)
{
	struct draft draft;
	size_t i;
	int r = draft_begin(&draft, m->path);

	if (r < 0)
		return r;
	for (i = 0; i < m->n; i++)
		put_row(draft.f, &m->row[i]);
	return draft_end(&draft, true);
}

static int append(const struct memory *m, const struct memory_row *row)
{
	FILE *f = fopen(m->path, "ae");

	if (f == NULL)
		return -errno;
	put_row(f, row);
	return draft_close(f);
}

static int read_all(struct memory *m)
{
	struct memory_row row;
	char *line = NULL;
	size_t size = 0;
	FILE *f = fopen(m->path, "re");
	ssize_t n;
	int r;

	if (f == NULL)
		return errno == ENOENT ? 0 : -errno;
	while ((n = getline(&line, &size, f)) > 0) {
		if (line[n - 1] == '\n' && parse_row(line, &row))
			take(m, &row);
		else
			m->torn = true;
	}
	r = ferror(f) ? -EIO : 0;
	free(line);
	fclose(f);
	return r;
}

/* --- --- */

int memory_read(struct memory *m, const char *folder, const char *host)
{
	const char *parts[KEY_PARTS] = {host};
	struct key name;

	m->n = 0;
	m->torn = false;
	/* as it stands in keys, so it is one name of a file, and with its ending not `..` */
	if (!key_make(&name, "", parts, false) || strlen(name.s) + sizeof(".heads") > NAME_MAX)
		return -EINVAL;
	if ((size_t)snprintf(m->path, sizeof(m->path), "%s/%s.heads", folder, name.s) >=
		sizeof(m->path))
		return -ENAMETOOLONG;
	return read_all(m);
}

int memory_add(struct memory *m, const struct memory_row *row)
{
	bool anew = m->torn || m->n == MEMORY_MAX;

	take(m, row);
	m->torn = false;
	return anew ? write_all(m) : append(m, row);
}

const struct memory_row *memory_newest(const struct memory *m)
{
	size_t i;

	for (i = m->n; i > 0; i--)
		if (!m->row[i - 1].broken)
			return &m->row[i - 1];
	return NULL;
}

static bool is_at(const struct memory_row *row, const struct chain *head)
{
	return row->head.seq == head->seq && memcmp(row->head.hash, head->hash, CHAIN_HASH) == 0;
}

bool memory_knows(const struct memory *m, const struct chain *head)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (!m->row[i].broken && is_at(&m->row[i], head))
			return true;
	return false;
}

bool memory_knows_broken(const struct memory *m, const struct chain *head)
{
	size_t i;

	for (i = m->n; i > 0 && m->row[i - 1].broken; i--)
		if (is_at(&m->row[i - 1], head))
			return true;
	return false;
}
