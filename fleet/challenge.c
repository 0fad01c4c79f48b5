#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fleet/challenge.h"
#include "fleet/draft.h"

/* --- The file: a line `challenge HEX NS` or `spent HEX HEX` each --- */

static int put_line(FILE *f, const struct challenge *c, const struct spent *s)
{
	char a[SID_HEX + 1], b[SID_HEX + 1];

	if (c != NULL)
		return fprintf(f, "challenge %s %llu\n", sid_hex(&c->value, a),
			(unsigned long long)c->issued);
	return fprintf(f, "spent %s %s\n", sid_hex(&s->challenge, a), sid_hex(&s->id, b));
}

static int write_all(const struct challenges *c)
{
	struct draft draft;
	size_t i;
	int r = draft_begin(&draft, c->path);

	if (r < 0)
		return r;
	for (i = 0; i < c->n; i++)
		put_line(draft.f, &c->ring[i], NULL);
	for (i = 0; i < c->n_spent; i++)
		put_line(draft.f, NULL, &c->spent[i]);
	/* it is not to outlast the boot */
	return draft_end(&draft, false);
}

static void drop_oldest(struct challenges *c)
{
	size_t i, k = 0;

	for (i = 0; i < c->n_spent; i++)
		if (!sid_equal(&c->spent[i].challenge, &c->ring[0].value))
			c->spent[k++] = c->spent[i];
	c->n_spent = k;
	memmove(&c->ring[0], &c->ring[1], --c->n * sizeof(c->ring[0]));
}

static void add_spent(struct challenges *c, const struct sid *challenge, const struct sid *id)
{
	while (c->n_spent == CHALLENGE_SPENT_MAX && c->n > 0)
		drop_oldest(c);
	if (c->n_spent < CHALLENGE_SPENT_MAX)
		c->spent[c->n_spent++] = (struct spent){.challenge = *challenge, .id = *id};
}

static void take_line(struct challenges *c, const char *line, uint64_t now)
{
	char a[SID_HEX + 1], b[SID_HEX + 1];
	struct sid first, second;
	unsigned long long issued;

	if (sscanf(line, "challenge %32s %llu", a, &issued) == 2 && sid_parse(a, &first) &&
		issued <= now && c->n < sizeof(c->ring) / sizeof(c->ring[0]))
		c->ring[c->n++] = (struct challenge){.value = first, .issued = issued};
	else if (sscanf(line, "spent %32s %32s", a, b) == 2 && sid_parse(a, &first) &&
		 sid_parse(b, &second))
		add_spent(c, &first, &second);
}

static int read_all(struct challenges *c, uint64_t now)
{
	char line[256];
	FILE *f = fopen(c->path, "re");
	int r = 0;

	if (f == NULL)
		return errno == ENOENT ? 0 : -errno;
	while (fgets(line, sizeof(line), f) != NULL)
		take_line(c, line, now);
	if (ferror(f))
		r = -EIO;
	fclose(f);
	return r;
}

/* --- --- */

int challenges_init(struct challenges *c, const char *folder, uint64_t lifetime, uint64_t now)
{
	*c = (struct challenges){.lifetime = lifetime};
	if ((size_t)snprintf(c->path, sizeof(c->path), "%s/challenges", folder) >= sizeof(c->path))
		return -ENAMETOOLONG;
	c->spent = calloc(CHALLENGE_SPENT_MAX, sizeof(*c->spent));
	return c->spent != NULL ? read_all(c, now) : -ENOMEM;
}

void challenges_fini(struct challenges *c)
{
	free(c->spent);
	c->spent = NULL;
}

static bool is_over(const struct challenges *c, const struct challenge *what, uint64_t now)
{
	return now - what->issued >= c->lifetime;
}

int challenges_current(struct challenges *c, uint64_t now, struct sid *ret, uint64_t *ret_until)
{
	uint64_t turn = c->lifetime / CHALLENGE_TURNS;
	int r;

	if (c->n == 0 || now - c->ring[c->n - 1].issued >= turn) {
		while (c->n > 0 && (is_over(c, &c->ring[0], now) ||
					   c->n == sizeof(c->ring) / sizeof(c->ring[0])))
			drop_oldest(c);
		r = sid_random(&c->ring[c->n].value);
		if (r < 0)
			return r;
		c->ring[c->n++].issued = now;
		r = write_all(c);
		if (r < 0) {
			c->n--;
			return r;
		}
	}
	*ret = c->ring[c->n - 1].value;
	*ret_until = c->ring[c->n - 1].issued + turn;
	return 0;
}

enum freshness challenges_judge(
	const struct challenges *c, const struct sid *challenge, const struct sid *id, uint64_t now)
{
	size_t i;

	for (i = 0; i < c->n && !sid_equal(&c->ring[i].value, challenge); i++)
		;
	if (i == c->n || is_over(c, &c->ring[i], now))
		return CHALLENGE_OVER;
	for (i = 0; i < c->n_spent; i++)
		if (sid_equal(&c->spent[i].id, id))
			return CHALLENGE_SPENT;
	return CHALLENGE_FRESH;
}

int challenges_spend(struct challenges *c, const struct sid *challenge, const struct sid *id)
{
	const struct spent s = {.challenge = *challenge, .id = *id};
	FILE *f;

	add_spent(c, challenge, id);
	f = fopen(c->path, "ae");
	if (f == NULL)
		return -errno;
	put_line(f, NULL, &s);
	return draft_close(f);
}
