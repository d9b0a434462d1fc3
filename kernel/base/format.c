/* SPDX-License-Identifier: Apache-2.0 */
/* printf to a buffer: what base/string.h says, no more. */
#include "base/string.h"

struct out {
    char *buf;
    size_t size, len; /* len may pass size: then bytes are only counted */
};

struct spec {
    bool left, zero, alt, plus;
    int width, precision; /* precision -1: none */
    int longs;            /* 0 int, 1 long, 2 long long, 3 size_t, -1 short, -2 char */
};

static void put(struct out *o, char c)
{
    if (o->len + 1 < o->size)
        o->buf[o->len] = c;
    o->len++;
}

static void put_many(struct out *o, char c, int count)
{
    for (; count > 0; count--)
        put(o, c);
}

/* prefix and digits, padded to the width: with zeros between the two, or with spaces around. */
static void put_padded(struct out *o, const struct spec *s, const char *prefix, const char *text, int len, bool zeros)
{
    int prefix_len = (int)strlen(prefix);
    int pad = s->width - len - prefix_len;
    if (!s->left && !zeros)
        put_many(o, ' ', pad);
    for (int i = 0; i < prefix_len; i++)
        put(o, prefix[i]);
    if (zeros && !s->left)
        put_many(o, '0', pad);
    for (int i = 0; i < len; i++)
        put(o, text[i]);
    if (s->left)
        put_many(o, ' ', pad);
}

static void put_number(struct out *o, const struct spec *s, uint64_t value, unsigned base, bool upper, const char *sign)
{
    char digits[72], *p = digits + sizeof(digits);
    const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    bool has_prefix = s->alt && value != 0;
    for (uint64_t v = value; v > 0; v /= base)
        *--p = set[v % base];
    int least = s->precision < 0 ? 1 : MIN(s->precision, 64);
    while (digits + sizeof(digits) - p < least)
        *--p = '0';
    if (has_prefix && base == 16)
        sign = upper ? "0X" : "0x";
    else if (has_prefix && base == 8)
        sign = "0";
    put_padded(o, s, sign, p, (int)(digits + sizeof(digits) - p), s->zero && s->precision < 0);
}

static uint64_t arg_unsigned(const struct spec *s, va_list *args)
{
    if (s->longs >= 1)
        return va_arg(*args, uint64_t); /* long, long long and size_t are 64 bits */
    unsigned v = va_arg(*args, unsigned);
    return s->longs == -1 ? (unsigned short)v : s->longs == -2 ? (unsigned char)v : v;
}

static void put_signed(struct out *o, const struct spec *s, va_list *args)
{
    int64_t v = s->longs >= 1 ? va_arg(*args, int64_t) : va_arg(*args, int);
    uint64_t magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    put_number(o, s, magnitude, 10, false, v < 0 ? "-" : s->plus ? "+" : "");
}

static void put_string(struct out *o, const struct spec *s, const char *text)
{
    text = text ? text : "(null)";
    size_t len = s->precision < 0 ? strlen(text) : strnlen(text, (size_t)s->precision);
    put_padded(o, s, "", text, (int)len, false);
}

static const char *parse_int(const char *f, int *value, va_list *args)
{
    if (*f == '*') {
        *value = va_arg(*args, int);
        return f + 1;
    }
    for (*value = 0; *f >= '0' && *f <= '9'; f++)
        *value = *value * 10 + (*f - '0');
    return f;
}

static const char *parse_spec(const char *f, struct spec *s, va_list *args)
{
    *s = (struct spec){.precision = -1};
    for (;; f++) {
        if (*f == '-')
            s->left = true;
        else if (*f == '0')
            s->zero = true;
        else if (*f == '#')
            s->alt = true;
        else if (*f == '+')
            s->plus = true;
        else
            break;
    }
    f = parse_int(f, &s->width, args);
    if (*f == '.')
        f = parse_int(f + 1, &s->precision, args);
    for (; *f == 'l' || *f == 'h'; f++)
        s->longs += *f == 'l' ? 1 : -1;
    if (*f == 'z') {
        s->longs = 3;
        f++;
    }
    return f;
}

static void put_conversion(struct out *o, char conversion, struct spec *s, va_list *args)
{
    char c;
    switch (conversion) {
    case 'd':
    case 'i':
        put_signed(o, s, args);
        break;
    case 'u':
        put_number(o, s, arg_unsigned(s, args), 10, false, "");
        break;
    case 'x':
    case 'X':
        put_number(o, s, arg_unsigned(s, args), 16, conversion == 'X', "");
        break;
    case 'o':
        put_number(o, s, arg_unsigned(s, args), 8, false, "");
        break;
    case 'p':
        s->alt = true;
        put_number(o, s, (uintptr_t)va_arg(*args, void *), 16, false, "");
        break;
    case 'c':
        c = (char)va_arg(*args, int);
        put_padded(o, s, "", &c, 1, false);
        break;
    case 's':
        put_string(o, s, va_arg(*args, const char *));
        break;
    default:
        put(o, conversion);
    }
}

int format_v(char *buf, size_t size, const char *fmt, va_list args)
{
    struct out o = {buf, size, 0};
    va_list copy;
    va_copy(copy, args);
    for (; *fmt; fmt++) {
        if (*fmt != '%') {
            put(&o, *fmt);
            continue;
        }
        struct spec s;
        fmt = parse_spec(fmt + 1, &s, &copy);
        if (!*fmt)
            break;
        put_conversion(&o, *fmt, &s, &copy);
    }
    va_end(copy);
    if (size > 0)
        buf[MIN(o.len, size - 1)] = 0;
    return (int)o.len;
}

int format(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = format_v(buf, size, fmt, args);
    va_end(args);
    return n;
}
