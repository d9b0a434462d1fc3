/* SPDX-License-Identifier: Apache-2.0 */
/* Tables on the terminal, and what they are with --json: columns as wide as they need to be. */
#pragma once

struct table;
struct table *table_create(const char *const *heads); /* NULL-ended */
void table_row(struct table *t, const char *const *cells); /* one for each head; copied */
void table_print(const struct table *t);
struct json_object;
/* Prints it, and lets it go. */
void json_show(struct json_object *o);
void table_destroy(struct table *t);
