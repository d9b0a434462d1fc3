/* SPDX-License-Identifier: Apache-2.0 */
#include "keyfile.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)((at - digits) % 16) : -1;
}

static bool hex_parse(const char *text, uint8_t key[32])
{
    for (int i = 0; i < 32; i++) {
        int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        key[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

int store_key_read(const char *path, uint8_t key[32], struct error *err)
{
    struct bytes b;
    if (file_read(path, &b, err) < 0)
        return -1;
    while (b.size > 64 && strchr("\r\n", b.data[b.size - 1]))
        b.size--;
    bool is_ok = b.size == 32 || (b.size == 64 && hex_parse((const char *)b.data, key));
    if (b.size == 32)
        memcpy(key, b.data, 32);
    free(b.data);
    return is_ok ? 0 : error_set(err, "%s: a key has 32 bytes or 64 hexadecimal digits", path);
}
