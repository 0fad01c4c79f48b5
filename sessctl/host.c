#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"
#include "sessctl/host.h"

char *host_name(char out[HOST_TEXT])
{
	char name[HOST_NAME_MAX + 1] = "localhost";

	/* one that is cut off has no end of its own */
	gethostname(name, sizeof(name) - 1);
	text_escape(name, strlen(name), out, HOST_TEXT);
	return out;
}
