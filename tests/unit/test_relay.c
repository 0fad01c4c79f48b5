/* PAM's conversation with the requester: what he is shown, what comes back, and what ends it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "reauth/relay.h"

#define PATIENCE (30 * NS_PER_SEC)

static struct channel channel;
static struct relay relay;
static int theirs;

static int start(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(channel_init(&channel, pair[0], getpid(), clock_boot() + PATIENCE), 0);
	relay = (struct relay){.channel = &channel};
	theirs = pair[1];
	return 0;
}

static int stop(void **state)
{
	(void)state;
	close(channel.fd);
	if (theirs >= 0)
		close(theirs);
	return 0;
}

static void answer(uint32_t serial, const char *secret, size_t len)
{
	const struct wire_reply reply = {.secret = {secret, len}};
	uint8_t buf[WIRE_MAX];
	size_t n;

	assert_int_equal(wire_encode(WIRE_reply, serial, &reply, buf, sizeof(buf), &n), 0);
	assert_int_equal(send(theirs, buf, n, 0), n);
}

/* The next line that he is shown. */
static void assert_shown(enum wire_style style, const char *text, uint32_t serial)
{
	static struct wire_frame frame;
	uint8_t buf[WIRE_MAX];
	ssize_t n = recv(theirs, buf, sizeof(buf), MSG_DONTWAIT);

	assert_true(n > 0);
	assert_int_equal(wire_decode(buf, (size_t)n, &frame), 0);
	assert_int_equal(frame.type, WIRE_prompt);
	assert_int_equal(frame.serial, serial);
	assert_int_equal(frame.u.prompt.style, style);
	assert_string_equal(frame.u.prompt.text, text);
}

