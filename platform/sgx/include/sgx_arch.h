/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SGX as the processor defines it: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3D,
 * chapters 35 to 39. Names are the manual's. Shared by the trusted and the untrusted half.
 */
#pragma once
#include <stdint.h>

#define SGX_PAGE_SIZE 4096u
#define SGX_KEY_SIZE  384u /* RSA-3072 */

/* Leaves of ENCLU (EAX). */
enum sgx_enclu {
    SGX_EREPORT = 0, SGX_EGETKEY = 1, SGX_EENTER = 2, SGX_ERESUME = 3, SGX_EEXIT = 4, SGX_EACCEPT = 5, SGX_EMODPE = 6,
    SGX_EACCEPTCOPY = 7,
};

/* Leaves of ENCLS, which the driver uses. */
enum sgx_encls {
    SGX_ECREATE = 0, SGX_EADD = 1, SGX_EINIT = 2, SGX_EREMOVE = 3, SGX_EDBGRD = 4, SGX_EDBGWR = 5, SGX_EEXTEND = 6,
    SGX_ELDB = 7, SGX_ELDU = 8, SGX_EBLOCK = 9, SGX_EPA = 10, SGX_EWB = 11, SGX_ETRACK = 12, SGX_EAUG = 13,
    SGX_EMODPR = 14, SGX_EMODT = 15,
};

/* Error codes (RAX) of the leaves, SDM table 37-4 and 38-4. */
enum sgx_error {
    SGX_SUCCESS = 0, SGX_INVALID_SIG_STRUCT = 1, SGX_INVALID_ATTRIBUTE = 2, SGX_BLKSTATE = 3,
    SGX_INVALID_MEASUREMENT = 4, SGX_NOTBLOCKABLE = 5, SGX_PG_INVLD = 6, SGX_EPC_PAGE_CONFLICT = 7,
    SGX_INVALID_SIGNATURE = 8, SGX_MAC_COMPARE_FAIL = 9, SGX_PAGE_NOT_BLOCKED = 10, SGX_NOT_TRACKED = 11,
    SGX_VA_SLOT_OCCUPIED = 12, SGX_CHILD_PRESENT = 13, SGX_ENCLAVE_ACT = 14, SGX_ENTRYEPOCH_LOCKED = 15,
    SGX_INVALID_EINITTOKEN = 16, SGX_PREV_TRK_INCMPL = 17, SGX_PG_IS_SECS = 18, SGX_PAGE_ATTRIBUTES_MISMATCH = 19,
    SGX_PAGE_NOT_MODIFIABLE = 20, SGX_PAGE_NOT_DEBUGGABLE = 21, SGX_INVALID_CPUSVN = 32, SGX_INVALID_ISVSVN = 64,
    SGX_UNMASKED_EVENT = 128, SGX_INVALID_KEYNAME = 256,
};

enum sgx_page_type { SGX_PT_SECS = 0, SGX_PT_TCS = 1, SGX_PT_REG = 2, SGX_PT_VA = 3, SGX_PT_TRIM = 4 };

/* SECINFO.FLAGS, 35.11 */
#define SGX_SECINFO_R        (1ULL << 0)
#define SGX_SECINFO_W        (1ULL << 1)
#define SGX_SECINFO_X        (1ULL << 2)
#define SGX_SECINFO_PENDING  (1ULL << 3)
#define SGX_SECINFO_MODIFIED (1ULL << 4)
#define SGX_SECINFO_PR       (1ULL << 5)
#define SGX_SECINFO_TYPE(t)  ((uint64_t)(t) << 8)
#define SGX_SECINFO_TCS      SGX_SECINFO_TYPE(SGX_PT_TCS)
#define SGX_SECINFO_REG      SGX_SECINFO_TYPE(SGX_PT_REG)
#define SGX_SECINFO_TRIM     SGX_SECINFO_TYPE(SGX_PT_TRIM)

struct sgx_secinfo {
    uint64_t flags;
    uint8_t reserved[56];
} __attribute__((aligned(64)));

struct sgx_pageinfo { /* 35.10: the operand of ECREATE and EADD */
    uint64_t linaddr, srcpge, secinfo, secs;
} __attribute__((aligned(32)));

