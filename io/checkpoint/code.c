#include "io/checkpoint/code.h"

#include "base/half.h"

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
    return count == cols ? 0 : high_bits(count, cols) + count * low_bits(count, cols);
}

int64_t apd_code_position_bits(int64_t count, int64_t cols) {
    return 8 * count_bytes(count) + (count > 0 ? column_bits(count, cols) : 0);
}

int64_t apd_code_most(int64_t cols) {
    return 16 + (cols * (1 + 1 + 1 + 1 + RAW) + cols) / 8;
}

/* --- the form of its values --------------------------------------------------------------------------------- */

typedef struct form {
    int bits, exponent;
    int64_t former;
} form;

static inline uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* The numbers of 16 bits that the values are mask times of, into `numbers` (count), NaN where there is none, and all other values
 * into `others` (count), 0 where there is one. Returns how many there are. */
static int64_t find_former(const apd_code_row *row, float *restrict numbers, float *restrict others) {
    const float *restrict values = row->values, mask = row->mask;
    const int32_t count = (int32_t)row->count;
    int32_t found = 0;
    for (int32_t e = 0; e < count; e++) {
        float number = apd_half(values[e] / mask);
        bool former = (bits_of(mask * number) == bits_of(values[e])) & (number == number);
        found += former;
        numbers[e] = former ? number : NAN;
        others[e] = former ? 0.0f : values[e];
    }
    return found;
}

/* The integers times a power of two that all values are: tried as multiples of the unit at which the largest has MOST_BITS. RAW:
 * they are none. */
static form integers_of(const float *restrict values, int64_t count) {
    enum { CHUNK = 64 };
    const form raw = {.bits = RAW};
    uint32_t largest = 0, all = 0, inexact = 0;
    for (int64_t e = 0; e < count; e++) {
        uint32_t size = bits_of(values[e]) & 0x7fffffffu;
        largest = size > largest ? size : largest;
    }
    int top = (int)(largest >> 23) - 127, finest = largest > 0 ? top + 2 - MOST_BITS : 0;
    if (largest >= 0x7f800000u || finest < -126) /* infinite, NaN, tiny */
        return raw;
    const float unit = ldexpf(1.0f, finest), inverse = ldexpf(1.0f, -finest);
    for (int64_t done = 0; done < count && inexact == 0; done += CHUNK) {
        int64_t end = count - done < CHUNK ? count : done + CHUNK;
        for (int64_t e = done; e < end; e++) {
            float value = values[e];
            int32_t integer = (int32_t)(value * inverse);
            all |= (uint32_t)integer;
            inexact |=
                (bits_of((float)integer * unit) ^ bits_of(value)) | (bits_of(value) == 0x80000000u); /* -0 */
        }
    }
    if (inexact != 0)
        return raw;
    int exponent = all != 0 ? finest + __builtin_ctz(all) : 0;
    return (form){.bits = all != 0 ? top - exponent + 2 : 1, .exponent = exponent};
}

/* Integers of a few bits if all values are; else integers, or as they are, but for the former ones, whose numbers are put into
 * `room` (2 count). */
static form form_of(const apd_code_row *row, float *room) {
    enum { FEW = 8 };
    form f = integers_of(row->values, row->count);
    int64_t former = f.bits > FEW && row->mask != 0.0f ? find_former(row, room, room + row->count) : 0;
    if (former > 0)
        f = integers_of(room + row->count, row->count);
    f.former = former;
    return f;
}

static int64_t value_bits(const apd_code_row *row, const form *f) {
    return (f->former > 0 ? row->count + 16 * f->former : 0) + (row->count - f->former) * f->bits;
}

