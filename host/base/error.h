/* SPDX-License-Identifier: Apache-2.0 */
/* Errors of the host side: one line that says what, where and what to do. Set exactly when a function returns < 0. */
#pragma once
#include <stddef.h>

struct error {
    char text[512];
};

/* Sets the text and returns -1. */
int error_set(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same with ": " and strerror(errno) behind it. */
int error_errno(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "naos: " and the line, on stderr: for what no caller can be told of. */
void error_report(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
