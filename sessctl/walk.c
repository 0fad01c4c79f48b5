#include <errno.h>
#include <security/_pam_types.h>
#include <stdlib.h>

#include "sessctl/walk.h"

/*
 * Where somebody stands who goes through a stack: what libpam thinks of him, whether he has come
 * to a pam_sess.so, and whether the leaper has led him over one. There are 16 such states, so all
 * ways to an item are a set of 16 bits, and the work is bounded by the length of the stack.
 */
enum opinion {
	NOTHING, /* nobody has said anything: PAM_PERM_DENIED at the end */
	GOOD,	 /* PAM_SUCCESS so far */
	OTHER,	 /* positive, with another value: no success, nor will it become one */
	REFUSED, /* it cannot become a success any more, unless it is reset */
	OPINIONS,
};

#define PASSED 4u
#define LEAPT  8u
#define STATES 16u

#define OPINION(state)	     ((enum opinion)((state)&3u))
#define WITH(state, opinion) (((state) & ~3u) | (unsigned)(opinion))

struct run {
	struct walk *w;
	uint16_t *at;	/* for each item: the states in which it is come to */
	uint16_t *memo; /* for each substack and state at its door: those in which it is left */
	bool *known;
};

/* Where a stack goes on, and in which state. */
struct step {
	size_t next;
	unsigned state;
};

/* Behind the sibling at i, with all that is in it. */
static size_t behind(const struct stack *stack, size_t i)
{
	return stack_end(stack, i + 1, stack->items[i].level + 1);
}

/* Behind as many siblings as are jumped over; *ret_left: as many are missing. */
static size_t jump(const struct stack *stack, size_t i, size_t end, int n, int *ret_left)
{
	size_t next = behind(stack, i);

	for (; n > 0 && next < end; n--)
		next = behind(stack, next);
	*ret_left = n;
	return next;
}

static unsigned agree(unsigned state, int value)
{
	if (OPINION(state) == NOTHING || OPINION(state) == GOOD)
		return WITH(state, value == PAM_SUCCESS ? GOOD : OTHER);
	return state;
}

/* What becomes of somebody for whom item i returns that value. `door` is the state in which the
 * level was entered, `end` where it ends. */
static struct step step(
	const struct walk *w, size_t i, size_t end, unsigned state, int value, unsigned door)
{
	struct step s = {.next = behind(w->stack, i), .state = state};
	int action = w->stack->items[i].action[value], left = 0;

	switch (action) {
	case PAM_DO_IGNORE:
		break;
	case PAM_DO_OK:
	case PAM_DO_DONE:
		s.state = agree(state, value);
		if (action == PAM_DO_DONE && OPINION(s.state) != REFUSED)
			s.next = end;
		break;
	case PAM_DO_BAD:
	case PAM_DO_DIE:
		s.state = WITH(state, REFUSED);
		if (action == PAM_DO_DIE)
			s.next = end;
		break;
	case PAM_DO_RESET:
		s.state = WITH(state, OPINION(door));
		break;
	default:
		s.next = jump(w->stack, i, end, action, &left);
		/* a jump beyond the end is an error */
		if (left > 0)
			s.state = WITH(state, REFUSED);
	}
	return s;
}

static bool leaps(const struct walk *w, size_t i, size_t next)
{
	return i == w->leaper && stack_ours(w->stack, behind(w->stack, i)) < next;
}

/* All that may become of somebody at a module. */
static void take_module(
	struct run *run, size_t i, size_t end, unsigned state, unsigned door, uint16_t *ret_left)
{
	const struct stack_item *item = &run->w->stack->items[i];
	uint32_t returns = item->is_ours && run->w->ours != 0 ? run->w->ours : item->returns;
	struct step s;
	int value;

	if (item->is_ours) {
		run->w->reached |= OPINION(state) != REFUSED;
		state |= PASSED;
	}
	for (value = 0; value < PAM_RETURNS; value++) {
		if ((returns & UINT32_C(1) << value) == 0)
			continue;
		s = step(run->w, i, end, state, value, door);
		if (leaps(run->w, i, s.next))
			s.state |= LEAPT;
		if (s.next < end)
			run->at[s.next] |= (uint16_t)(1u << s.state);
		else
			*ret_left |= (uint16_t)(1u << s.state);
	}
}

static uint16_t go(struct run *run, size_t start, unsigned level, unsigned door);

/* The states in which the substack at i is left. */
static uint16_t take_substack(struct run *run, size_t i, unsigned state)
{
	size_t slot = i * STATES + state;

	if (!run->known[slot]) {
		run->memo[slot] = go(run, i + 1, run->w->stack->items[i].level + 1, state);
		run->known[slot] = true;
	}
	return run->memo[slot];
}

/* From `start` to the end of the level. The recursion is as deep as substacks are. */
static uint16_t go(struct run *run, size_t start, unsigned level, unsigned door)
{
	const struct stack *stack = run->w->stack;
	size_t end = stack_end(stack, start, level), i, next;
	uint16_t left = 0, inner;
	unsigned state;

	for (i = start; i < end; i++)
		run->at[i] = 0;
	if (start == end)
		return (uint16_t)(1u << door);
	run->at[start] = (uint16_t)(1u << door);
	for (i = start; i < end; i = next) {
		next = behind(stack, i);
		for (state = 0; state < STATES; state++) {
			if ((run->at[i] & 1u << state) == 0)
				continue;
			if (!stack->items[i].is_substack) {
				take_module(run, i, end, state, door, &left);
				continue;
			}
			inner = take_substack(run, i, state);
			if (next < end)
				run->at[next] |= inner;
			else
				left |= inner;
		}
	}
	return left;
}

static void conclude(struct walk *w, uint16_t left)
{
	unsigned state;

	for (state = 0; state < STATES; state++) {
		if ((left & 1u << state) == 0 || OPINION(state) != GOOD)
			continue;
		w->succeeds = true;
		w->passed |= (state & PASSED) != 0;
		w->bypassed |= (state & PASSED) == 0 && (state & LEAPT) != 0;
	}
}

int walk_run(struct walk *w)
{
	size_t n = w->stack->n;
	struct run run = {.w = w};
	int r = 0;

	run.at = calloc(n + 1, sizeof(*run.at));
	run.memo = calloc((n + 1) * STATES, sizeof(*run.memo));
	run.known = calloc((n + 1) * STATES, sizeof(*run.known));
	if (run.at != NULL && run.memo != NULL && run.known != NULL)
		conclude(w, go(&run, 0, 0, NOTHING));
	else
		r = -ENOMEM;
	free(run.at);
	free(run.memo);
	free(run.known);
	return r;
}
