/* SPDX-License-Identifier: Apache-2.0 */
/* The measured configuration. It was checked when it was built, and it is measured: what is wrong in it is our bug. */
#include "init/init.h"
#include "base/string.h"
#include "naos/core.h"
#include "platform/plat.h"

const struct config *config_get(void)
{
    return plat_info.config;
}

const char *config_string(uint32_t off)
{
    CHECK(off < plat_info.config_size);
    return off ? (const char *)plat_info.config + off : NULL;
}

const uint8_t *config_core_key(void)
{
    uint32_t off = config_get()->core_key_off;
    CHECK(off == 0 || off + CORE_KEY_SIZE <= plat_info.config_size);
    return off ? (const uint8_t *)plat_info.config + off : NULL;
}

const char *config_list(const struct config_strings *list, uint32_t idx)
{
    const char *s = config_string(list->off);
    while (idx-- > 0)
        s += strlen(s) + 1;
    return s;
}
