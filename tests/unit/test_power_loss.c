/*
 * The power fails at any moment of a ledger's life, and the disk keeps what it pleases of what was
 * not synced: nothing that was promised is lost, what is there can be verified, and it goes on.
 *
 * POWER_IMAGES in the environment says how often.
 */
#include "tests/unit/sealed_fixture.h"
#include "tests/unit/power_disk.h"

#include <errno.h>
#include <sodium.h>

#include "sessd/ledger_state.h"

#define WORKLOADS 4

/* A sanitizer makes it slow, and finds in few what it finds in many. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IMAGES 800
#else
#define IMAGES 10000
#endif

/* What was promised, and since which operation of the record. */
struct promise {
	size_t op;
	uint64_t number; /* of the newest event that is on disk */
	uint64_t seq;	 /* the head was there, or further */
	char checkpoint[SEAL_HEAD_TEXT];
};

static struct {
	struct promise *list;
	size_t n, room;
} promises;

static void promise(struct fixture *f, const char *checkpoint)
{
	struct promise *p;
	struct ledger_stats stats;

	if (promises.n == promises.room) {
		promises.room = 2 * promises.room + 64;
		promises.list = realloc(promises.list, promises.room * sizeof(*promises.list));
		assert_non_null(promises.list);
	}
	p = &promises.list[promises.n];
	*p = promises.n > 0 ? promises.list[promises.n - 1] : (struct promise){0};
	ledger_stats(f->ledger, &stats);
	p->number = f->expect - 1;
	p->seq = stats.seq;
	if (checkpoint != NULL)
		memcpy(p->checkpoint, checkpoint, SEAL_HEAD_TEXT);
	pthread_mutex_lock(&disk.lock);
	p->op = disk.n_ops;
	pthread_mutex_unlock(&disk.lock);
	promises.n++;
}

static struct promise promised_at(size_t op)
{
	struct promise last = {0};
	size_t i;

	for (i = 0; i < promises.n && promises.list[i].op <= op; i++)
		last = promises.list[i];
	return last;
}

/* --- The workload --- */

/* Event N opens session N where N is a multiple of 3, and ends session N - 4 where that is one. */
static void append_next(struct fixture *f, uint64_t number)
{
	bool opens = number % 3 == 0, ends = number > 4 && (number - 4) % 3 == 0;

	assert_int_equal(append(f, number, 1000, opens ? number : ends ? number - 4 : 0, opens), 0);
}

static bool lives_after(uint64_t id, uint64_t number)
{
	return id % 3 == 0 && id <= number && id + 4 > number;
}

static void burst(struct fixture *f, unsigned n)
{
	unsigned want = f->done + n, i;

	for (i = 0; i < n; i++)
		append_next(f, f->expect + i);
	while (f->done < want) {
		assert_true(loop_turn(f->loop, 100) >= 0);
		promise(f, NULL);
	}
}

/* Soon after, the write-ahead log is copied into the database. */
static void open_for_work(struct fixture *f)
{
	open_ledger(f);
	/* the thread has nothing to do yet */
	pthread_mutex_lock(&f->ledger->lock);
	f->ledger->store.checkpoint_at = 1 + (int)any(60);
	pthread_mutex_unlock(&f->ledger->lock);
	assert_int_equal(ledger_seal(f->ledger), 0);
	promise(f, NULL);
}

static void prune(struct fixture *f)
{
	uint64_t rounds = 0;
	int turns;

	ledger_retain(f->ledger, 1);
	for (turns = 0; rounds < 2; turns++) {
		assert_true(turns < PATIENCE);
		loop_turn(f->loop, 20);
		pthread_mutex_lock(&f->ledger->lock);
		rounds = f->ledger->shared.stats.rounds;
		pthread_mutex_unlock(&f->ledger->lock);
	}
	ledger_retain(f->ledger, 0);
	promise(f, NULL);
}

static void work(struct fixture *f)
{
	char head[SEAL_HEAD_TEXT];
	unsigned i, steps = 25;

	open_for_work(f);
	for (i = 0; i < steps; i++) {
		burst(f, 1 + (unsigned)any(any(4) == 0 ? 40 : 4));
		if (any(3) == 0) {
			checkpoint(f, head);
			promise(f, head);
		}
		if (any(5) == 0) {
			close_ledger(f);
			open_for_work(f);
		}
		if (i == steps / 2)
			prune(f);
	}
	close_ledger(f);
}

