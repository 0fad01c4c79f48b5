/*
 * load append FILE COUNT: what a durable answer costs at the least: one append of 512 bytes,
 * fdatasync, and one round trip through a SOCK_SEQPACKET socket to another process. Prints the
 * percentiles of COUNT such steps (ns).
 */
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/load.h"
#include "tests/bench/samples.h"

#define RECORD 512
/* About as long as a request to open a session, and its answer. */
#define REQUEST 256
#define ANSWER	32

static void serve(int fd)
{
	char buf[REQUEST];

	while (recv(fd, buf, sizeof(buf), 0) > 0)
		if (send(fd, buf, ANSWER, MSG_NOSIGNAL) < 0)
			break;
	_exit(0);
}

static int start_server(void)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		err(1, "socketpair");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		close(pair[0]);
		serve(pair[1]);
	}
	close(pair[1]);
	return pair[0];
}

static void step(int file, int peer)
{
	char buf[RECORD];

	memset(buf, 'x', sizeof(buf));
	if (write(file, buf, RECORD) != RECORD || fdatasync(file) < 0)
		err(1, "append");
	if (send(peer, buf, REQUEST, MSG_NOSIGNAL) != REQUEST ||
		recv(peer, buf, sizeof(buf), 0) != ANSWER)
		err(1, "round trip");
}

int load_append(char **argv)
{
	int file = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	size_t i, count = load_number(argv[2]);
	int peer = start_server();
	struct samples samples;
	uint64_t start;

	if (file < 0)
		err(1, "%s", argv[1]);
	samples_init(&samples, count);
	for (i = 0; i < count; i++) {
		start = now_ns();
		step(file, peer);
		samples_add(&samples, now_ns() - start);
	}
	printf("%" PRIu64 " %" PRIu64 "\n", samples_percentile(&samples, 50),
		samples_percentile(&samples, 99));
	samples_fini(&samples);
	close(peer);
	close(file);
	wait(NULL);
	unlink(argv[1]);
	return 0;
}
