/* SPDX-License-Identifier: Apache-2.0 */
/* The health check: a program inside, run again and again; its outcome stands in the run directory's `health`. */
#pragma once
#include "rundir.h"

/* In a thread of its own until the process ends. `retries` failures in a row mean unhealthy. */
void health_start(const struct rundir *r, const char *program, unsigned interval_s, unsigned retries);
