#include <stdio.h>
#include <stdint.h>
#include <string.h>

#include "common/text.h"

/*
 * The length of the printable UTF-8 character at s, or 0 where there is none: RFC 3629 (no overlong
 * forms, no surrogates, at most U+10FFFF), no C0, DEL or C1 controls, and none of the characters
 * that reorder a line (U+202A to U+202E, U+2066 to U+2069) or break it (U+2028, U+2029).
 */
static size_t text_char(const unsigned char *s, size_t len)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t cp;
	size_t i, n;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4 || n > len)
		return 0;
	cp = s[0] & (0xffu >> (n + 1));
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (s[i] & 0x3f);
	}
	if (cp < least[n] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return 0;
	if (cp < 0xa0 || (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069))
		return 0;
	return n;
}

bool text_valid(const char *s, size_t len)
{
	size_t i, n;

	for (i = 0; i < len; i += n) {
		n = text_char((const unsigned char *)s + i, len - i);
		if (n == 0)
			return false;
	}
	return true;
}

size_t text_escape(const char *s, size_t len, char *out, size_t size)
{
	static const char more[] = "...";
	size_t i, n, w, used = 0, fits = 0;
	char piece[5];

	for (i = 0; i < len; i += n) {
		n = text_char((const unsigned char *)s + i, len - i);
		if (n > 0) {
			memcpy(piece, s + i, n);
			w = n;
		} else {
			w = (size_t)snprintf(piece, sizeof(piece), "\\x%02x", (unsigned char)s[i]);
			n = 1;
		}
		if (used + w + 1 > size)
			break;
		memcpy(out + used, piece, w);
		used += w;
		/* the last place at which "..." still fits */
		if (used + sizeof(more) <= size)
			fits = used;
	}
	if (i < len && size >= sizeof(more)) {
		memcpy(out + fits, more, sizeof(more) - 1);
		used = fits + sizeof(more) - 1;
	}
	out[used] = '\0';
	return used;
}