static void record(struct fixture *f)
{
	disk_forget_record();
	disk_clear();
	promises.n = 0;
	f->expect = 1;
	f->done = 0;
	disk.recording = true;
	work(f);
	disk.recording = false;
}

/* --- After the failure --- */

static void put_file(struct fixture *f, const char *name, const struct disk_file *file)
{
	char path[128];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	out = fopen(path, "we");
	assert_non_null(out);
	if (file->len > 0)
		assert_int_equal(fwrite(file->data, 1, file->len, out), file->len);
	assert_int_equal(fclose(out), 0);
}

/* The disk holds the image, and nothing else. */
static void load_image(struct fixture *f, const struct disk_image *image)
{
	const struct disk_file *file;
	char path[128];
	size_t i;
	int to;

	snprintf(path, sizeof(path), "%s/" SEAL_FILE, f->dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/" SEAL_FILE_NEW, f->dir);
	unlink(path);
	disk_clear();
	for (i = 0; i < image->n_names; i++) {
		file = &image->files[image->names[i].file];
		if (image->names[i].name[0] == '\0')
			continue;
		if (disk_is_seal(image->names[i].name)) {
			put_file(f, image->names[i].name, file);
			continue;
		}
		to = disk_create(image->names[i].name);
		if (file->len > 0)
			disk_put(&disk.files[to], 0, file->data, file->len);
	}
}

struct numbers {
	uint64_t first, last; /* of the numbered events; 0: there is none */
	bool gap;
};

static void read_numbers(const struct text *t, struct numbers *ret)
{
	const char *line = t->data, *end;
	uint64_t number;

	*ret = (struct numbers){0};
	for (; line < t->data + t->len; line = end + 1) {
		end = strchr(line, '\n');
		if (memmem(line, (size_t)(end - line), "session_refused", 15) == NULL)
			continue;
		number = member(line, "limit");
		if (ret->first == 0)
			ret->first = number;
		else if (number != ret->last + 1)
			ret->gap = true;
		ret->last = number;
	}
}

/* All lines, from wherever they begin. */
static struct text export_rest(struct fixture *f)
{
	struct text t = {0};
	struct copy copy;
	uint64_t after = 0;

	do {
		read_page(f, false, after, LEDGER_ALL_UIDS, &copy);
		text_add(&t, copy.body, copy.page.len);
		after = copy.page.last;
	} while (copy.page.more);
	return t;
}

/* NULL, or what is wrong with it. */
static const char *verify_all(const struct text *t, const char *checkpoint, struct verify *ret)
{
	const char *wrong;
	struct verify v;

	assert_int_equal(verify_init(&v), 0);
	v.witness.whole = true;
	if (checkpoint[0] != '\0')
		assert_true(witness_add_anchor(&v.witness, checkpoint));
	if (verify_feed(&v, t->data, t->len))
		verify_end(&v);
	wrong = v.wrong;
	verify_fini(&v);
	*ret = v;
	return wrong;
}

struct live {
	uint64_t id[64];
	size_t n;
};

static int keep_id(void *ctx, uint64_t id, const uint8_t *record, size_t len)
{
	struct live *live = ctx;

	(void)record;
	(void)len;
	if (live->n < sizeof(live->id) / sizeof(live->id[0]))
		live->id[live->n++] = id;
	return 0;
}

/* The rows are those of the same moment as the events. */
static bool rows_agree(struct fixture *f, uint64_t number)
{
	struct live live = {0};
	uint64_t id;
	size_t n = 0;

	assert_int_equal(ledger_load(f->ledger, keep_id, &live), 0);
	for (id = number > 8 ? number - 8 : 1; id <= number; id++)
		if (lives_after(id, number) && (n == live.n || live.id[n++] != id))
			return false;
	return n == live.n;
}

/* NULL, or what is wrong. */
static const char *check_promises(struct fixture *f, const struct promise *p, struct text *t)
{
	const char *wrong, *checkpoint = p->checkpoint;
	struct numbers numbers;
	struct verify v;

	read_numbers(t, &numbers);
	/* one that was pruned since is in no ledger any more */
	if (checkpoint[0] != '\0' && strtoull(checkpoint, NULL, 10) + 1 < member(t->data, "seq"))
		checkpoint = "";
	wrong = verify_all(t, checkpoint, &v);
	if (wrong != NULL)
		return wrong;
	if (v.origin[0] != '\0')
		return "it was taken for damaged";
	if (v.witness.beginnings > 1)
		return "the secret of the seal was lost";
	if (v.chain.seq < p->seq)
		return "events that were promised are lost";
	if (numbers.gap || (v.first == 1 && numbers.first > 1))
		return "an event is missing";
	if (numbers.last != 0 && numbers.last < p->number)
		return "an event that was promised is lost";
	if (numbers.last != 0 && !rows_agree(f, numbers.last))
		return "the rows are not those of the events";
	f->expect = (numbers.last > p->number ? numbers.last : p->number) + 1;
	return NULL;
}

static const char *goes_on(struct fixture *f)
{
	char head[SEAL_HEAD_TEXT];
	const char *wrong;
	struct verify v;
	struct text t;

	f->done = f->failed = 0;
	append_next(f, f->expect);
	WAIT_UNTIL(f, f->done + f->failed == 1);
	if (f->failed > 0)
		return "nothing can be written";
	checkpoint(f, head);
	t = export_rest(f);
	wrong = verify_all(&t, head, &v);
	if (wrong == NULL && witness_tail(&v.witness, &v.chain) != 0)
		wrong = "the checkpoint does not cover all";
	free(t.data);
	return wrong;
}

static const char *recover(struct fixture *f, const struct promise *p)
{
	const char *wrong = NULL;
	struct text t;
	int r;

	r = ledger_open(f->dir, f->loop, &f->ledger);
	if (r < 0)
		return strerror(-r);
	/* before the seal, which may write */
	t = export_rest(f);
	r = ledger_seal(f->ledger);
	if (r < 0)
		wrong = "it cannot be sealed";
	free(t.data);
	t = export_rest(f);
	if (wrong == NULL)
		wrong = check_promises(f, p, &t);
	free(t.data);
	if (wrong == NULL)
		wrong = goes_on(f);
	close_ledger(f);
	return wrong;
}

/* Half of the failures come right after a sync, where the promises are. */
static size_t choose_moment(void)
{
	size_t at = 1 + any(disk.n_ops);

	if (any(2) == 0)
		while (at < disk.n_ops && disk.ops[at - 1].kind != DISK_SYNC)
			at++;
	return at;
}

static struct disk_chance choose_chance(void)
{
	static const unsigned keeps[] = {0, 100, 50, 10, 90};

	return (struct disk_chance){
		.sector = any(2) == 0 ? 512 : 4096,
		.keeps = keeps[any(sizeof(keeps) / sizeof(keeps[0]))],
		.reorders = any(2) == 0,
		.garbage = any(4) == 0,
	};
}

static void fail_once(struct fixture *f)
{
	struct disk_chance chance = choose_chance();
	static struct disk_image image;
	size_t at = choose_moment();
	struct promise p = promised_at(at);
	const char *wrong;

	disk_fail(at, &chance, &image);
	load_image(f, &image);
	disk_image_free(&image);
	wrong = recover(f, &p);
	if (wrong != NULL)
		fail_msg("after operation %zu of %zu (sectors of %zu, %u%% kept%s%s; event %llu, "
			 "seq %llu, checkpoint %s promised): %s",
			at, disk.n_ops, chance.sector, chance.keeps,
			chance.reorders ? ", reordered" : "", chance.garbage ? ", garbage" : "",
			(unsigned long long)p.number, (unsigned long long)p.seq, p.checkpoint,
			wrong);
}

static void power_fails(void **state)
{
	const char *given = getenv("POWER_IMAGES");
	unsigned long images = given != NULL ? strtoul(given, NULL, 10) : IMAGES, i;
	struct fixture *f = *state;
	unsigned workload;

	seed();
	for (workload = 0; workload < WORKLOADS; workload++) {
		record(f);
		print_message("workload %u: %zu operations, %zu promises\n", workload, disk.n_ops,
			promises.n);
		for (i = 0; i < images / WORKLOADS; i++)
			fail_once(f);
	}
	print_message("%lu failures\n", images / WORKLOADS * WORKLOADS);
	disk_forget_record();
	disk_clear();
	free(promises.list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(power_fails, fixture_setup, fixture_teardown),
	};

	if (disk_install() != SQLITE_OK || sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("power_loss", tests, NULL, NULL);
}
