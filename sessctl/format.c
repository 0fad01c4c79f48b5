#include <string.h>

#include "sessctl/format.h"

const struct format formats[] = {
#define FORMAT_ROW(name, begin, write) {#name, (begin), (write)},
	FORMATS(FORMAT_ROW)
#undef FORMAT_ROW
};

const size_t n_formats = sizeof(formats) / sizeof(formats[0]);

#define FORMAT_NAME(name, begin, write) "|" #name
const char format_barred[] = FORMATS(FORMAT_NAME);
#undef FORMAT_NAME

const struct format *format_find(const char *name)
{
	size_t i;

	for (i = 0; i < n_formats; i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}
