#include "mpi/gram_row.h"

#include "base/memory.h"

#include <cblas.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TILE          128 /* vectors a side of a dense tile */
#define DENSE_COLUMNS 4096

/* A dense product costs this share of a sparse one (measured: 0.08 and 1 ns a pair and column). */
#define DENSE_COST 0.1

/* Values are split as q = high * 2^16 + low, |low| <= 2^15, |high| <= 2^15: products of the parts, and of
 * high + low, added over DENSE_COLUMNS columns are below 2^53, so exact in double. */
#define HALF_BITS 16

/* --- start and end ------------------------------------------------------------------------------------ */

void apd_gram_row_init(apd_gram_row *row, const apd_gram_source *source, const bool *changed, int known) {
    int vectors = source->vectors;
    *row = (apd_gram_row){.vectors = vectors, .cols = source->cols};
    row->changed = apd_allocate(vectors, sizeof *row->changed, "the changed vectors");
    row->row_start = apd_allocate(vectors, sizeof *row->row_start, "the triangle's rows");
    row->columns = apd_allocate(row->cols, sizeof *row->columns, "a vector's row");
    row->values = apd_allocate(row->cols, sizeof *row->values, "a vector's row");
    row->starts = apd_allocate(row->cols + 1, sizeof *row->starts, "a row's columns");
    row->movers = apd_allocate(vectors, sizeof *row->movers, "a column's changed vectors");
    for (int v = 0; v < vectors; v++) {
        row->changed[v] = changed == NULL || v >= known || changed[v];
        row->row_start[v] = apd_gram_row_start(vectors, v);
    }
}

void apd_gram_row_clear(apd_gram_row *row) {
    free(row->changed);
    free(row->row_start);
    free(row->columns);
    free(row->values);
    free(row->entry_columns);
    free(row->gathered);
    free(row->entries);
    free(row->starts);
    free(row->movers);
    free(row->dense);
    free(row->tile);
    *row = (apd_gram_row){0};
}

/* --- reading ------------------------------------------------------------------------------------------ */

static void make_room(apd_gram_row *row, int64_t more) {
    int64_t old = row->capacity, needed = row->count + more;
    if (needed <= old)
        return;
    row->capacity = needed > 2 * old ? needed : 2 * old;
    row->entry_columns =
        apd_reallocate(row->entry_columns, old, row->capacity, sizeof *row->entry_columns, "a row's entries");
    row->gathered =
        apd_reallocate(row->gathered, old, row->capacity, sizeof *row->gathered, "a row's entries");
    row->entries = apd_reallocate(row->entries, old, row->capacity, sizeof *row->entries, "a row's entries");
}

/* Append one vector's row, and count its columns in starts[column + 1]. */
static void append(apd_gram_row *row, int vector, int64_t count, double scale) {
    make_room(row, count);
    for (int64_t k = 0; k < count; k++) {
        int32_t value = (int32_t)lrint(row->values[k] * scale);
        if (value == 0)
            continue;
        row->entry_columns[row->count] = row->columns[k];
        row->gathered[row->count++] = (apd_gram_entry){.vector = vector, .value = value};
        row->starts[row->columns[k] + 1]++;
    }
}

/* A counting sort by column; within a column vectors stay ascending. */
static void sort_by_column(apd_gram_row *row) {
    for (int64_t c = 0; c < row->cols; c++)
        row->starts[c + 1] += row->starts[c];
    for (int64_t k = 0; k < row->count; k++)
        row->entries[row->starts[row->entry_columns[k]]++] = row->gathered[k];
    /* every start has moved to the next column's */
    memmove(row->starts + 1, row->starts, (size_t)row->cols * sizeof *row->starts);
    row->starts[0] = 0;
}

void apd_gram_row_read(apd_gram_row *row, const apd_gram_source *source, int64_t index, int exponent) {
    double scale = ldexp(1.0, exponent);
    row->count = 0;
    memset(row->starts, 0, (size_t)(row->cols + 1) * sizeof *row->starts);
    for (int v = 0; v < row->vectors; v++) {
        int64_t count = source->row(source->context, v, index, row->columns, row->values);
        APD_ASSERT(count >= 0 && count <= row->cols);
        append(row, v, count, scale);
    }
    sort_by_column(row);
}

/* --- the sparse way ----------------------------------------------------------------------------------- */

static void add_products(int64_t *sums, int64_t value, const apd_gram_entry *entries, int64_t count) {
    for (int64_t k = 0; k < count; k++)
        sums[entries[k].vector] += value * entries[k].value;
}

/* The same for the entries at the given places alone. */
static void add_products_at(int64_t *sums, int64_t value, const apd_gram_entry *entries,
                            const int32_t *places, int64_t count) {
    for (int64_t k = 0; k < count; k++)
        sums[entries[places[k]].vector] += value * entries[places[k]].value;
}

