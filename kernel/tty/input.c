/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line discipline: what happens to characters between the far side and near readers, as termios(3) has it. The
 * caller holds t->lock all along. An end of file is a TTY_DISABLED character that ends a line.
 */
#include <linux/eventpoll.h>
#include "base/bitmap.h"
#include "base/string.h"
#include "proc/process.h"
#include "tty/internal.h"

#define BELL 7

static bool has_iflag(const struct tty *t, unsigned flag)
{
    return t->termios.c_iflag & flag;
}

static bool has_lflag(const struct tty *t, unsigned flag)
{
    return t->termios.c_lflag & flag;
}

/* Is c the control character of this function, which is not switched off? */
static bool is_cc(const struct tty *t, unsigned idx, uint8_t c)
{
    return t->termios.c_cc[idx] == c && c != TTY_DISABLED;
}

static bool is_control(uint8_t c)
{
    return c < 0x20 || c == 0x7f;
}

static bool is_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static bool is_continuation(const struct tty *t, uint8_t c)
{
    return has_iflag(t, IUTF8) && (c & 0xc0) == 0x80;
}

/* ---- the buffer ------------------------------------------------------------------------------------------------------- */

static size_t used(const struct tty_line *l)
{
    return l->head - l->tail;
}

static uint8_t char_at(const struct tty_line *l, uint32_t pos)
{
    return l->buf[pos % TTY_INPUT_SIZE];
}

static bool ends_at(const struct tty_line *l, uint32_t pos)
{
    return bitmap_test(l->ends, pos % TTY_INPUT_SIZE);
}

/* The last place is kept for the end of a line, so that a line that is too long can be ended. */
static void char_put(struct tty *t, uint8_t c, bool is_end)
{
    struct tty_line *l = &t->line;
    if (used(l) >= TTY_INPUT_SIZE - (is_end ? 0 : 1)) {
        if (has_iflag(t, IMAXBEL))
            tty_echo_char(t, BELL);
        return;
    }
    l->buf[l->head % TTY_INPUT_SIZE] = c;
    if (is_end)
        bitmap_set(l->ends, l->head % TTY_INPUT_SIZE);
    else
        bitmap_clear(l->ends, l->head % TTY_INPUT_SIZE);
    l->head++;
}

static void line_end(struct tty *t, uint8_t c)
{
    char_put(t, c, true);
    t->line.line_head = t->line.head;
}

size_t tty_room(const struct tty *t)
{
    const struct tty_line *l = &t->line;
    if (has_lflag(t, ICANON) && l->line_head == l->tail)
        return TTY_INPUT_SIZE; /* there is no line yet: what is too much is dropped, else nobody could go on */
    return TTY_INPUT_SIZE - 1 - MIN(used(l), (size_t)TTY_INPUT_SIZE - 1);
}

bool tty_is_readable(const struct tty *t, bool for_poll)
{
    const struct tty_line *l = &t->line;
    if (has_lflag(t, ICANON))
        return l->line_head != l->tail;
    size_t least = for_poll && !t->termios.c_cc[VTIME] && t->termios.c_cc[VMIN] ? t->termios.c_cc[VMIN] : 1;
    return used(l) >= least;
}

static size_t take_raw(struct tty_line *l, uint8_t *buf, size_t size)
{
    size_t n = MIN(size, used(l));
    for (size_t i = 0; i < n; i++)
        buf[i] = char_at(l, l->tail++);
    return n;
}

static bool is_eof_at(const struct tty_line *l, uint32_t pos)
{
    return pos != l->line_head && ends_at(l, pos) && char_at(l, pos) == TTY_DISABLED;
}

/* One line at most. An end of file behind the last byte that was asked for goes with it: else the next read would
 * find an empty line. */
static size_t take_line(struct tty_line *l, uint8_t *buf, size_t size, bool *is_end)
{
    size_t n = 0;
    while (n < size && l->tail != l->line_head && !*is_end) {
        *is_end = ends_at(l, l->tail);
        uint8_t c = char_at(l, l->tail++);
        if (!*is_end || c != TTY_DISABLED)
            buf[n++] = c;
    }
    if (n == size && !*is_end && is_eof_at(l, l->tail)) {
        l->tail++;
        *is_end = true;
    }
    return n;
}

