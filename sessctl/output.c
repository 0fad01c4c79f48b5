#include <string.h>
#include <wchar.h>

#include "common/text.h"
#include "sessctl/output.h"

#define PIECE 512 /* bytes that are escaped at a time */

void output_pieces(FILE *out, const char *s, size_t len, output_put *put)
{
	char escaped[4 * PIECE + 1];
	size_t n, back, escaped_len;

	for (; len > 0; s += n, len -= n) {
		n = len < PIECE ? len : PIECE;
		/* do not part the bytes of one character (at most four) */
		for (back = 0; back < 3 && n < len && ((unsigned char)s[n - back] & 0xc0) == 0x80;
			back++)
			;
		n -= n < len ? back : 0;
		escaped_len = text_escape(s, n, escaped, sizeof(escaped));
		put(out, escaped, escaped_len);
	}
}

static void put_plain(FILE *out, const char *s, size_t len)
{
	fwrite(s, 1, len, out);
}

void output_text(FILE *out, const char *s, size_t len)
{
	output_pieces(out, s, len, put_plain);
}

void output_line(FILE *out, const char *s)
{
	output_text(out, s, strlen(s));
	fputc('\n', out);
}

/* The character at s (valid UTF-8, not its end): its length, and the columns that it takes. */
static size_t next_char(const char *s, size_t *ret_columns)
{
	unsigned char first = (unsigned char)s[0];
	size_t n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1, i;
	wchar_t c = n == 1 ? first : first & (0xff >> (n + 1));
	int width;

	for (i = 1; i < n && s[i] != '\0'; i++)
		c = (wchar_t)(c << 6 | (s[i] & 0x3f));
	/* in a locale that does not know it, take it for an ordinary one */
	width = wcwidth(c);
	*ret_columns = width < 0 ? 1 : (size_t)width;
	return i;
}

size_t output_width(const char *s)
{
	size_t sum = 0, columns;

	while (*s != '\0') {
		s += next_char(s, &columns);
		sum += columns;
	}
	return sum;
}

char *output_fit(const char *s, size_t columns, char *out)
{
	size_t at, n, used = 0, fits = 0, c;

	text_escape(s, strlen(s), out, OUTPUT_CELL);
	for (at = 0; out[at] != '\0'; at += n) {
		n = next_char(out + at, &c);
		if (used + c > columns)
			break;
		used += c;
		if (used + 3 <= columns)
			fits = at + n;
	}
	/* used <= columns < at least the bytes there, so "..." has room */
	if (out[at] != '\0')
		memcpy(out + fits, "...", 4);
	return out;
}

void output_bold(FILE *out, bool bold, const char *s)
{
	fprintf(out, bold ? "\033[1m%s\033[0m" : "%s", s);
}

void output_alarm(FILE *out, bool bold, const char *s)
{
	fprintf(out, bold ? "\033[1;31m%s\033[0m" : "%s", s);
}
