/* The subcommands of the load generator. Each gets its own arguments (argv[0] is its name), prints
 * its result on one line, and ends the program with a line on standard error where it fails. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

/* Exit status: this machine cannot do what would be measured. */
#define LOAD_CANNOT 77

/* A positive number, or the end of the program. */
unsigned long load_number(const char *s);

int load_start(char **argv);
int load_append(char **argv);
int load_revoke(char **argv);

/* What pam_loginuid does: from here on the process has a new audit session. Where it cannot, the
 * program ends with LOAD_CANNOT. */
void load_audit_session(void);

#endif
