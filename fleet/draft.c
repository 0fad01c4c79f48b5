#include <errno.h>
#include <unistd.h>

#include "fleet/draft.h"

int draft_begin(struct draft *d, const char *path)
{
	*d = (struct draft){.path = path};
	if ((size_t)snprintf(d->fresh, sizeof(d->fresh), "%s.new", path) >= sizeof(d->fresh))
		return -ENAMETOOLONG;
	d->f = fopen(d->fresh, "we");
	return d->f == NULL ? -errno : 0;
}

int draft_close(FILE *f)
{
	/* a write that failed before: why is not known any more */
	int r = ferror(f) ? -EIO : 0;

	if (fclose(f) != 0 && r == 0)
		r = -errno;
	return r;
}

int draft_end(struct draft *d, bool durable)
{
	int r = fflush(d->f) != 0 || (durable && fsync(fileno(d->f)) < 0) ? -errno : 0, closed;

	closed = draft_close(d->f);
	r = r == 0 ? closed : r;
	if (r == 0 && rename(d->fresh, d->path) < 0)
		r = -errno;
	if (r < 0)
		unlink(d->fresh);
	return r;
}
