/* Bytes of a descriptor. */
#ifndef COMMON_BYTES_H
#define COMMON_BYTES_H

#include <stddef.h>
#include <sys/types.h>

/* Reads on until the buffer is full or there is no more. How many; -errno where that failed. */
ssize_t bytes_read(int fd, void *buf, size_t size);

#endif
