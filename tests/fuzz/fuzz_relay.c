/*
 * Any bytes from the user, in the conversation that sessd-reauth holds for PAM: a module is given
 * nothing but bounded text of his, what he is shown is valid text, and nothing of his answer stays
 * behind.
 *
 * An input is what modules say, u8 count, and for each u8 style, u8 length, text; and then his
 * packets, for each u16 length (the lower byte first), bytes.
 *
 * fuzz_relay --seeds DIR writes conversations that are as they should be, and ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/duration.h"
#include "common/timestamp.h"
#include "reauth/relay.h"

#define MESSAGES 4
#define PACKETS	 16

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at, *end;
};

struct said {
	char text[MESSAGES][256];
	struct pam_message msg[MESSAGES];
	const struct pam_message *msgs[MESSAGES];
	int n;
};

static void must(bool so, const char *what)
{
	if (so)
		return;
	fprintf(stderr, "fuzz_relay: %s\n", what);
	abort();
}

/* 0 where there are no more. */
static unsigned take(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static size_t take_bytes(struct input *in, size_t n, const uint8_t **ret)
{
	size_t left = (size_t)(in->end - in->at);

	*ret = in->at;
	n = n < left ? n : left;
	in->at += n;
	return n;
}

static void read_said(struct input *in, struct said *said)
{
	const uint8_t *text;
	size_t len;
	int i;

	said->n = 1 + (int)(take(in) % MESSAGES);
	for (i = 0; i < said->n; i++) {
		said->msg[i].msg_style = (int)(take(in) % 9);
		len = take_bytes(in, take(in), &text);
		memcpy(said->text[i], text, len);
		said->text[i][len] = '\0';
		said->msg[i].msg = len == 255 ? NULL : said->text[i];
		said->msgs[i] = &said->msg[i];
	}
}

static void send_packets(struct input *in, int fd)
{
	const uint8_t *packet;
	size_t len;
	int i;

	for (i = 0; i < PACKETS && in->at < in->end; i++) {
		len = take(in);
		len |= (size_t)take(in) << 8;
		len = take_bytes(in, len, &packet);
		send(fd, packet, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	shutdown(fd, SHUT_WR);
}

static bool is_prompt(int style)
{
	return style == PAM_PROMPT_ECHO_OFF || style == PAM_PROMPT_ECHO_ON;
}

static void check_answers(const struct said *said, struct pam_response *answers)
{
	int i;

	for (i = 0; i < said->n; i++) {
		must(is_prompt(said->msg[i].msg_style) == (answers[i].resp != NULL),
			"an answer without a question, or the reverse");
		must(answers[i].resp == NULL || strlen(answers[i].resp) <= WIRE_REPLY_MAX,
			"an answer that is too long");
		free(answers[i].resp);
	}
	free(answers);
}

/* Decoding refuses text that is not valid. */
static void check_shown(int fd)
{
	static uint8_t buf[WIRE_MAX];
	static struct wire_frame frame;
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		must(wire_decode(buf, (size_t)n, &frame) == 0, "a message that is malformed");
		must(frame.type == WIRE_prompt, "a message that is no prompt");
		must(frame.u.prompt.style >= WIRE_STYLE_SECRET &&
				frame.u.prompt.style <= WIRE_STYLE_INFO,
			"a style that there is not");
	}
}

static void check_wiped(const struct channel *ch)
{
	size_t i;

	for (i = 0; i < sizeof(ch->buf); i++)
		must(ch->buf[i] == 0, "something of his answer stayed behind");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct channel channel;
	static struct said said;
	struct input in = {.at = data, .end = data + size};
	struct relay relay = {.channel = &channel};
	struct pam_response *answers = NULL;
	int pair[2], code;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	must(channel_init(&channel, pair[0], getpid(), clock_boot() + 5 * NS_PER_SEC) == 0,
		"no channel");
	read_said(&in, &said);
	send_packets(&in, pair[1]);
	code = relay_converse(said.n, said.msgs, &answers, &relay);
	must((code == PAM_SUCCESS) == (relay.error == 0), "an error that PAM is not told of");
	must((code == PAM_SUCCESS) == (answers != NULL), "answers of a failure");
	if (code == PAM_SUCCESS)
		check_answers(&said, answers);
	else
		must(relay_converse(said.n, said.msgs, &answers, &relay) == PAM_CONV_ERR,
			"it went on after a failure");
	check_shown(pair[1]);
	check_wiped(&channel);
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static void seed(const char *dir, const char *name, const char *said, const char *const *answers)
{
	static uint8_t buf[WIRE_MAX];
	struct wire_reply reply;
	char path[4096];
	size_t len;
	FILE *fp;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fp = fopen(path, "we");
	must(fp != NULL && fwrite(said + 1, 1, (size_t)said[0], fp) == (size_t)said[0],
		"cannot write a seed");
	for (; *answers != NULL; answers++) {
		reply = (struct wire_reply){.secret = {*answers, strlen(*answers)}};
		must(wire_encode(WIRE_reply, 1, &reply, buf, sizeof(buf), &len) == 0, "a bad seed");
		must(fputc((int)(len & 0xff), fp) != EOF && fputc((int)(len >> 8), fp) != EOF &&
				fwrite(buf, 1, len, fp) == len,
			"cannot write a seed");
	}
	must(fclose(fp) == 0, "cannot write a seed");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const one[] = {"correct horse", NULL},
				 *const two[] = {"a", "123456", NULL}, *const none[] = {NULL};

	if (*argc != 3 || strcmp((*argv)[1], "--seeds") != 0)
		return 0;
	/* each begins with its own length */
	seed((*argv)[2], "password", "\015\000\001\012Password: ", one);
	seed((*argv)[2], "two", "\013\001\001\003Pw:\002\003OT:", two);
	seed((*argv)[2], "lines", "\012\001\004\003a\nb\002\002c\n", two);
	seed((*argv)[2], "nobody", "\004\000\001\001?", none);
	exit(0);
}
