#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "common/text.h"
#include "sessctl/keyboard.h"

/* Longer than any that is taken, so that one line is what one read() gives: the kernel's limit is
 * 4096. */
#define LINE 4096

struct keyboard {
	const struct keyboard_question *q;
	int tty;
	int signals;
	sigset_t watched, before;
	struct termios usual;
};

static void say(int fd, const char *text)
{
	char line[TEXT_LONG_MAX + 1];

	text_escape(text, strlen(text), line, sizeof(line));
	dprintf(fd, "%s", line);
}

/* What has been typed before the question is thrown away where the answer is a secret. A process in
 * the background is stopped here, and goes on in the foreground. */
static int prepare(struct keyboard *k)
{
	struct termios silent;

	if (tcgetattr(k->tty, &k->usual) < 0)
		return -errno;
	silent = k->usual;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	if (k->q->secret && tcsetattr(k->tty, TCSAFLUSH, &silent) < 0)
		return -errno;
	say(k->tty, k->q->text);
	return 0;
}

static void restore(struct keyboard *k)
{
	if (!k->q->secret)
		return;
	tcsetattr(k->tty, TCSADRAIN, &k->usual);
	dprintf(k->tty, "\n");
}

/* The signal does what it would have done; where that was to stop the process, it goes on here. */
static int give_way(struct keyboard *k)
{
	struct signalfd_siginfo info;

	if (read(k->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return -EIO;
	restore(k);
	raise((int)info.ssi_signo);
	sigprocmask(SIG_SETMASK, &k->before, NULL);
	sigprocmask(SIG_BLOCK, &k->watched, NULL);
	return prepare(k);
}

static int wait_for_line(struct keyboard *k)
{
	struct pollfd p[] = {{.fd = k->tty, .events = POLLIN}, {.fd = k->signals, .events = POLLIN},
		{.fd = k->q->wake, .events = POLLIN}};
	int r;

	for (;;) {
		if (poll(p, 3, -1) < 0) {
			if (errno != EINTR)
				return -errno;
			continue;
		}
		if (p[1].revents != 0) {
			r = give_way(k);
			if (r < 0)
				return r;
		} else if (p[0].revents != 0) {
			return 0;
		} else if (p[2].revents != 0) {
			return -ECANCELED;
		}
	}
}

static int take_line(const char *line, size_t n, char *ret, size_t size)
{
	if (n >= size)
		return -E2BIG;
	memcpy(ret, line, n);
	ret[n] = '\0';
	return 0;
}

static int read_line(struct keyboard *k, char *ret, size_t size)
{
	char line[LINE];
	ssize_t n;
	int r;

	r = wait_for_line(k);
	if (r < 0)
		return r;
	n = read(k->tty, line, sizeof(line));
	if (n <= 0)
		return -EPIPE;
	/* one that ends by the end of input has no newline */
	r = take_line(line, (size_t)(line[n - 1] == '\n' ? n - 1 : n), ret, size);
	explicit_bzero(line, sizeof(line));
	return r;
}

static void watch_signals(struct keyboard *k)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
	size_t i;

	sigemptyset(&k->watched);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&k->watched, signals[i]);
	sigprocmask(SIG_BLOCK, &k->watched, &k->before);
	k->signals = signalfd(-1, &k->watched, SFD_CLOEXEC);
}

static int ask_terminal(const struct keyboard_question *q, char *ret, size_t size)
{
	struct keyboard k = {.q = q};
	int r;

	k.tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (k.tty < 0)
		return -ENOTTY;
	watch_signals(&k);
	r = k.signals < 0 ? -EMFILE : prepare(&k);
	if (r == 0) {
		r = read_line(&k, ret, size);
		restore(&k);
	}
	if (k.signals >= 0)
		close(k.signals);
	sigprocmask(SIG_SETMASK, &k.before, NULL);
	close(k.tty);
	return r;
}

/* Byte by byte: what follows the line is for the next question. */
static int ask_stdin(const struct keyboard_question *q, char *ret, size_t size)
{
	char line[LINE];
	size_t n = 0;
	ssize_t got;
	int r;

	say(STDERR_FILENO, q->text);
	do
		got = read(STDIN_FILENO, &line[n], 1);
	while ((got < 0 && errno == EINTR) || (got == 1 && line[n] != '\n' && ++n < sizeof(line)));
	dprintf(STDERR_FILENO, "\n");
	r = got <= 0 && n == 0 ? -EPIPE : take_line(line, n, ret, size);
	explicit_bzero(line, sizeof(line));
	return r;
}

int keyboard_ask(const struct keyboard_question *q, char *ret, size_t size)
{
	return q->from_stdin ? ask_stdin(q, ret, size) : ask_terminal(q, ret, size);
}
