/* SPDX-License-Identifier: Apache-2.0 */
/* `naos build`: from an instance's folder to what `naos run` takes. */
#pragma once
#include "image.h"
#include "store/image_keys.h"

struct build_result {
    uint8_t mrenclave[32], mrsigner[32];
    struct config_image image; /* the root's; those of mounts are in app */
    struct callsite_totals sites;
    uint64_t image_bytes; /* of the file */
    struct app app;
};

struct build_options {
    const char *dir;      /* of the instance */
    const char *key_path; /* NULL: the user's own, made at first use */
    const char *out;      /* folder that gets the files; NULL: DIR/build, replaced as a whole */
    const struct image_keys *image_keys; /* NULL: none */
    bool is_fresh;        /* take nothing from earlier builds */
    void (*progress)(const char *step); /* may be NULL, and so may this, for the image: */
    void (*progress_bytes)(uint64_t done, uint64_t total);
};

/* Who calls these has instance_lock. */

/*
 * Replaces DIR's image folder by what source holds (import.h), and writes what it says of itself into naos.json. Refuses if the
 * folder holds files of the user's. *layers: 0 for a plain directory, whose folder says nothing.
 */
int build_from(const char *dir, const char *source, size_t *layers, struct error *err);
int build_run(const struct build_options *options, struct build_result *result, struct error *err);
