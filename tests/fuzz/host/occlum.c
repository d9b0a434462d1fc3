/* SPDX-License-Identifier: Apache-2.0 */
/* An Occlum instance: an input is Occlum.json and a bom file. Copies are not made; folders and links are, and only in the image. */
#include "target.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/program.h"
#include "image/app.h"
#include "image/occlum.h"

static const char *image;

static void told(const char *line)
{
    volatile size_t len = strlen(line);
    (void)len;
}

/* cp -- FROM TO: where it would copy to must lie in the image. */
int program_run(char *const *argv, const char *why, struct error *err)
{
    size_t count = 0;
    while (argv[count])
        count++;
    char *to = count ? realpath(argv[count - 1], NULL) : NULL;
    if (to && strncmp(to, image, strlen(image)) != 0)
        fuzz_wrong("a copy outside of the image");
    free(to);
    return argv[0][0] == 'x' ? error_set(err, "%s", why) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {""};
    struct fuzz_parts parts = {data, size};
    size_t json_size, bom_size;
    char *json = fuzz_part(&parts, &json_size), *bom = fuzz_part(&parts, &bom_size);
    fuzz_clear();
    mkdir(fuzz_path("from"), 0755);
    mkdir(fuzz_path("app"), 0755);
    mkdir(fuzz_path("app/image"), 0755);
    symlink("../../outside", fuzz_path("app/image/link"));
    fuzz_file("app/" APP_FILE, "{\"entry_points\": [\"/bin/\"]}", 27);
    if (json)
        fuzz_file("from/Occlum.json", json, json_size);
    if (bom)
        fuzz_file("from/bom.yaml", bom, bom_size);
    image = fuzz_path("app/image");
    int open_before = fuzz_open_fds();
    if (occlum_take(fuzz_path("from"), fuzz_path("app"), told, &err) < 0 && !err.text[0])
        fuzz_wrong("refused, but not said why");
    if (fuzz_open_fds() != open_before)
        fuzz_wrong("a descriptor was lost");
    fuzz_outside_check();
    free(json);
    free(bom);
    return 0;
}
