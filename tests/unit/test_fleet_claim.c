/* The host's claim of its name, against a store that does what a test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/duration.h"
#include "common/log.h"
#include "common/timestamp.h"
#include "fleet/agent.h"

#define LEASE	  77
#define STRANGERS "0123456789abcdef0123456789abcdef"

struct etcd_call {
	struct etcd_request request;
	json_t *body;
};

static struct {
	struct etcd_call *call; /* under way */
	struct agent agent;
	char folder[64];
	unsigned n_joined;
} world;

/* --- In the place of etcd.c and member.c --- */

struct etcd_call *etcd_start(struct etcd *etcd, const struct etcd_request *request)
{
	struct etcd_call *call = calloc(1, sizeof(*call));

	(void)etcd;
	assert_non_null(call);
	assert_null(world.call);
	assert_non_null(request->body);
	call->request = *request;
	call->body = request->body;
	world.call = call;
	return call;
}

void etcd_cancel(struct etcd_call *call)
{
	if (call == NULL)
		return;
	assert_ptr_equal(call, world.call);
	world.call = NULL;
	json_decref(call->body);
	free(call);
}

void members_dirty(struct agent *a)
{
	assert_ptr_equal(a, &world.agent);
	world.n_joined++;
}

/* --- The store --- */

static void answer(const char *text)
{
	struct etcd_request request;
	json_t *root = json_loads(text, 0, NULL);
	struct etcd_answer a = {.outcome = ETCD_DONE, .root = root};

	assert_non_null(root);
	assert_non_null(world.call);
	request = world.call->request;
	etcd_cancel(world.call);
	request.done(request.ctx, &a);
	json_decref(root);
}

/* As a range shows it; "": nothing is there. */
static const char *range_of(const char *value, unsigned lease)
{
	static char out[2][1024];
	static unsigned next;
	char base64[512];

	next = (next + 1) % 2;
	sodium_bin2base64(base64, sizeof(base64), (const unsigned char *)value, strlen(value),
		sodium_base64_VARIANT_ORIGINAL);
	snprintf(out[next], sizeof(out[next]),
		value[0] == '\0' ? "{\"response_range\":{}}"
				 : "{\"response_range\":{\"kvs\":[{\"key\":\"YQ==\",\"value\":"
				   "\"%s\",\"mod_revision\":\"5\",\"lease\":\"%u\"}]}}",
		base64, lease);
	return out[next];
}

static void reads(const char *host, const char *alive, unsigned lease)
{
	char text[4096];

	assert_non_null(world.call);
	assert_int_equal(world.call->request.kind, ETCD_READ);
	snprintf(text, sizeof(text),
		"{\"header\":{\"revision\":\"9\"},\"succeeded\":true,\"responses\":[%s,%s]}",
		range_of(host, 0), range_of(alive, lease));
	answer(text);
}

/* How many conditions the write has that is asked for now. */
static size_t conditions(void)
{
	assert_non_null(world.call);
	assert_int_equal(world.call->request.kind, ETCD_WRITE);
	return json_array_size(json_object_get(world.call->body, "compare"));
}

static void writes(bool succeeded)
{
	(void)conditions();
	answer(succeeded ? "{\"header\":{\"revision\":\"10\"},\"succeeded\":true}"
			 : "{\"header\":{\"revision\":\"10\"}}");
}

/* What the claim of this host says. */
static const char *own_claim(void)
{
	static char out[256];
	struct sid challenge;
	char hex[SID_HEX + 1];
	uint64_t until;

	assert_int_equal(
		challenges_current(&world.agent.challenges, clock_boot(), &challenge, &until), 0);
	snprintf(out, sizeof(out), "{\"nonce\":\"%s\",\"challenge\":\"%s\"}",
		world.agent.claim.nonce, sid_hex(&challenge, hex));
	return out;
}

static void claim_again(void)
{
	claim_begin(&world.agent);
}

static int set_up(void **state)
{
	struct agent *a = &world.agent;

	(void)state;
	memset(&world, 0, sizeof(world));
	log_set_level(LOG_EMERG);
	snprintf(world.folder, sizeof(world.folder), "/tmp/test_fleet_claim.XXXXXX");
	assert_non_null(mkdtemp(world.folder));
	a->o = (struct agent_options){.host = "web1", .state_dir = world.folder, .lease_ttl = 30};
	a->lease.id = LEASE;
	assert_int_equal(claim_init(a), 0);
	assert_int_equal(
		challenges_init(&a->challenges, world.folder, 3600 * NS_PER_SEC, clock_boot()), 0);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	claim_stop(&world.agent);
	challenges_fini(&world.agent.challenges);
	snprintf(command, sizeof(command), "rm -r %s", world.folder);
	return system(command);
}

static void join(void)
{
	claim_again();
	reads("", "", 0);
	assert_int_equal(conditions(), 2);
	writes(true);
	assert_true(world.agent.claim.joined);
	assert_int_equal(world.n_joined, 1);
}

static void one_name_is_one_hosts(void **state)
{
	static const char strangers[] = "{\"nonce\":\"" STRANGERS "\"}";

	(void)state;
	claim_again();
	reads(strangers, STRANGERS, 5);
	/* that nobody has changed it, and that nobody is alive */
	assert_int_equal(conditions(), 2);
	writes(false);
	assert_false(world.agent.claim.joined);
	assert_int_not_equal(world.agent.claim.words[0], '\0');
	/* it is not known again by half a nonce */
	claim_again();
	reads(strangers, "", 0);
	assert_int_equal(conditions(), 2);
	writes(true);
	assert_true(world.agent.claim.joined);
	assert_string_equal(world.agent.claim.words, "");
}

static void what_is_there_is_not_written(void **state)
{
	(void)state;
	join();
	claim_again();
	reads(own_claim(), world.agent.claim.nonce, LEASE);
	assert_null(world.call);
	assert_int_equal(world.n_joined, 1);
	/* but it is looked at again, long before the challenge is replaced */
	assert_true(world.agent.claim.timer.set);
	assert_true(world.agent.claim.timer.at < clock_boot() + 60 * NS_PER_SEC);
}

/* `etcdctl del host/web1`, while it lives: `alive` is its own. */
static void a_claim_that_was_removed_is_put_back(void **state)
{
	(void)state;
	join();
	claim_again();
	reads("", world.agent.claim.nonce, LEASE);
	assert_int_equal(conditions(), 1);
	writes(true);
	assert_true(world.agent.claim.joined);
	assert_string_equal(world.agent.claim.words, "");
}

static void so_is_the_sign_of_life(void **state)
{
	(void)state;
	join();
	claim_again();
	reads(own_claim(), "", 0);
	assert_int_equal(conditions(), 1);
	writes(true);
	/* or where it is another lease's */
	claim_again();
	reads(own_claim(), world.agent.claim.nonce, LEASE + 1);
	assert_int_equal(conditions(), 1);
	writes(true);
}

/* Somebody else has come in between. */
static void one_that_is_taken_is_not_taken_back(void **state)
{
	(void)state;
	join();
	claim_again();
	reads("", STRANGERS, 5);
	assert_int_equal(conditions(), 2);
	writes(false);
	assert_int_not_equal(world.agent.claim.words[0], '\0');
}

int main(void)
{
#define WITH_AGENT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_AGENT(one_name_is_one_hosts),
		WITH_AGENT(what_is_there_is_not_written),
		WITH_AGENT(a_claim_that_was_removed_is_put_back),
		WITH_AGENT(so_is_the_sign_of_life),
		WITH_AGENT(one_that_is_taken_is_not_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
