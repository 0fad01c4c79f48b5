/* What this machine is called. */
#ifndef SESSCTL_HOST_H
#define SESSCTL_HOST_H

/* Bytes of its name, escaped: the kernel takes any bytes for a name. */
#define HOST_TEXT 260

/* Returns out. */
char *host_name(char out[HOST_TEXT]);

#endif
