/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table {
    size_t columns, rows;
    char **cells; /* row by row, the heads first */
};

void table_row(struct table *t, const char *const *cells)
{
    char **more = realloc(t->cells, (t->rows + 1) * t->columns * sizeof(*more));
    if (!more)
        abort();
    t->cells = more;
    for (size_t i = 0; i < t->columns; i++)
        t->cells[t->rows * t->columns + i] = strdup(cells[i]);
    t->rows++;
}

struct table *table_create(const char *const *heads)
{
    struct table *t = calloc(1, sizeof(*t));
    if (!t)
        abort();
    while (heads[t->columns])
        t->columns++;
    table_row(t, heads);
    return t;
}

static int column_width(const struct table *t, size_t column)
{
    size_t width = 0;
    for (size_t row = 0; row < t->rows; row++) {
        size_t len = strlen(t->cells[row * t->columns + column]);
        width = len > width ? len : width;
    }
    return (int)width;
}

void table_print(const struct table *t)
{
    for (size_t row = 0; row < t->rows; row++) {
        for (size_t i = 0; i < t->columns; i++) {
            const char *cell = t->cells[row * t->columns + i];
            if (i + 1 < t->columns)
                printf("%-*s  ", column_width(t, i), cell);
            else
                puts(cell);
        }
    }
}

void table_destroy(struct table *t)
{
    for (size_t i = 0; i < t->rows * t->columns; i++)
        free(t->cells[i]);
    free(t->cells);
    free(t);
}

void json_show(struct json_object *o)
{
    puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(o);
}