size_t tty_take(struct tty *t, uint8_t *buf, size_t size, bool *is_end)
{
    *is_end = false;
    if (has_lflag(t, ICANON))
        return take_line(&t->line, buf, size, is_end);
    size_t n = take_raw(&t->line, buf, size);
    t->line.line_head = t->line.tail;
    return n;
}

size_t tty_readable_size(const struct tty *t)
{
    const struct tty_line *l = &t->line;
    size_t count = 0;
    if (!has_lflag(t, ICANON))
        return used(l);
    for (uint32_t pos = l->tail; pos != l->line_head; pos++)
        count += !is_eof_at(l, pos);
    return count;
}

void tty_input_flush(struct tty *t)
{
    struct tty_line *l = &t->line;
    l->tail = l->line_head = l->head;
    l->is_literal = l->is_erasing = false;
    t->packet_status |= TIOCPKT_FLUSHREAD;
    waitq_wake_all(&t->far_waitq, EPOLLOUT | EPOLLPRI);
}

void tty_line_mode_changed(struct tty *t)
{
    struct tty_line *l = &t->line;
    memset(l->ends, 0, sizeof(l->ends));
    l->line_head = l->tail;
    if (has_lflag(t, ICANON) && used(l) > 0) { /* what was typed raw is one line now */
        bitmap_set(l->ends, (l->head - 1) % TTY_INPUT_SIZE);
        l->line_head = l->head;
    }
    l->is_literal = l->is_erasing = false;
}

/* ---- echo ---------------------------------------------------------------------------------------------------------------- */

static void echo_text(struct tty *t, const char *s)
{
    while (*s)
        tty_echo_char(t, (uint8_t)*s++);
}

static void echo_visible(struct tty *t, uint8_t c)
{
    if (has_lflag(t, ECHOCTL) && is_control(c) && c != '\t') {
        tty_echo_char(t, '^');
        tty_echo_char(t, c ^ 0100);
    } else {
        tty_echo_char(t, c);
    }
}

static void erasing_finish(struct tty *t)
{
    if (t->line.is_erasing)
        tty_echo_char(t, '/');
    t->line.is_erasing = false;
}

static void line_begin(struct tty *t)
{
    if (t->line.line_head == t->line.head)
        t->line.line_column = t->line.column;
}

static void echo_input(struct tty *t, uint8_t c)
{
    if (!has_lflag(t, ECHO))
        return;
    erasing_finish(t);
    line_begin(t);
    if (c == '\n')
        tty_echo_char(t, c);
    else
        echo_visible(t, c);
}

/* ---- erasing --------------------------------------------------------------------------------------------------------------- */

/* Columns from the line's begin, or from the last tab before. */
static unsigned columns_before(const struct tty *t, bool *is_after_tab)
{
    const struct tty_line *l = &t->line;
    unsigned count = 0;
    *is_after_tab = false;
    for (uint32_t pos = l->head; pos != l->line_head;) {
        uint8_t c = char_at(l, --pos);
        if (c == '\t') {
            *is_after_tab = true;
            break;
        }
        if (is_control(c))
            count += has_lflag(t, ECHOCTL) ? 2 : 0;
        else
            count += !is_continuation(t, c);
    }
    return count;
}

static void erase_tab(struct tty *t)
{
    bool is_after_tab;
    unsigned columns = columns_before(t, &is_after_tab);
    if (!is_after_tab)
        columns += t->line.line_column;
    for (unsigned n = 8 - (columns & 7); n > 0; n--)
        tty_echo_char(t, '\b');
}

/* ECHOPRT, for terminals of paper: erased characters are printed backwards between \ and /. */
static void echo_erased_print(struct tty *t, uint32_t from, uint32_t to)
{
    if (!t->line.is_erasing)
        tty_echo_char(t, '\\');
    t->line.is_erasing = true;
    for (uint32_t pos = from; pos != to; pos++)
        echo_visible(t, char_at(&t->line, pos));
}

