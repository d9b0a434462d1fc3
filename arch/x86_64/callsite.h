/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a trampoline that call: lea r,[rip+8]; jmp *gs:[an entry of vcpu]. */
#pragma once
#define CALLSITE_ENTRY_SIZE 15
