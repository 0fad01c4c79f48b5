/* What sessd needs of the kernel, and whether it is there. */
#ifndef SESSCTL_KERNEL_H
#define SESSCTL_KERNEL_H

#include "sessctl/finding.h"

/* Asks the kernel that runs; it changes nothing. */
void kernel_check(struct findings *findings);

#endif
