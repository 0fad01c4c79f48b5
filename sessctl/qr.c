#include <qrencode.h>

#include "sessctl/qr.h"

#define QUIET 4

/* What is around the code is light. */
static bool is_light(const QRcode *code, int row, int column)
{
	row -= QUIET;
	column -= QUIET;
	if (row < 0 || column < 0 || row >= code->width || column >= code->width)
		return true;
	return (code->data[row * code->width + column] & 1) == 0;
}

static void print_row(FILE *out, const QRcode *code, int row)
{
	/* upper and lower half: dark, light */
	static const char *const blocks[2][2] = {{" ", "\u2584"}, {"\u2580", "\u2588"}};
	int column, all = code->width + 2 * QUIET;

	for (column = 0; column < all; column++)
		fputs(blocks[is_light(code, row, column)]
			    [row + 1 < all && is_light(code, row + 1, column)],
			out);
}

bool qr_print(FILE *out, const char *text, bool colour)
{
	QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
	int row;

	if (code == NULL)
		return false;
	for (row = 0; row < code->width + 2 * QUIET; row += 2) {
		fputs(colour ? "\033[97;40m" : "", out);
		print_row(out, code, row);
		fputs(colour ? "\033[0m\n" : "\n", out);
	}
	QRcode_free(code);
	return true;
}
