/*
 * sessctl: what administrators, users and auditors ask sessd. It has no privilege of its own; the
 * daemon judges the uid at the other end of the socket.
 */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <time.h>

#include "sessctl/context.h"
#include "sessctl/run.h"

/*
 * A standard descriptor that the caller closed would be given to the next socket or file, and what
 * is printed would go there. Opened for reading alone, it makes writes fail, as they should.
 */
static bool hold_standard_descriptors(void)
{
	int fd;

	for (fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			return false;
	return true;
}

int main(int argc, char **argv)
{
	if (!hold_standard_descriptors())
		return EXIT_NO;
	/* a reader that goes away is an error of writing, told like any other */
	signal(SIGPIPE, SIG_IGN);
	setlocale(LC_CTYPE, "");
	tzset();
	return sessctl_run(argc, argv, stdout, stderr);
}
