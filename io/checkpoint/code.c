#include "io/checkpoint/code.h"

#include "base/half.h"
#include "method/decomposition.h"

#include <math.h>
#include <string.h>

enum { FORMER = 128, RAW = 32, MOST_BITS = 24, HEAD = 2 /* form and exponent */ };

/* --- the shape of a row ----------------------------------------------------------------------------------- */

/* Bits of a column below its high part. */
static int low_bits(int64_t count, int64_t cols) {
    return 63 - __builtin_clzll((unsigned long long)(cols / count));
}

static int64_t high_bits(int64_t count, int64_t cols) {
    return count + ((cols - 1) >> low_bits(count, cols));
}

static int64_t count_bytes(int64_t count) {
    int64_t bytes = 1;
    for (; count >= 128; count >>= 7)
        bytes++;
    return bytes;
}

static int64_t column_bits(int64_t count, int64_t cols) {
    return high_bits(count, cols) + count * low_bits(count, cols);
}

int64_t apd_code_position_bits(int64_t count, int64_t cols) {
    return 8 * count_bytes(count) + (count > 0 ? column_bits(count, cols) : 0);
}

int64_t apd_code_most(int64_t cols) {
    return 16 + (cols * (1 + 1 + 1 + 1 + RAW) + cols) / 8;
}

/* --- the form of its values --------------------------------------------------------------------------------- */

/* The binary digits that integers * 2^low need: low .. high. */
typedef struct digits {
    int low, high;
    bool none, raw; /* all are 0; they need more than MOST_BITS */
} digits;

static void add_digits(digits *d, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    int exponent = (int)((bits >> 23) & 0xff);
    uint32_t fraction = (bits & 0x7fffffu) | (exponent > 0 ? 0x800000u : 0u);
    if (bits == 0)
        return;
    if (exponent == 0xff || fraction == 0) { /* infinite, NaN, -0 */
        d->raw = true;
        return;
    }
    int base = (exponent > 0 ? exponent : 1) - 150;
    int low = base + __builtin_ctz(fraction), high = base + 31 - __builtin_clz(fraction);
    d->low = d->none || low < d->low ? low : d->low;
    d->high = d->none || high > d->high ? high : d->high;
    d->none = false;
    d->raw = d->raw || d->high - d->low + 2 > MOST_BITS || d->low < INT8_MIN || d->low > INT8_MAX;
}

typedef struct form {
    int bits, exponent;
    int64_t former;
} form;

/* The number of 16 bits that a value is mask times of, if there is one. */
static bool is_former(float value, float mask, float *number) {
    *number = apd_half(value / mask);
    return !isnan(value) && apd_same_bits(mask * *number, value);
}

/* Integers of a few bits if all values are; else integers, or as they are, but for the former ones. */
static form form_of(const apd_code_row *row) {
    enum { FEW = 8 };
    digits all = {.none = true}, others = {.none = true};
    form f = {0};
    for (int64_t e = 0; e < row->count && !all.raw; e++)
        add_digits(&all, row->values[e]);
    bool few = !all.raw && all.high - all.low + 2 <= FEW;
    for (int64_t e = 0; e < row->count && row->mask != 0.0f && !few; e++) {
        float number;
        if (is_former(row->values[e], row->mask, &number))
            f.former++;
        else
            add_digits(&others, row->values[e]);
    }
    const digits *d = f.former > 0 ? &others : &all;
    f.bits = d->raw ? RAW : d->none ? 1 : d->high - d->low + 2;
    f.exponent = d->raw || d->none ? 0 : d->low;
    return f;
}

static int64_t value_bits(const apd_code_row *row, const form *f) {
    return (f->former > 0 ? row->count + 16 * f->former : 0) + (row->count - f->former) * f->bits;
}

int64_t apd_code_bytes(const apd_code_row *row) {
    if (row->count == 0)
        return 1;
    form f = form_of(row);
    return count_bytes(row->count) + HEAD +
           (column_bits(row->count, row->cols) + value_bits(row, &f) + 7) / 8;
}

/* --- writing ------------------------------------------------------------------------------------------------ */

/* Bits on their way out; fewer than 32 are pending, the lowest of `word`. */
typedef struct bit_writer {
    unsigned char *out;
    uint64_t word;
    int pending;
} bit_writer;