/* ATTRIBUTES, 35.7.1 */
#define SGX_FLAGS_INIT          (1ULL << 0)
#define SGX_FLAGS_DEBUG         (1ULL << 1)
#define SGX_FLAGS_MODE64BIT     (1ULL << 2)
#define SGX_FLAGS_PROVISION_KEY (1ULL << 4)
#define SGX_FLAGS_EINITTOKEN_KEY (1ULL << 5)
#define SGX_FLAGS_CET           (1ULL << 6)
#define SGX_FLAGS_KSS           (1ULL << 7)
#define SGX_FLAGS_AEXNOTIFY     (1ULL << 10)
#define SGX_XFRM_LEGACY 0x3ULL /* x87 and SSE: always */
#define SGX_XFRM_AVX    0x4ULL
#define SGX_XFRM_AVX512 0xe0ULL
/* What a machine may have or not: signed enclaves leave it open (SIGSTRUCT.ATTRIBUTEMASK), the loader adds what is there. */
#define SGX_XFRM_OPTIONAL SGX_XFRM_AVX512

struct sgx_attributes {
    uint64_t flags, xfrm;
};

#define SGX_MISC_EXINFO (1u << 0)

struct sgx_secs { /* 35.7 */
    uint64_t size, base;
    uint32_t ssa_frame_size; /* pages */
    uint32_t misc_select;
    uint8_t reserved1[24];
    struct sgx_attributes attributes;
    uint8_t mrenclave[32];
    uint8_t reserved2[32];
    uint8_t mrsigner[32];
    uint8_t reserved3[32];
    uint32_t config_id[16];
    uint16_t isv_prod_id, isv_svn, config_svn;
    uint8_t reserved4[3834];
};
_Static_assert(sizeof(struct sgx_secs) == 4096, "SECS is a page");

struct sgx_tcs { /* 35.8 */
    uint64_t stage; /* of the processor */
    uint64_t flags; /* bit 0: DBGOPTIN */
    uint64_t ossa;  /* offsets from the enclave's base */
    uint32_t cssa, nssa;
    uint64_t oentry;
    uint64_t aep;   /* of the processor */
    uint64_t ofsbase, ogsbase;
    uint32_t fslimit, gslimit;
    uint8_t reserved[4024]; /* zero: no CET, no AEX-Notify */
};
_Static_assert(sizeof(struct sgx_tcs) == 4096, "TCS is a page");

struct sgx_exitinfo { /* 35.9.2.1 */
    uint32_t vector : 8, type : 3, reserved : 20, valid : 1;
};
enum { SGX_EXIT_HARDWARE = 3, SGX_EXIT_SOFTWARE = 6 };

/* Exception vectors that EXITINFO reports (an interrupt is not one of them: valid is 0). */
enum sgx_vector {
    SGX_VECTOR_DE = 0, SGX_VECTOR_DB = 1, SGX_VECTOR_BP = 3, SGX_VECTOR_BR = 5, SGX_VECTOR_UD = 6, SGX_VECTOR_GP = 13,
    SGX_VECTOR_PF = 14, SGX_VECTOR_MF = 16, SGX_VECTOR_AC = 17, SGX_VECTOR_XM = 19,
};

struct sgx_gprs { /* GPRSGX, 35.9.2: the last 184 bytes of an SSA frame */
    uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rflags, rip, ursp, urbp;
    struct sgx_exitinfo exitinfo;
    uint32_t reserved;
    uint64_t fsbase, gsbase;
};
_Static_assert(sizeof(struct sgx_gprs) == 184, "GPRSGX");

struct sgx_exinfo { /* 35.9.2.4: right below GPRSGX, for #PF and #GP */
    uint64_t maddr;
    uint32_t errcd, reserved;
};

