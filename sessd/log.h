/* The daemon's log is that of all programs that run in the background. */
#ifndef SESSD_LOG_H
#define SESSD_LOG_H

#include "common/log.h"

#endif