/* The character at the head has just gone. */
static void echo_erased(struct tty *t, uint8_t c, bool is_single)
{
    if (is_single && !has_lflag(t, ECHOE)) {
        echo_visible(t, t->termios.c_cc[VERASE]);
    } else if (c == '\t') {
        erase_tab(t);
    } else {
        if (is_control(c) && has_lflag(t, ECHOCTL))
            echo_text(t, "\b \b");
        if (!is_control(c) || has_lflag(t, ECHOCTL))
            echo_text(t, "\b \b");
    }
}

/* Where the character before the head begins, several bytes back in UTF-8; the head if only a part of one is there. */
static uint32_t char_begin(const struct tty *t)
{
    const struct tty_line *l = &t->line;
    uint32_t pos = l->head - 1;
    while (is_continuation(t, char_at(l, pos)) && pos != l->line_head)
        pos--;
    return is_continuation(t, char_at(l, pos)) ? l->head : pos;
}

enum erase { ERASE_CHAR, ERASE_WORD, ERASE_LINE };

static void erase_back(struct tty *t, enum erase what)
{
    struct tty_line *l = &t->line;
    bool seen_word = false;
    while (l->head != l->line_head) {
        uint32_t begin = char_begin(t), end = l->head;
        uint8_t c = char_at(l, begin);
        if (begin == end)
            break;
        if (what == ERASE_WORD && !is_word(c) && seen_word)
            break;
        seen_word |= is_word(c);
        l->head = begin;
        if (has_lflag(t, ECHO) && has_lflag(t, ECHOPRT))
            echo_erased_print(t, begin, end);
        else if (has_lflag(t, ECHO))
            echo_erased(t, c, what == ERASE_CHAR);
        if (what == ERASE_CHAR)
            break;
    }
    if (l->head == l->line_head && has_lflag(t, ECHO))
        erasing_finish(t);
}

static void erase(struct tty *t, enum erase what)
{
    struct tty_line *l = &t->line;
    const unsigned visibly = ECHOK | ECHOKE | ECHOE;
    if (l->head == l->line_head)
        return;
    if (what != ERASE_LINE || (has_lflag(t, ECHO) && (t->termios.c_lflag & visibly) == visibly)) {
        erase_back(t, what);
        return;
    }
    l->head = l->line_head;
    if (!has_lflag(t, ECHO))
        return;
    erasing_finish(t);
    echo_visible(t, t->termios.c_cc[VKILL]);
    if (has_lflag(t, ECHOK))
        tty_echo_char(t, '\n');
}

static void reprint(struct tty *t, uint8_t c)
{
    const struct tty_line *l = &t->line;
    erasing_finish(t);
    echo_visible(t, c);
    tty_echo_char(t, '\n');
    for (uint32_t pos = l->line_head; pos != l->head; pos++)
        echo_visible(t, char_at(l, pos));
}

/* ---- characters with a meaning: true if c was one --------------------------------------------------------------------------- */

static bool take_flow(struct tty *t, uint8_t c)
{
    if (!has_iflag(t, IXON))
        return false;
    if (is_cc(t, VSTOP, c))
        tty_output_stop(t, true);
    else if (is_cc(t, VSTART, c))
        tty_output_stop(t, false);
    else
        return false;
    return true;
}

static bool take_signal(struct tty *t, uint8_t c, uint64_t *signals)
{
    int signo = is_cc(t, VINTR, c) ? SIGINT : is_cc(t, VQUIT, c) ? SIGQUIT : is_cc(t, VSUSP, c) ? SIGTSTP : 0;
    if (!has_lflag(t, ISIG) || !signo)
        return false;
    *signals |= signal_bit(signo);
    if (!has_lflag(t, NOFLSH)) {
        tty_input_flush(t);
        tty_output_flush(t, false);
    }
    if (has_iflag(t, IXON))
        tty_output_stop(t, false);
    if (has_lflag(t, ECHO))
        echo_visible(t, c);
    return true;
}

