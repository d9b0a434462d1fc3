/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a trampoline: lea rcx,[rip+8]; jmp *gs:[vcpu.syscall_entry]. */
#pragma once
#define CALLSITE_ENTRY_SIZE 15
