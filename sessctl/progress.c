#include <inttypes.h>

#include "common/duration.h"
#include "sessctl/progress.h"

#define PATIENCE_NS NS_PER_SEC
#define REDRAW_NS   (200 * NS_PER_MS)
#define BAR_WIDTH   30

void progress_begin(struct progress *p, const char *what, uint64_t now)
{
	p->what = what;
	p->started = now;
	p->shown = false;
}

static void draw_bar(FILE *err, uint64_t done, uint64_t total)
{
	double share = done >= total ? 1.0 : (double)done / (double)total;
	int i, full = (int)(share * BAR_WIDTH);

	fputs(" [", err);
	for (i = 0; i < BAR_WIDTH; i++)
		fputc(i < full ? '#' : '.', err);
	fprintf(err, "] %3d%%", (int)(share * 100));
}

void progress_tick(struct progress *p, uint64_t now, uint64_t done, uint64_t total)
{
	if (p->what == NULL || !p->terminal || now - p->started < PATIENCE_NS)
		return;
	if (p->shown && now - p->drawn < REDRAW_NS)
		return;
	fprintf(p->err, "\r%s", p->what);
	if (total > 0)
		draw_bar(p->err, done, total);
	else
		fprintf(p->err, ": %" PRIu64, done);
	fprintf(p->err, " %" PRIu64 "s\033[K", (now - p->started) / NS_PER_SEC);
	fflush(p->err);
	p->shown = true;
	p->drawn = now;
}

void progress_clear(struct progress *p)
{
	if (!p->shown)
		return;
	fputs("\r\033[K", p->err);
	fflush(p->err);
	p->shown = false;
}

void progress_end(struct progress *p)
{
	progress_clear(p);
	p->what = NULL;
}
