/* The program without its process: reads a command line and carries it out. */
#ifndef SESSCTL_RUN_H
#define SESSCTL_RUN_H

#include <stdio.h>

/* argv as main() has it, which is rearranged. Returns the exit code; out and err are flushed. */
int sessctl_run(int argc, char **argv, FILE *out, FILE *err);

#endif