int64_t apd_code_bytes(const apd_code_row *row, float *room) {
    if (row->count == 0)
        return 1;
    form f = form_of(row, room);
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

/* Zeros, then a one if `one`. */
static void put_gap(bit_writer *w, int64_t zeros, int one) {
    for (; zeros > 31; zeros -= 31)
        put(w, 0, 31);
    put(w, (uint32_t)one, (int)zeros + one);
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
    if (row->count == row->cols)
        return;
    for (int64_t e = 0; e < row->count; last = row->columns[e++] >> low)
        put_gap(w, (row->columns[e] >> low) - last, 1);
    put_gap(w, ((row->cols - 1) >> low) - last, 0);
    for (int64_t e = 0; e < row->count && low > 0; e++)
        put(w, (uint32_t)row->columns[e], low);
}

/* `numbers`: of the former values; NaN where a value is none. */
static void put_values(bit_writer *w, const apd_code_row *row, const form *f, const float *numbers) {
    const float inverse = ldexpf(1.0f, -f->exponent);
    for (int64_t e = 0; e < row->count && f->former > 0; e++)
        put(w, isnan(numbers[e]) ? 0u : 1u, 1);
    for (int64_t e = 0; e < row->count && f->former > 0; e++)
        if (!isnan(numbers[e]))
            put(w, apd_half_bits(numbers[e]), 16);
    for (int64_t e = 0; e < row->count; e++) {
        uint32_t bits;
        if (f->former > 0 && !isnan(numbers[e]))
            continue;
        if (f->bits == RAW)
            memcpy(&bits, &row->values[e], sizeof bits);
        else
            bits = (uint32_t)(int32_t)(row->values[e] * inverse);
        put(w, bits, f->bits);
    }
}

unsigned char *apd_code_write(const apd_code_row *row, float *room, unsigned char *out) {
    int64_t count = row->count;
    for (; count >= 128; count >>= 7)
        *out++ = (unsigned char)(count | 128);
    *out++ = (unsigned char)count;
    if (row->count == 0)
        return out;
    form f = form_of(row, room);
    *out++ = (unsigned char)(f.bits | (f.former > 0 ? FORMER : 0));
    *out++ = (unsigned char)f.exponent;
    bit_writer w = {.out = out};
    put_columns(&w, row);
    put_values(&w, row, &f, room);
    return end_bits(&w);
}

/* --- reading ------------------------------------------------------------------------------------------------ */

typedef struct bit_reader {
    const unsigned char *bytes;
    int64_t at, end; /* in bits */
} bit_reader;

/* The 57 bits or more from bit `at` on, at the top. */
static inline uint64_t peek(const bit_reader *r, int64_t at) {
    uint64_t word;
    memcpy(&word, r->bytes + at / 8, sizeof word);
    return __builtin_bswap64(word) << (at % 8);
}

/* The next `width` bits, 1 .. 32; the caller has seen that there are as many. */
static inline uint32_t take(bit_reader *r, int width) {
    uint32_t bits = (uint32_t)(peek(r, r->at) >> (64 - width));
    r->at += width;
    return bits;
}

/* The high parts of the columns: entry e's is the place of the e-th one less e. False: there are not `count` ones in the `length`
 * bits. */
static bool read_high(bit_reader *r, int64_t count, int64_t length, int32_t *columns) {
    enum { STRIDE = 56 };
    int64_t e = 0;
    for (int64_t done = 0; done < length; done += STRIDE) {
        int64_t some = length - done < STRIDE ? length - done : STRIDE;
        uint64_t word = peek(r, r->at + done) >> (64 - some) << (64 - some);
        if (e + __builtin_popcountll(word) > count)
            return false;
        for (; word != 0; e++) {
            int zeros = __builtin_clzll(word);
            columns[e] = (int32_t)(done + zeros - e);
            word &= ~(UINT64_C(1) << (63 - zeros));
        }
    }
    r->at += length;
    return e == count;
}

static bool read_columns(bit_reader *r, int64_t count, int64_t cols, int32_t *columns) {
    int low = low_bits(count, cols);
    if (count == cols) {
        for (int32_t c = 0; c < (int32_t)cols; c++)
            columns[c] = c;
        return true;
    }
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
    const float unit = ldexpf(1.0f, f->exponent);
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
            values[e] = (float)integer * unit;
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
