/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cmd.h"

int cmd_version(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        puts("Usage: naos version\nShow the version, and what enclaves run on here.");
        return STATUS_OK;
    }
    puts("naos " NAOS_VERSION);
    if (access("/dev/sgx_enclave", F_OK) == 0)
        puts("enclaves run on: the software model (there is an SGX device, but naos does not drive "
             "it yet)");
    else
        puts("enclaves run on: the software model (this machine has no SGX device); it keeps "
             "nothing secret");
    return STATUS_OK;
}