static void assert_nothing_shown(void)
{
	char byte;

	assert_int_equal(recv(theirs, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static int say(int style, const char *text, struct pam_response **ret)
{
	const struct pam_message msg = {.msg_style = style, .msg = text}, *msgs = &msg;

	return relay_converse(1, &msgs, ret, &relay);
}

/* It is answered so, and what was received is wiped. */
static void assert_answered(int style, const char *question, const char *wanted)
{
	struct pam_response *resp = NULL;
	size_t i;

	assert_int_equal(say(style, question, &resp), PAM_SUCCESS);
	assert_string_equal(resp->resp, wanted);
	for (i = 0; i < sizeof(channel.buf); i++)
		assert_int_equal(channel.buf[i], 0);
	free(resp->resp);
	free(resp);
}

/* It ends, for good, and PAM is given nothing. */
static void assert_breaks(int style, const char *question, int error)
{
	struct pam_response *resp = NULL;

	assert_int_equal(say(style, question, &resp), PAM_CONV_ERR);
	assert_null(resp);
	assert_int_equal(relay.error, error);
	assert_int_equal(say(PAM_TEXT_INFO, "more", &resp), PAM_CONV_ERR);
}

static void questions(void **state)
{
	char longest[WIRE_REPLY_MAX + 1];

	(void)state;
	answer(7, "correct horse", 13);
	assert_answered(PAM_PROMPT_ECHO_OFF, "Password: ", "correct horse");
	assert_shown(WIRE_STYLE_SECRET, "Password: ", 1);
	answer(8, "", 0);
	assert_answered(PAM_PROMPT_ECHO_ON, NULL, "");
	/* what he is told belongs to his last message */
	assert_shown(WIRE_STYLE_PLAIN, "", 7);
	memset(longest, 'a', WIRE_REPLY_MAX);
	longest[WIRE_REPLY_MAX] = '\0';
	answer(9, longest, WIRE_REPLY_MAX);
	assert_answered(PAM_PROMPT_ECHO_OFF, "?", longest);
}

static void lines(void **state)
{
	struct pam_response *resp = NULL;

	(void)state;
	assert_int_equal(say(PAM_TEXT_INFO, "one\ntwo\n\nthree\n", &resp), PAM_SUCCESS);
	assert_null(resp->resp);
	free(resp);
	assert_shown(WIRE_STYLE_INFO, "one", 1);
	assert_shown(WIRE_STYLE_INFO, "two", 1);
	assert_shown(WIRE_STYLE_INFO, "", 1);
	assert_shown(WIRE_STYLE_INFO, "three", 1);
	assert_nothing_shown();
	answer(2, "x", 1);
	assert_answered(PAM_PROMPT_ECHO_OFF, "touch it\nPIN: ", "x");
	assert_shown(WIRE_STYLE_INFO, "touch it", 1);
	assert_shown(WIRE_STYLE_SECRET, "PIN: ", 1);
	assert_int_equal(say(PAM_ERROR_MSG, "a\033[2J\xff", &resp), PAM_SUCCESS);
	free(resp);
	assert_shown(WIRE_STYLE_ERROR, "a\\x1b[2J\\xff", 2);
	assert_nothing_shown();
}

/* What has more lines than anybody reads, or a line that is too long, is cut. */
static void much_text(void **state)
{
	struct pam_response *resp = NULL;
	char text[3000];
	unsigned n = 0;
	uint8_t buf[WIRE_MAX];

	(void)state;
	memset(text, '\n', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(say(PAM_TEXT_INFO, text, &resp), PAM_SUCCESS);
	free(resp);
	while (recv(theirs, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		n++;
	assert_in_range(n, 2, 40);
	memset(text, 'a', sizeof(text) - 1);
	assert_int_equal(say(PAM_TEXT_INFO, text, &resp), PAM_SUCCESS);
	free(resp);
	memset(text, 'a', TEXT_LONG_MAX - 3);
	strcpy(text + TEXT_LONG_MAX - 3, "...");
	assert_shown(WIRE_STYLE_INFO, text, 1);
}

static void several_messages(void **state)
{
	const struct pam_message msg[] = {{PAM_TEXT_INFO, "hello"}, {PAM_PROMPT_ECHO_ON, "code: "},
		{PAM_PROMPT_ECHO_OFF, "PIN: "}},
				 *msgs[] = {&msg[0], &msg[1], &msg[2]};
	struct pam_response *resp = NULL;
	int i;

	(void)state;
	answer(1, "123", 3);
	answer(2, "4567", 4);
	assert_int_equal(relay_converse(3, msgs, &resp, &relay), PAM_SUCCESS);
	assert_null(resp[0].resp);
	assert_string_equal(resp[1].resp, "123");
	assert_string_equal(resp[2].resp, "4567");
	for (i = 0; i < 3; i++)
		free(resp[i].resp);
	free(resp);
	assert_int_equal(relay_converse(0, msgs, &resp, &relay), PAM_CONV_ERR);
	assert_int_equal(relay_converse(PAM_MAX_NUM_MSG + 1, msgs, &resp, &relay), PAM_CONV_ERR);
}

static void too_long(void **state)
{
	char secret[WIRE_REPLY_MAX + 1];

	(void)state;
	memset(secret, 'a', sizeof(secret));
	answer(1, secret, sizeof(secret));
	assert_breaks(PAM_PROMPT_ECHO_OFF, "?", -EPROTO);
}

static void with_a_nul(void **state)
{
	(void)state;
	answer(1, "a\0b", 3);
	assert_breaks(PAM_PROMPT_ECHO_OFF, "?", -EPROTO);
}

static void another_message(void **state)
{
	const struct wire_prove prove;
	uint8_t buf[WIRE_MAX];
	size_t n;

	(void)state;
	assert_int_equal(wire_encode(WIRE_prove, 1, &prove, buf, sizeof(buf), &n), 0);
	assert_int_equal(send(theirs, buf, n, 0), n);
	assert_breaks(PAM_PROMPT_ECHO_OFF, "?", -EPROTO);
}

static void malformed(void **state)
{
	(void)state;
	assert_int_equal(send(theirs, "xyz", 3, 0), 3);
	assert_breaks(PAM_PROMPT_ECHO_OFF, "?", -EPROTO);
}

static void gone(void **state)
{
	(void)state;
	close(theirs);
	theirs = -1;
	assert_breaks(PAM_PROMPT_ECHO_OFF, "?", -EPIPE);
}

static void gone_while_asked(void **state)
{
	(void)state;
	assert_int_equal(shutdown(theirs, SHUT_WR), 0);
	assert_breaks(PAM_PROMPT_ECHO_OFF, "?", -EPIPE);
}

static void no_answer_in_time(void **state)
{
	(void)state;
	channel.deadline = clock_boot() + 5 * NS_PER_MS;
	assert_breaks(PAM_PROMPT_ECHO_OFF, "?", -ETIMEDOUT);
}

static void no_text(void **state)
{
	(void)state;
	assert_breaks(PAM_BINARY_PROMPT, "", -ENOTSUP);
	assert_nothing_shown();
}

static void a_radio_button(void **state)
{
	(void)state;
	assert_breaks(PAM_RADIO_TYPE, "yes or no", -ENOTSUP);
}

/* The descriptor was passed on: another process answers. */
static void somebody_else(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		answer(1, "guess", 5);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_breaks(PAM_PROMPT_ECHO_OFF, "?", -EPROTO);
}

int main(void)
{
#define CONNECTED(test) cmocka_unit_test_setup_teardown(test, start, stop)
	const struct CMUnitTest tests[] = {
		CONNECTED(questions),
		CONNECTED(lines),
		CONNECTED(much_text),
		CONNECTED(several_messages),
		CONNECTED(too_long),
		CONNECTED(with_a_nul),
		CONNECTED(another_message),
		CONNECTED(malformed),
		CONNECTED(gone),
		CONNECTED(gone_while_asked),
		CONNECTED(no_answer_in_time),
		CONNECTED(no_text),
		CONNECTED(a_radio_button),
		CONNECTED(somebody_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
