/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter trusts what bpf_check saw: each jump goes forward to an instruction of the program, whose last one returns; each
 * load is of a word of the data; each memory word exists. Jumps being forward only, a program ends after `count` steps.
 */
#include "proc/bpf.h"

static bool is_alu_op(unsigned op)
{
    static const uint8_t ops[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_AND, BPF_OR, BPF_XOR, BPF_LSH, BPF_RSH, BPF_NEG};
    for (size_t i = 0; i < ARRAY_COUNT(ops); i++) {
        if (ops[i] == op)
            return true;
    }
    return false;
}

static bool check_alu(const struct sock_filter *f)
{
    unsigned op = BPF_OP(f->code);
    if (!is_alu_op(op) || f->code & ~(unsigned)(BPF_ALU | 0xf0 | BPF_X) || (op == BPF_NEG && BPF_SRC(f->code) == BPF_X))
        return false;
    if (BPF_SRC(f->code) == BPF_X)
        return true;
    return op == BPF_DIV ? f->k != 0 : (op != BPF_LSH && op != BPF_RSH) || f->k < 32;
}

/* left: instructions behind this one. */
static bool check_jump(const struct sock_filter *f, unsigned left)
{
    switch (f->code) {
    case BPF_JMP | BPF_JA:
        return f->k < left;
    case BPF_JMP | BPF_JEQ | BPF_K:
    case BPF_JMP | BPF_JEQ | BPF_X:
    case BPF_JMP | BPF_JGT | BPF_K:
    case BPF_JMP | BPF_JGT | BPF_X:
    case BPF_JMP | BPF_JGE | BPF_K:
    case BPF_JMP | BPF_JGE | BPF_X:
    case BPF_JMP | BPF_JSET | BPF_K:
    case BPF_JMP | BPF_JSET | BPF_X:
        return f->jt < left && f->jf < left;
    default:
        return false;
    }
}

static bool check_instruction(const struct sock_filter *f, unsigned left, size_t data_size)
{
    switch (f->code) {
    case BPF_LD | BPF_W | BPF_ABS:
        return f->k % 4 == 0 && f->k < data_size;
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX:
        return f->k < BPF_MEMWORDS;
    case BPF_LD | BPF_W | BPF_LEN:
    case BPF_LDX | BPF_W | BPF_LEN:
    case BPF_LD | BPF_IMM:
    case BPF_LDX | BPF_IMM:
    case BPF_MISC | BPF_TAX:
    case BPF_MISC | BPF_TXA:
    case BPF_RET | BPF_K:
    case BPF_RET | BPF_A:
        return true;
    default:
        return BPF_CLASS(f->code) == BPF_ALU ? check_alu(f) : check_jump(f, left);
    }
}

bool bpf_check(const struct sock_filter *code, unsigned count, size_t data_size)
{
    if (count == 0 || count > BPF_MAXINSNS || BPF_CLASS(code[count - 1].code) != BPF_RET)
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (!check_instruction(&code[i], count - 1 - i, data_size))
            return false;
    }
    return true;
}

/* ---- running ------------------------------------------------------------------------------------------------------------ */

struct bpf_state {
    uint32_t a, x, mem[BPF_MEMWORDS];
};

/* Only what a program computes can be out of range here: x. */
static uint32_t alu(unsigned op, uint32_t a, uint32_t b)
{
    switch (op) {
    case BPF_ADD:
        return a + b;
    case BPF_SUB:
        return a - b;
    case BPF_MUL:
        return a * b;
    case BPF_DIV:
        return b ? a / b : 0;
    case BPF_AND:
        return a & b;
    case BPF_OR:
        return a | b;
    case BPF_XOR:
        return a ^ b;
    case BPF_LSH:
        return a << (b & 31);
    case BPF_RSH:
        return a >> (b & 31);
    default: /* BPF_NEG */
        return 0U - a;
    }
}

static bool is_true(unsigned op, uint32_t a, uint32_t b)
{
    switch (op) {
    case BPF_JEQ:
        return a == b;
    case BPF_JGT:
        return a > b;
    case BPF_JGE:
        return a >= b;
    default: /* BPF_JSET */
        return a & b;
    }
}

static void load_store(struct bpf_state *s, const struct sock_filter *f, const uint32_t *data, size_t data_size)
{
    switch (f->code) {
    case BPF_LD | BPF_W | BPF_ABS:
        s->a = data[f->k / 4];
        break;
    case BPF_LD | BPF_W | BPF_LEN:
        s->a = (uint32_t)data_size;
        break;
    case BPF_LDX | BPF_W | BPF_LEN:
        s->x = (uint32_t)data_size;
        break;
    case BPF_LD | BPF_IMM:
        s->a = f->k;
        break;
    case BPF_LDX | BPF_IMM:
        s->x = f->k;
        break;
    case BPF_LD | BPF_MEM:
        s->a = s->mem[f->k];
        break;
    case BPF_LDX | BPF_MEM:
        s->x = s->mem[f->k];
        break;
    case BPF_ST:
        s->mem[f->k] = s->a;
        break;
    case BPF_STX:
        s->mem[f->k] = s->x;
        break;
    case BPF_MISC | BPF_TAX:
        s->x = s->a;
        break;
    case BPF_MISC | BPF_TXA:
        s->a = s->x;
        break;
    }
}

static uint32_t jump_length(const struct bpf_state *s, const struct sock_filter *f)
{
    if (BPF_OP(f->code) == BPF_JA)
        return f->k;
    return is_true(BPF_OP(f->code), s->a, BPF_SRC(f->code) == BPF_X ? s->x : f->k) ? f->jt : f->jf;
}

uint32_t bpf_run(const struct sock_filter *code, const uint32_t *data, size_t data_size)
{
    struct bpf_state s = {0};
    for (const struct sock_filter *f = code;; f++) {
        switch (BPF_CLASS(f->code)) {
        case BPF_RET:
            return BPF_RVAL(f->code) == BPF_A ? s.a : f->k;
        case BPF_JMP:
            f += jump_length(&s, f);
            break;
        case BPF_ALU:
            s.a = alu(BPF_OP(f->code), s.a, BPF_SRC(f->code) == BPF_X ? s.x : f->k);
            break;
        default:
            load_store(&s, f, data, data_size);
        }
    }
}
