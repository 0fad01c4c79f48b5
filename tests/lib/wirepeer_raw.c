/*
 * Packets by hand, well-formed or not, and what comes back. A packet is
 *
 *	hello | status | open,1=616c696365,2=00000000000007d1 | ...	a message with these fields
 *(tag=hex) hex=0001...	these bytes zeros=N		so many zero bytes end		not a
 *packet: waits for the daemon to disconnect
 *
 * behind any of: `fds:` (descriptors are attached), `deaf:` (no answer is waited for), `tail:` (one
 * byte more), `cut:` (one less), `version=N:` (in the header). An answer is printed as its name,
 *with the id of the error or the reason of the refusal, and `#N` where its serial is not the
 *request's.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/wirepeer.h"

#define PACKET_MAX  (2 * WIRE_MAX)
#define PATIENCE_MS 30000
#define ATTACHED    8

struct packet {
	uint8_t bytes[PACKET_MAX];
	size_t len;
	bool fds, deaf, tail, cut, end;
	int version; /* -1: as it should be */
};

static struct packet packet;
static uint32_t serial = 0x1000;

static void put(uint64_t v, size_t n)
{
	size_t i;

	if (packet.len + n > PACKET_MAX)
		die("the packet is too long");
	for (i = 0; i < n; i++)
		packet.bytes[packet.len++] = (uint8_t)(v >> 8 * (n - 1 - i));
}

static size_t put_hex(const char *hex, size_t digits)
{
	char pair[3] = "";
	size_t i;

	for (i = 0; i + 1 < digits; i += 2) {
		memcpy(pair, hex + i, 2);
		put(strtoul(pair, NULL, 16), 1);
	}
	return digits / 2;
}

static void put_fields(char *fields)
{
	char *field, *value;

	for (field = strtok(fields, ","); field != NULL; field = strtok(NULL, ",")) {
		value = strchr(field, '=');
		if (value == NULL)
			die(field);
		put(strtoul(field, NULL, 10), 2);
		put(strlen(++value) / 2, 2);
		put_hex(value, strlen(value));
	}
}

static void put_message(char *text)
{
	static char hello[] = "1=0000000000000001,2=0000000000000001,3=7869";
	char *fields = strchr(text, ',');
	size_t i;

	if (fields != NULL)
		*fields++ = '\0';
	else if (strcmp(text, "hello") == 0)
		fields = strdup(hello);
	for (i = 0; i < wire_n_messages && strcmp(wire_messages[i].name, text) != 0; i++)
		;
	if (i == wire_n_messages)
		die(text);
	put(wire_messages[i].use & WIRE_FROZEN ? 0 : WIRE_VERSION_MAX, 1);
	put(wire_messages[i].type, 1);
	put(0, 2);
	put(++serial, 4);
	if (fields != NULL)
		put_fields(fields);
}

static bool take(char **text, const char *prefix)
{
	if (strncmp(*text, prefix, strlen(prefix)) != 0)
		return false;
	*text += strlen(prefix);
	return true;
}

static void parse(char *text)
{
	packet.len = 0;
	packet.fds = packet.deaf = packet.tail = packet.cut = packet.end = false;
	packet.version = -1;
	for (;;) {
		if (take(&text, "fds:"))
			packet.fds = true;
		else if (take(&text, "deaf:"))
			packet.deaf = true;
		else if (take(&text, "tail:"))
			packet.tail = true;
		else if (take(&text, "cut:"))
			packet.cut = true;
		else if (take(&text, "version="))
			packet.version = (int)strtol(text, &text, 10), text++;
		else
			break;
	}
	packet.end = strcmp(text, "end") == 0;
	if (packet.end)
		return;
	if (take(&text, "hex="))
		put_hex(text, strlen(text));
	else if (take(&text, "zeros="))
		packet.len = strtoul(text, NULL, 10), memset(packet.bytes, 0, PACKET_MAX);
	else
		put_message(text);
	if (packet.tail)
		put(0xff, 1);
	packet.len -= packet.cut;
	if (packet.version >= 0)
		packet.bytes[0] = (uint8_t)packet.version;
}

static void transmit(int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * ATTACHED)];
	} control = {0};
	struct iovec iov = {.iov_base = packet.bytes, .iov_len = packet.len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	int fds[ATTACHED], i;

	if (packet.fds) {
		for (i = 0; i < ATTACHED; i++)
			fds[i] = fd;
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		*CMSG_FIRSTHDR(&msg) = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(sizeof(fds))};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), fds, sizeof(fds));
	}
	/* the daemon may have disconnected already, which the answer will tell */
	sendmsg(fd, &msg, MSG_NOSIGNAL);
}

static void print_answer(const struct wire_frame *frame)
{
	fputs(wire_info(frame->type)->name, stdout);
	if (frame->type == WIRE_error)
		printf(":%s", error_id(frame->u.error.code));
	if (frame->type == WIRE_refused)
		printf(":%s", reason_name(frame->u.refused.reason));
	if (frame->serial != serial)
		printf("#%x", (unsigned)frame->serial);
}

/* Prints what comes, up to a message that ends an answer, or to the end. False: it is the end. */
static bool hear(int fd)
{
	static struct wire_frame frame;
	static uint8_t buf[WIRE_MAX];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n;

	do {
		if (poll(&p, 1, PATIENCE_MS) <= 0) {
			printf("silence ");
			return true;
		}
		n = recv(fd, buf, sizeof(buf), 0);
		if (n <= 0) {
			printf("closed ");
			return false;
		}
		if (wire_decode(buf, (size_t)n, &frame) < 0) {
			printf("malformed ");
			return true;
		}
		print_answer(&frame);
		putchar(' ');
	} while (frame.type == WIRE_session || frame.type == WIRE_outcome || packet.end);
	return true;
}

int raw_main(int argc, char **argv)
{
	int used = become_user(argc, argv), i, fd;

	fd = argc > used ? connect_socket(argv[used]) : -1;
	if (fd < 0) {
		printf("%s\n", errno == EACCES ? "forbidden" : "down");
		return 0;
	}
	for (i = used + 1; i < argc; i++) {
		parse(argv[i]);
		if (!packet.end)
			transmit(fd);
		if (!packet.deaf && !hear(fd))
			break;
	}
	putchar('\n');
	return 0;
}
