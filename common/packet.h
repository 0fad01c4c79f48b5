/*
 * One packet of a SOCK_SEQPACKET socket that has SO_PASSCRED, and who sent it. A descriptor can be
 * passed on: what the kernel says of who connected is true of him alone, so each packet is asked.
 */
#ifndef COMMON_PACKET_H
#define COMMON_PACKET_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Without waiting. Bytes of the packet, of which those that fit are in buf (more than `size`: it
 * was longer); 0 at the end of the connection; -EAGAIN where there is none, or another -errno.
 * *ret_sender: 0 where nobody is named. Descriptors that were attached are dropped by the kernel.
 */
ssize_t packet_recv(int fd, uint8_t *buf, size_t size, pid_t *ret_sender);

#endif