/* The lowest `width` bits of `value`; width <= 32. */
static inline void put(bit_writer *w, uint32_t value, int width) {
    w->word = w->word << width | (value & (uint32_t)((UINT64_C(1) << width) - 1));
    w->pending += width;
    if (w->pending >= 32) {
        w->pending -= 32;
        uint32_t four = __builtin_bswap32((uint32_t)(w->word >> w->pending));
        memcpy(w->out, &four, sizeof four);
        w->out += sizeof four;
    }
}

static void put_zeros(bit_writer *w, int64_t count) {
    for (; count > 32; count -= 32)
        put(w, 0, 32);
    put(w, 0, (int)count);
}

static unsigned char *end_bits(bit_writer *w) {
    int bytes = (w->pending + 7) / 8;
    uint64_t left = w->pending > 0 ? w->word << (64 - w->pending) : 0;
    for (int i = 0; i < bytes; i++)
        *w->out++ = (unsigned char)(left >> (56 - 8 * i));
    return w->out;
}

static void put_columns(bit_writer *w, const apd_code_row *row) {
    int low = low_bits(row->count, row->cols);
    int64_t last = 0;
    for (int64_t e = 0; e < row->count; last = row->columns[e++] >> low) {
        put_zeros(w, (row->columns[e] >> low) - last);
        put(w, 1, 1);
    }
    put_zeros(w, ((row->cols - 1) >> low) - last);
    for (int64_t e = 0; e < row->count && low > 0; e++)
        put(w, (uint32_t)row->columns[e], low);
}

static void put_values(bit_writer *w, const apd_code_row *row, const form *f) {
    float number;
    const double unit = ldexp(1.0, -f->exponent);
    for (int64_t e = 0; e < row->count && f->former > 0; e++)
        put(w, is_former(row->values[e], row->mask, &number), 1);
    for (int64_t e = 0; e < row->count && f->former > 0; e++)
        if (is_former(row->values[e], row->mask, &number))
            put(w, apd_half_bits(number), 16);
    for (int64_t e = 0; e < row->count; e++) {
        uint32_t bits;
        if (f->former > 0 && is_former(row->values[e], row->mask, &number))
            continue;
        if (f->bits == RAW)
            memcpy(&bits, &row->values[e], sizeof bits);
        else
            bits = (uint32_t)(int32_t)((double)row->values[e] * unit);
        put(w, bits, f->bits);
    }
}

unsigned char *apd_code_write(const apd_code_row *row, unsigned char *out) {
    int64_t count = row->count;
    for (; count >= 128; count >>= 7)
        *out++ = (unsigned char)(count | 128);
    *out++ = (unsigned char)count;
    if (row->count == 0)
        return out;
    form f = form_of(row);
    *out++ = (unsigned char)(f.bits | (f.former > 0 ? FORMER : 0));
    *out++ = (unsigned char)f.exponent;
    bit_writer w = {.out = out};
    put_columns(&w, row);
    put_values(&w, row, &f);
    return end_bits(&w);
}

/* --- reading ------------------------------------------------------------------------------------------------ */

typedef struct bit_reader {
    const unsigned char *bytes;
    int64_t at, end; /* in bits */
} bit_reader;

/* The 32 bits from the reader's place on; zeros behind the last byte. */
static inline uint32_t peek(const bit_reader *r) {
    int64_t byte = r->at / 8, left = r->end / 8 - byte;
    uint64_t word = 0;
    if (left >= 8) {
        memcpy(&word, r->bytes + byte, sizeof word);
        word = __builtin_bswap64(word);
    } else {
        for (int64_t i = 0; i < left; i++)
            word |= (uint64_t)r->bytes[byte + i] << (56 - 8 * i);
    }
    return (uint32_t)(word << (r->at % 8) >> 32);
}

/* The next `width` bits, 1 .. 32; the caller has seen that there are as many. */
static inline uint32_t take(bit_reader *r, int width) {
    uint32_t bits = peek(r) >> (32 - width);
    r->at += width;
    return bits;
}

