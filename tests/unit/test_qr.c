/* The QR code as it is printed: its modules are those of the library, read back from the blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <qrencode.h>

#include "sessctl/qr.h"

#define SIDE_MAX 200

static const char text[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/* Reads what was printed, half blocks of light on dark, into light[row][column]; the number of
 * rows. */
static int read_back(const char *at, bool light[SIDE_MAX][SIDE_MAX], int *ret_columns)
{
	static const struct {
		const char *block;
		bool upper, lower;
	} blocks[] = {{" ", false, false}, {"\u2580", true, false}, {"\u2584", false, true},
		{"\u2588", true, true}};
	int row = 0, column = 0;
	size_t i;

	for (; *at != '\0'; row += 2, at++) {
		for (column = 0; *at != '\n'; column++) {
			for (i = 0; i < 4; i++)
				if (strncmp(at, blocks[i].block, strlen(blocks[i].block)) == 0)
					break;
			assert_true(i < 4 && row + 1 < SIDE_MAX && column < SIDE_MAX);
			light[row][column] = blocks[i].upper;
			light[row + 1][column] = blocks[i].lower;
			at += strlen(blocks[i].block);
		}
		assert_true(row == 0 || column == *ret_columns);
		*ret_columns = column;
	}
	return row;
}

static void test_modules(void **state)
{
	static bool light[SIDE_MAX][SIDE_MAX];
	QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
	int row, column, columns = 0, rows;
	size_t size;
	char *out;
	FILE *f = open_memstream(&out, &size);

	(void)state;
	assert_non_null(f);
	assert_non_null(code);
	assert_true(qr_print(f, text, false));
	fclose(f);
	rows = read_back(out, light, &columns);
	assert_int_equal(columns, code->width + 8);
	assert_in_range(rows, columns, columns + 1);
	for (row = 0; row < columns; row++)
		for (column = 0; column < columns; column++)
			if (row < 4 || column < 4 || row >= code->width + 4 ||
				column >= code->width + 4)
				assert_true(light[row][column]);
			else
				assert_int_equal(light[row][column],
					!(code->data[(row - 4) * code->width + column - 4] & 1));
	/* the corner of a finder pattern, as everybody knows it */
	assert_false(light[4][4]);
	assert_true(light[5][5]);
	assert_false(light[6][6]);
	QRcode_free(code);
	free(out);
}

static void test_colours(void **state)
{
	size_t size;
	char *out;
	FILE *f = open_memstream(&out, &size);

	(void)state;
	assert_non_null(f);
	assert_true(qr_print(f, text, true));
	fclose(f);
	assert_int_equal(strncmp(out, "\033[97;40m", 8), 0);
	assert_string_equal(out + size - 5, "\033[0m\n");
	free(out);
}

static void test_too_long(void **state)
{
	static char much[8000];
	size_t size;
	char *out;
	FILE *f = open_memstream(&out, &size);

	(void)state;
	assert_non_null(f);
	memset(much, 'a', sizeof(much) - 1);
	assert_false(qr_print(f, much, false));
	fclose(f);
	assert_string_equal(out, "");
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modules),
		cmocka_unit_test(test_colours),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
