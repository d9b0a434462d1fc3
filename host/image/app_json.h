/* SPDX-License-Identifier: Apache-2.0 */
/* Values of naos.json: each *_take checks its type and range, and says `naos.json: <at>: <what is
 * wanted>` if it is not so. */
#pragma once
#include <json-c/json.h>
#include "app.h"

struct reader {
    struct error *err;
    struct app *app;
};

/* A member of an object: its name and who takes it. `at` is its path, for messages. */
struct field {
    const char *name; /* NULL ends a list */
    int (*take)(struct reader *r, const char *at, json_object *value);
};

/* Sets the error; returns -1. */
int app_wrong(struct reader *r, const char *at, const char *want);
/* A number of bytes: 1048576, "512M", "4GiB". */
int size_take(struct reader *r, const char *at, json_object *value, uint64_t min, uint64_t max,
              uint64_t *size);
int number_take(struct reader *r, const char *at, json_object *value, int64_t min, int64_t max,
                int64_t *n);
/* Not empty, without zeros inside. What was in *s is freed. */
int string_take(struct reader *r, const char *at, json_object *value, char **s);
int path_take(struct reader *r, const char *at, json_object *value, char **s);
int strings_take(struct reader *r, const char *at, json_object *value, struct strings *list);
int strings_add(struct reader *r, const char *at, struct strings *list, char *item);
/* Each member goes to the field of its name; another name is an error. */
int object_take(struct reader *r, const char *at, json_object *value, const struct field *fields);

/* app_net.c */
int net_take(struct reader *r, const char *at, json_object *value);