static bool take_editing(struct tty *t, uint8_t c)
{
    bool has_extensions = has_lflag(t, IEXTEN);
    if (is_cc(t, VERASE, c)) {
        erase(t, ERASE_CHAR);
    } else if (is_cc(t, VKILL, c)) {
        erase(t, ERASE_LINE);
    } else if (is_cc(t, VWERASE, c) && has_extensions) {
        erase(t, ERASE_WORD);
    } else if (is_cc(t, VLNEXT, c) && has_extensions) {
        t->line.is_literal = true;
        if (has_lflag(t, ECHO) && has_lflag(t, ECHOCTL))
            echo_text(t, "^\b");
    } else if (is_cc(t, VREPRINT, c) && has_extensions && has_lflag(t, ECHO)) {
        reprint(t, c);
    } else {
        return false;
    }
    return true;
}

static bool take_line_end(struct tty *t, uint8_t c)
{
    if (c == '\n') {
        if (has_lflag(t, ECHO) || has_lflag(t, ECHONL)) {
            erasing_finish(t);
            tty_echo_char(t, '\n');
        }
        line_end(t, c);
    } else if (is_cc(t, VEOF, c)) {
        line_end(t, TTY_DISABLED);
    } else if (is_cc(t, VEOL, c) || (is_cc(t, VEOL2, c) && has_lflag(t, IEXTEN))) {
        echo_input(t, c);
        line_end(t, c);
    } else {
        return false;
    }
    return true;
}

/* ---- one character ----------------------------------------------------------------------------------------------------------- */

/* ICRNL and its like. False: the character is dropped. */
static bool translate(const struct tty *t, uint8_t *c)
{
    if (*c == '\r') {
        if (has_iflag(t, IGNCR))
            return false;
        if (has_iflag(t, ICRNL))
            *c = '\n';
    } else if (*c == '\n' && has_iflag(t, INLCR)) {
        *c = '\r';
    } else if (*c >= 'A' && *c <= 'Z' && has_iflag(t, IUCLC) && has_lflag(t, IEXTEN)) {
        *c = (uint8_t)(*c - 'A' + 'a');
    }
    return true;
}

static void take_plain(struct tty *t, uint8_t c)
{
    echo_input(t, c);
    if (c == 0xff && has_iflag(t, PARMRK))
        char_put(t, c, false); /* doubled, as it would else begin a mark */
    char_put(t, c, false);
}

static void receive_char(struct tty *t, uint8_t c, uint64_t *signals)
{
    if (has_iflag(t, ISTRIP))
        c &= 0x7f;
    if (t->line.is_literal) {
        t->line.is_literal = false;
        take_plain(t, c);
        return;
    }
    if (take_flow(t, c))
        return;
    if (t->is_stopped && has_iflag(t, IXON) && has_iflag(t, IXANY))
        tty_output_stop(t, false);
    if (take_signal(t, c, signals) || !translate(t, &c))
        return;
    if (has_lflag(t, ICANON) && (take_editing(t, c) || take_line_end(t, c)))
        return;
    take_plain(t, c);
}

void tty_receive(struct tty *t, const uint8_t *buf, size_t size, uint64_t *signals)
{
    size_t echoed = tty_ring_used(&t->out);
    for (size_t i = 0; i < size; i++) {
        if (has_lflag(t, EXTPROC))
            char_put(t, buf[i], false);
        else
            receive_char(t, buf[i], signals);
    }
    if (tty_is_readable(t, false))
        waitq_wake_all(&t->near_waitq, EPOLLIN | EPOLLRDNORM);
    if (tty_ring_used(&t->out) != echoed)
        waitq_wake_all(&t->far_waitq, EPOLLIN | EPOLLRDNORM);
}

void tty_signal_set(struct tty *t, uint64_t signals)
{
    for (int signo = 1; signals; signo++) {
        if (signals & signal_bit(signo))
            tty_signal_foreground(t, signo);
        signals &= ~signal_bit(signo);
    }
}
