#ifndef COMMON_VERSION_H
#define COMMON_VERSION_H

#define SESSD_VERSION "0.1.0"

#endif
