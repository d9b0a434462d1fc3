/* SPDX-License-Identifier: Apache-2.0 */
/* ioprio_set(2): which, and the classes in the upper bits of a priority. */
#pragma once

#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_WHO_PGRP    2
#define IOPRIO_WHO_USER    3
#define IOPRIO_CLASS_SHIFT 13
#define IOPRIO_CLASS_RT    1
#define IOPRIO_CLASS_IDLE  3