static void add_column(const apd_gram_row *row, const apd_gram_entry *entries, int64_t count, int64_t *sums) {
    int64_t movers = 0, after = 0; /* changed vectors of this column, and the first behind entry k */
    for (int64_t k = 0; k < count; k++)
        if (row->changed[entries[k].vector])
            row->movers[movers++] = (int32_t)k;
    for (int64_t k = 0; after < movers; k++) {
        int64_t *at = sums + row->row_start[entries[k].vector];
        if (row->movers[after] == k) {
            add_products(at, entries[k].value, entries + k, count - k);
            after++;
        } else {
            add_products_at(at, entries[k].value, entries, row->movers + after, movers - after);
        }
    }
}

void apd_gram_row_add_sparse(const apd_gram_row *row, int64_t *sums) {
    for (int64_t c = 0; c < row->cols; c++)
        add_column(row, row->entries + row->starts[c], row->starts[c + 1] - row->starts[c], sums);
}

/* --- the dense way ------------------------------------------------------------------------------------ */

bool apd_gram_row_is_dense(const apd_gram_row *row) {
    double pairs = 0.0;
    for (int64_t c = 0; c < row->cols; c++) {
        double count = (double)(row->starts[c + 1] - row->starts[c]);
        pairs += count * count;
    }
    return pairs > DENSE_COST * (double)row->vectors * (double)row->vectors * (double)row->cols;
}

/* Of (high*2^16 + low)(high'*2^16 + low') the BLAS makes three products: of the highs, of the lows, and of
 * the sums, from which the mixed terms follow. */
typedef struct product_part {
    int high, low;  /* the part is high*h + low*l */
    int64_t factor; /* of its products in the whole */
} product_part;

static const product_part product_parts[] = {
    {1, 0, (INT64_C(1) << 2 * HALF_BITS) - (INT64_C(1) << HALF_BITS)},
    {0, 1, 1 - (INT64_C(1) << HALF_BITS)},
    {1, 1, INT64_C(1) << HALF_BITS},
};

static double part_of(const product_part *part, int32_t value) {
    int64_t low = (int16_t)(uint16_t)(uint32_t)value; /* the lowest 16 bits with their sign */
    int64_t high = (value - low) / (1 << HALF_BITS);
    return (double)(part->high * high + part->low * low);
}

static void fill_dense(apd_gram_row *row, const product_part *part, int64_t begin, int64_t end) {
    memset(row->dense, 0, (size_t)row->vectors * DENSE_COLUMNS * sizeof *row->dense);
    for (int64_t c = begin; c < end; c++)
        for (int64_t k = row->starts[c]; k < row->starts[c + 1]; k++)
            row->dense[(int64_t)row->entries[k].vector * DENSE_COLUMNS + (c - begin)] =
                part_of(part, row->entries[k].value);
}

/* Sums wrap around between the three parts and come out right in the end. */
static void add_tile(const apd_gram_row *row, int first_i, int first_j, int64_t factor, int64_t *sums) {
    int last_i = first_i + TILE < row->vectors ? first_i + TILE : row->vectors;
    int last_j = first_j + TILE < row->vectors ? first_j + TILE : row->vectors;
    for (int i = first_i; i < last_i; i++) {
        const double *products = row->tile + (int64_t)(i - first_i) * TILE;
        for (int j = i > first_j ? i : first_j; j < last_j; j++) {
            if (!row->changed[i] && !row->changed[j])
                continue;
            int64_t *sum = sums + row->row_start[i] + j;
            *sum = (int64_t)((uint64_t)*sum + (uint64_t)factor * (uint64_t)(int64_t)products[j - first_j]);
        }
    }
}

static void add_dense_part(apd_gram_row *row, const product_part *part, int columns, int64_t *sums) {
    for (int i = 0; i < row->vectors; i += TILE)
        for (int j = i; j < row->vectors; j += TILE) {
            int m = row->vectors - i < TILE ? row->vectors - i : TILE;
            int n = row->vectors - j < TILE ? row->vectors - j : TILE;
            cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, columns, 1.0,
                        row->dense + (int64_t)i * DENSE_COLUMNS, DENSE_COLUMNS,
                        row->dense + (int64_t)j * DENSE_COLUMNS, DENSE_COLUMNS, 0.0, row->tile, TILE);
            add_tile(row, i, j, part->factor, sums);
        }
}

void apd_gram_row_add_dense(apd_gram_row *row, int64_t *sums) {
    if (row->dense == NULL) {
        row->dense = apd_allocate((int64_t)row->vectors * DENSE_COLUMNS, sizeof *row->dense, "a dense row");
        row->tile = apd_allocate((int64_t)TILE * TILE, sizeof *row->tile, "a dense tile");
    }
    for (int64_t begin = 0; begin < row->cols; begin += DENSE_COLUMNS) {
        int64_t end = begin + DENSE_COLUMNS < row->cols ? begin + DENSE_COLUMNS : row->cols;
        for (size_t p = 0; p < sizeof product_parts / sizeof *product_parts; p++) {
            fill_dense(row, &product_parts[p], begin, end);
            add_dense_part(row, &product_parts[p], (int)(end - begin), sums);
        }
    }
}