struct sgx_sigstruct { /* 35.14, 1808 bytes */
    uint8_t header[16];
    uint32_t vendor, date; /* date: 0xYYYYMMDD in BCD */
    uint8_t header2[16];
    uint32_t swdefined;
    uint8_t reserved1[84];
    uint8_t modulus[SGX_KEY_SIZE]; /* little-endian, as are signature, q1, q2 */
    uint32_t exponent;
    uint8_t signature[SGX_KEY_SIZE];
    uint32_t misc_select, misc_mask;
    uint8_t cet_attributes, cet_attributes_mask;
    uint8_t reserved2[2];
    uint8_t isv_family_id[16];
    struct sgx_attributes attributes, attributes_mask;
    uint8_t enclave_hash[32];
    uint8_t reserved3[16];
    uint8_t isv_ext_prod_id[16];
    uint16_t isv_prod_id, isv_svn;
    uint8_t reserved4[12];
    uint8_t q1[SGX_KEY_SIZE], q2[SGX_KEY_SIZE];
};
_Static_assert(sizeof(struct sgx_sigstruct) == 1808, "SIGSTRUCT");
#define SGX_SIGSTRUCT_HEADER  "\x06\x00\x00\x00\xe1\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00"
#define SGX_SIGSTRUCT_HEADER2 "\x01\x01\x00\x00\x60\x00\x00\x00\x60\x00\x00\x00\x01\x00\x00\x00"
/* What is signed: bytes 0..127 and 900..1027. */
#define SGX_SIGSTRUCT_PART1_SIZE 128u
#define SGX_SIGSTRUCT_PART2_OFF  900u
#define SGX_SIGSTRUCT_PART2_SIZE 128u

struct sgx_targetinfo { /* 35.16 */
    uint8_t measurement[32];
    struct sgx_attributes attributes;
    uint8_t cet_attributes, reserved1;
    uint16_t config_svn;
    uint32_t misc_select;
    uint8_t reserved2[8];
    uint8_t config_id[64];
    uint8_t reserved3[384];
} __attribute__((aligned(512)));
_Static_assert(sizeof(struct sgx_targetinfo) == 512, "TARGETINFO");

struct sgx_report { /* 35.15; the MAC covers the first 384 bytes */
    uint8_t cpu_svn[16];
    uint32_t misc_select;
    uint8_t cet_attributes, reserved1[11];
    uint8_t isv_ext_prod_id[16];
    struct sgx_attributes attributes;
    uint8_t mrenclave[32];
    uint8_t reserved2[32];
    uint8_t mrsigner[32];
    uint8_t reserved3[32];
    uint8_t config_id[64];
    uint16_t isv_prod_id, isv_svn, config_svn;
    uint8_t reserved4[42];
    uint8_t isv_family_id[16];
    uint8_t report_data[64];
    uint8_t key_id[32];
    uint8_t mac[16];
} __attribute__((aligned(512)));
_Static_assert(sizeof(struct sgx_report) == 512, "REPORT is 432 bytes, at a multiple of 512");
#define SGX_REPORT_BODY_SIZE 384u
#define SGX_REPORT_SIZE      432u /* what EREPORT writes */
#define SGX_REPORTDATA_ALIGN 128u

enum sgx_keyname { SGX_KEY_EINITTOKEN = 0, SGX_KEY_PROVISION = 1, SGX_KEY_PROVISION_SEAL = 2, SGX_KEY_REPORT = 3, SGX_KEY_SEAL = 4 };
#define SGX_KEYPOLICY_MRENCLAVE (1u << 0)
#define SGX_KEYPOLICY_MRSIGNER  (1u << 1)
/* The others need ATTRIBUTES.KSS. */
#define SGX_KEYPOLICY_NOISVPRODID  (1u << 2)
#define SGX_KEYPOLICY_CONFIGID     (1u << 3)
#define SGX_KEYPOLICY_ISVFAMILYID  (1u << 4)
#define SGX_KEYPOLICY_ISVEXTPRODID (1u << 5)

struct sgx_keyrequest { /* 35.18 */
    uint16_t key_name, key_policy, isv_svn;
    uint8_t cet_attributes_mask, reserved1;
    uint8_t cpu_svn[16];
    struct sgx_attributes attribute_mask;
    uint8_t key_id[32];
    uint32_t misc_mask;
    uint16_t config_svn;
    uint8_t reserved2[434];
} __attribute__((aligned(512)));
_Static_assert(sizeof(struct sgx_keyrequest) == 512, "KEYREQUEST");
