/* What the text is that says where a login came from: schemas keep addresses and names apart. */
#ifndef SESSCTL_SOURCE_H
#define SESSCTL_SOURCE_H

enum source { SOURCE_NAME, SOURCE_IPV4, SOURCE_IPV6 };

/* An address with a zone, as fe80::1%eth0, is a name: it means something on this machine alone. */
enum source source_of(const char *rhost);

#endif
