#include "mpi/gram/row.h"

#include "base/memory.h"
#include "base/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Dense columns that are taken together. */
#define GROUP 8

/* The cost of a pair of vectors in a dense column relative to that of a pair of entries in a sparse one (measured with
 * 200 vectors: 0.2 and 1.3 ns). */
#define DENSE_COST 0.2

/* --- start and end ----------------------------------------------------------------------------------- */

void apd_gram_row_init(apd_gram_row *row, const apd_gram_source *source, const bool *changed, int known) {
    int vectors = source->vectors;
    *row = (apd_gram_row){.vectors = vectors, .cols = source->cols};
    row->changed = apd_allocate(vectors, sizeof *row->changed, "the changed vectors");
    row->row_start = apd_allocate(vectors, sizeof *row->row_start, "the triangle's rows");
    row->columns = apd_allocate(row->cols, sizeof *row->columns, "a vector's row");
    row->values = apd_allocate(row->cols, sizeof *row->values, "a vector's row");
    row->starts = apd_allocate(row->cols + 1, sizeof *row->starts, "a row's columns");
    row->movers = apd_allocate(vectors, sizeof *row->movers, "a column's changed vectors");
    row->dense = apd_allocate((int64_t)vectors * GROUP, sizeof *row->dense, "dense columns");
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
    *row = (apd_gram_row){0};
}

/* --- reading ----------------------------------------------------------------------------------------- */

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

/* Append one vector's row, and count its entries in starts[column + 1]. */
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
    /* each start has advanced to the next column's */
    memmove(row->starts + 1, row->starts, (size_t)row->cols * sizeof *row->starts);
    row->starts[0] = 0;
}

void apd_gram_row_read(apd_gram_row *row, const apd_gram_source *source, int64_t index, int exponent) {
    int half = exponent >> 1; /* rounded down */
    double scale = ldexp(exponent - 2 * half == 1 ? sqrt(2.0) : 1.0, half);
    row->count = 0;
    memset(row->starts, 0, (size_t)(row->cols + 1) * sizeof *row->starts);
    for (int v = 0; v < row->vectors; v++) {
        int64_t count = source->row(source->context, v, index, row->columns, row->values);
        APD_ASSERT(count >= 0 && count <= row->cols);
        append(row, v, count, scale);
    }
    sort_by_column(row);
}

/* --- sparse columns ---------------------------------------------------------------------------------- */

static void add_products(int64_t *sums, int64_t value, const apd_gram_entry *entries, int64_t count) {
    for (int64_t k = 0; k < count; k++)
        sums[entries[k].vector] += value * entries[k].value;
}

/* The same for the entries at the given indices alone. */
static void add_products_at(int64_t *sums, int64_t value, const apd_gram_entry *entries,
                            const int32_t *places, int64_t count) {
    for (int64_t k = 0; k < count; k++)
        sums[entries[places[k]].vector] += value * entries[places[k]].value;
}

static void add_column(const apd_gram_row *row, const apd_gram_entry *entries, int64_t count, int64_t *sums) {
    int64_t movers = 0, after = 0; /* the column's entries of changed vectors; those before entry k */
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

/* True if these columns are cheaper to take as dense. */
static bool is_dense(const apd_gram_row *row, int64_t begin, int64_t end) {
    double pairs = 0.0, vectors = row->vectors;
    for (int64_t c = begin; c < end; c++) {
        double count = (double)(row->starts[c + 1] - row->starts[c]);
        pairs += count * count;
    }
    return pairs > DENSE_COST * vectors * vectors * GROUP;
}

/* --- dense columns ----------------------------------------------------------------------------------- */

/* Add the products of GROUP columns in one pass over a row of the triangle. */
static void add_dense_vector(const apd_gram_row *row, int vector, int64_t *sums) {
    const int32_t *x[GROUP];
    int32_t value[GROUP];
    for (int c = 0; c < GROUP; c++) {
        x[c] = row->dense + (int64_t)c * row->vectors;
        value[c] = x[c][vector];
    }
    for (int j = vector; j < row->vectors; j++) {
        int64_t sum = 0;
        for (int c = 0; c < GROUP; c++)
            sum += (int64_t)value[c] * x[c][j];
        sums[j] += sum;
    }
}

/* The same for an unchanged vector: only its pairs with changed ones. */
static void add_dense_pairs(const apd_gram_row *row, int vector, int64_t *sums) {
    for (int j = vector + 1; j < row->vectors; j++)
        for (int c = 0; row->changed[j] && c < GROUP; c++) {
            const int32_t *x = row->dense + (int64_t)c * row->vectors;
            sums[j] += (int64_t)x[vector] * x[j];
        }
}

/* Columns begin .. end-1, at most GROUP of them; missing ones are zeros. */
static void add_dense(const apd_gram_row *row, int64_t begin, int64_t end, int64_t *sums) {
    memset(row->dense, 0, (size_t)row->vectors * GROUP * sizeof *row->dense);
    for (int64_t c = begin; c < end; c++)
        for (int64_t k = row->starts[c]; k < row->starts[c + 1]; k++)
            row->dense[(c - begin) * row->vectors + row->entries[k].vector] = row->entries[k].value;
    for (int v = 0; v < row->vectors; v++)
        if (row->changed[v])
            add_dense_vector(row, v, sums + row->row_start[v]);
        else
            add_dense_pairs(row, v, sums + row->row_start[v]);
}

void apd_gram_row_add(const apd_gram_row *row, int64_t *sums) {
    for (int64_t begin = 0; begin < row->cols; begin += GROUP) {
        int64_t end = begin + GROUP < row->cols ? begin + GROUP : row->cols;
        if (is_dense(row, begin, end))
            add_dense(row, begin, end, sums);
        else
            for (int64_t c = begin; c < end; c++)
                add_column(row, row->entries + row->starts[c], row->starts[c + 1] - row->starts[c], sums);
    }
}
