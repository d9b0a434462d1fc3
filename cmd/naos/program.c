/* SPDX-License-Identifier: Apache-2.0 */
/* What naos.json says is to be run. */
#include "image/app.h"
#include "options.h"

char *const *program_of(const char *command, char *const *rest, const char *dir)
{
    static struct app app;
    struct error err;
    if (*rest)
        return rest;
    if (app_read(dir, &app, &err) < 0) {
        cmd_fail(command, err.text);
        return NULL;
    }
    return app.command.count > 0 ? app.command.items : rest;
}
