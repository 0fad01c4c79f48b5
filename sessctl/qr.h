/* A QR code on a terminal, for a text that is to be carried to another machine by a camera. */
#ifndef SESSCTL_QR_H
#define SESSCTL_QR_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Prints the text (up to some 1,000 bytes) as half blocks, two rows of modules a line, light on
 * dark, with the quiet zone of 4 modules that the standard (ISO/IEC 18004) wants. colour: sets both
 * colours, so that it is right on a light terminal, too. False: no memory, or it is too long.
 */
bool qr_print(FILE *out, const char *text, bool colour);

#endif