/* The high parts of the columns; false: there are not `count` ones in the `length` bits. */
static bool read_high(bit_reader *r, int64_t count, int64_t length, int32_t *columns) {
    int64_t end = r->at + length, column = 0;
    for (int64_t e = 0; e < count; e++) {
        uint32_t bits;
        while ((bits = peek(r)) == 0 && r->at < end) {
            r->at += 32;
            column += 32;
        }
        if (bits == 0)
            return false;
        int zeros = __builtin_clz(bits);
        r->at += zeros + 1;
        column += zeros;
        if (r->at > end)
            return false;
        columns[e] = (int32_t)column;
    }
    while (r->at < end) {
        int width = end - r->at < 32 ? (int)(end - r->at) : 32;
        if (take(r, width) != 0)
            return false;
    }
    return true;
}

static bool read_columns(bit_reader *r, int64_t count, int64_t cols, int32_t *columns) {
    int low = low_bits(count, cols);
    if (!read_high(r, count, high_bits(count, cols), columns))
        return false;
    int64_t last = -1;
    bool ascend = true;
    for (int64_t e = 0; e < count; e++) {
        int64_t column = (int64_t)columns[e] << low | (low > 0 ? take(r, low) : 0);
        columns[e] = (int32_t)column;
        ascend = ascend && column > last && column < cols;
        last = column;
    }
    return ascend;
}

/* `former` of the values are so; their flags begin at the reader's place, if there are any. */
static void read_values(bit_reader *r, int64_t count, float mask, const form *f, float *values) {
    bit_reader flags = *r, numbers = *r;
    const double unit = ldexp(1.0, f->exponent);
    if (f->former > 0) {
        numbers.at += count;
        r->at += count + 16 * f->former;
    }
    for (int64_t e = 0; e < count; e++) {
        if (f->former > 0 && take(&flags, 1) != 0) {
            values[e] = mask * apd_half_value((uint16_t)take(&numbers, 16));
        } else if (f->bits == RAW) {
            uint32_t bits = take(r, RAW);
            memcpy(&values[e], &bits, sizeof bits);
        } else {
            int32_t integer = (int32_t)(take(r, f->bits) << (32 - f->bits)) >> (32 - f->bits);
            values[e] = (float)((double)integer * unit);
        }
    }
}

/* The number of entries; -1: there are more than `most`, or the bytes end. */
static int64_t read_count(const unsigned char **at, const unsigned char *end, int64_t most) {
    int64_t count = 0;
    for (int shift = 0; *at < end && shift <= 28; shift += 7) {
        unsigned char byte = *(*at)++;
        count |= (int64_t)(byte & 127) << shift;
        if (byte < 128)
            return count <= most ? count : -1;
    }
    return -1;
}

/* Ones among `count` bits. */
static int64_t count_ones(bit_reader r, int64_t count) {
    int64_t ones = 0;
    for (; count > 0; count -= 32)
        ones += __builtin_popcount(take(&r, count < 32 ? (int)count : 32));
    return ones;
}

bool apd_code_read(const unsigned char **at, const unsigned char *end, int64_t cols, float mask, int64_t most,
                   apd_sparse_writer *out) {
    int64_t count = read_count(at, end, most < cols ? most : cols);
    if (count <= 0)
        return count == 0;
    if (end - *at < HEAD)
        return false;
    bool flags = ((*at)[0] & FORMER) != 0;
    form f = {.bits = (*at)[0] & ~FORMER, .exponent = (int8_t)(*at)[1]};
    bit_reader r = {*at + HEAD, 0, 8 * (end - *at - HEAD)};
    int64_t bits = column_bits(count, cols) + (flags ? count : 0);
    if (f.bits < 1 || (f.bits > MOST_BITS && f.bits != RAW) || (flags && mask == 0.0f) || bits > r.end)
        return false;
    apd_sparse_reserve(out, count);
    int32_t *columns = out->sparse.columns + out->count;
    if (!read_columns(&r, count, cols, columns))
        return false;
    f.former = flags ? count_ones(r, count) : 0;
    bits += 16 * f.former + (count - f.former) * f.bits;
    int64_t fill = (8 - bits % 8) % 8;
    if (flags != (f.former > 0) || bits + fill > r.end)
        return false;
    read_values(&r, count, mask, &f, out->sparse.values + out->count);
    out->count += count;
    *at += HEAD + (bits + fill) / 8;
    return fill == 0 || take(&r, (int)fill) == 0;
}
