/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The process that has a file locked by flock(2); 0: unknown. */
int flock_holder(int fd);
