#include <string.h>

#include "sessctl/witness.h"

bool witness_add_key(struct witness *w, const char *hex)
{
	if (w->n_keys == WITNESS_KEYS_MAX ||
		!seal_hex(hex, strlen(hex), w->keys[w->n_keys], SEAL_KEY))
		return false;
	w->n_keys++;
	return true;
}

bool witness_add_anchor(struct witness *w, const char *text)
{
	struct chain head;
	size_t i;

	if (w->n_anchors == WITNESS_ANCHORS_MAX || !seal_head_parse(text, &head))
		return false;
	for (i = w->n_anchors; i > 0 && w->anchors[i - 1].seq > head.seq; i--)
		w->anchors[i] = w->anchors[i - 1];
	w->anchors[i] = head;
	w->n_anchors++;
	return true;
}

/* The seq of the highest one; 0: there is none. */
static uint64_t last_anchor(const struct witness *w)
{
	return w->n_anchors > 0 ? w->anchors[w->n_anchors - 1].seq : 0;
}

struct chain witness_anchored(const struct witness *w)
{
	static const struct chain none;

	return w->next_anchor > w->older_anchors ? w->anchors[w->next_anchor - 1] : none;
}

/* False: an anchor tells of another event in the place of this one. */
static bool meet_anchors(struct witness *w, const struct chain *head)
{
	for (; w->next_anchor < w->n_anchors && w->anchors[w->next_anchor].seq == head->seq;
		w->next_anchor++)
		if (memcmp(w->anchors[w->next_anchor].hash, head->hash, CHAIN_HASH) != 0)
			return false;
	return true;
}

static bool is_trusted(const struct witness *w, const uint8_t *key)
{
	size_t i;

	for (i = 0; i < w->n_keys; i++)
		if (memcmp(w->keys[i], key, SEAL_KEY) == 0)
			return true;
	return w->n_keys == 0;
}

static void begin(struct witness *w, const uint8_t *key, uint64_t seq)
{
	memcpy(w->key, key, SEAL_KEY);
	if (!w->has_key)
		memcpy(w->first_key, key, SEAL_KEY);
	w->has_key = true;
	w->beginnings++;
	w->last_beginning = seq;
}

static const char unknown_key[] =
	"the first checkpoint here is signed with none of the keys that were given";

static const char *checkpoint(
	struct witness *w, const struct seal_line *seal, const char *line, uint64_t seq)
{
	/* a text that begins after the seal did: who knows a later event knows this one as well */
	if (!w->has_key) {
		if (!is_trusted(w, seal->key) && last_anchor(w) < seq)
			return unknown_key;
		begin(w, seal->key, seq);
	}
	if (memcmp(seal->key, w->key, SEAL_KEY) != 0)
		return "the checkpoint is signed with another key than the one before it names";
	if (!seal_holds(seal, line))
		return "the signature of the checkpoint does not agree";
	memcpy(w->key, seal->next_key, SEAL_KEY);
	w->checkpoints++;
	w->sealed = seq;
	return NULL;
}

/* Is it this beginning that it tells of? A ledger may have been pruned more than once. */
static void note_pruned(
	struct witness *w, const struct seal_line *seal, const char *line, size_t len, uint64_t seq)
{
	if (w->start.seq == 0 || seal->pruned.seq != w->start.seq ||
		memcmp(seal->pruned.hash, w->start.hash, CHAIN_HASH) != 0)
		return;
	w->pruned = seq;
	w->pruned_at = chain_time(line, len);
}

static const char *seal_line(struct witness *w, const char *line, size_t len, uint64_t seq)
{
	struct seal_line seal;

	seal_read(line, len, &seal);
	switch (seal.kind) {
	case SEAL_NONE:
		return NULL;
	case SEAL_STARTED:
		if (!is_trusted(w, seal.next_key))
			return "a seal begins with a key that is none of those that were given";
		begin(w, seal.next_key, seq);
		return NULL;
	case SEAL_PRUNED:
		note_pruned(w, &seal, line, len, seq);
		return NULL;
	case SEAL_CHECKPOINT:
		return checkpoint(w, &seal, line, seq);
	case SEAL_MALFORMED:
		break;
	}
	return "the event of the seal is malformed";
}

const char *witness_begin(struct witness *w, const struct chain *start)
{
	w->start = *start;
	while (w->next_anchor < w->n_anchors && w->anchors[w->next_anchor].seq < start->seq)
		w->next_anchor++;
	w->older_anchors = w->next_anchor;
	return meet_anchors(w, start)
		       ? NULL
		       : "the event before it is not the one that the anchor tells of";
}

bool witness_pruned(const struct witness *w)
{
	return w->pruned != 0 && w->pruned < w->sealed;
}

const char *witness_line(struct witness *w, const char *line, size_t len, const struct chain *head)
{
	if (!meet_anchors(w, head))
		return "the event is not the one that the anchor tells of";
	return seal_line(w, line, len, head->seq);
}

const char *witness_end(const struct witness *w, const struct chain *head)
{
	if (head->seq < last_anchor(w))
		return "the ledger ends before the event that the anchor tells of";
	if (w->n_anchors > 0 && w->older_anchors == w->n_anchors)
		return witness_pruned(w) ? "the anchor is older than what is left of this ledger: "
					   "it tells of "
					   "an event that was pruned; use a younger one"
					 : "the event that the anchor tells of is not here";
	if (w->whole && w->start.seq > 0 && !witness_pruned(w))
		return "the events before the first one are missing, and no sealed event says that "
		       "they were pruned";
	if (w->n_keys > 0 && w->checkpoints == 0)
		return "no checkpoint is signed with the key that was given";
	return NULL;
}

uint64_t witness_tail(const struct witness *w, const struct chain *head)
{
	uint64_t good = w->sealed, anchored = witness_anchored(w).seq;

	if (anchored > good)
		good = anchored;
	return good < head->seq ? head->seq - good : 0;
}
