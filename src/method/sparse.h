/* sparse: matrices in compressed sparse rows (CSR), which hold tau and the locally shared parameters sigma_g.
 *
 * Entries of a row are in ascending order of columns, each column at most once. Local throughout. */
#ifndef APD_METHOD_SPARSE_H
#define APD_METHOD_SPARSE_H

#include <stddef.h>
#include <stdint.h>

typedef struct apd_sparse {
    int64_t rows;
    int64_t *offsets; /* (rows+1): row r's entries are offsets[r] .. offsets[r+1]-1 */
    int32_t *columns; /* ascending within a row */
    float *values;
    int64_t capacity; /* entries that columns and values have memory for; 0 where that is not known */
} apd_sparse;

/* Entries that are allocated for `entries`: rounded up to a size class, so that memory freed by one task fits the
 * next. Thousands of tasks grow and shrink a little at a time. */
int64_t apd_sparse_capacity(int64_t entries);

/* Bytes of a matrix of this size. */
int64_t apd_sparse_bytes(int64_t rows, int64_t entries);

/* Replace `sparse` ({0} or in use) by a matrix of `rows` rows with memory for `entries` entries. The offsets are 0; the
 * caller writes offsets, columns and values. Free with apd_sparse_clear. */
void apd_sparse_resize(apd_sparse *sparse, int64_t rows, int64_t entries);
void apd_sparse_clear(apd_sparse *sparse);

/* An entry to insert. */
typedef struct apd_sparse_entry {
    int64_t row;
    int64_t
        before; /* index of the entry that it precedes: the first of its row to its right, or offsets[row+1] */
    int32_t column;
    float value;
} apd_sparse_entry;

/* Insert `count` entries that the matrix does not have, in ascending order of (row, column). Cost: the entries behind
 * the first of them. */
void apd_sparse_insert(apd_sparse *sparse, const apd_sparse_entry *added, int64_t count);

/* The index of the first of `count` ascending columns that is >= `column`; `count` if there is none. */
int64_t apd_find_column(const int32_t *columns, int64_t count, int32_t column);

/* --- reading a row from left to right ------------------------------------------------------------------- */

/* The entries of a row that are still ahead. {0}: none. */
typedef struct apd_sparse_cursor {
    const int32_t *columns;
    const float *values;
    int64_t left;
} apd_sparse_cursor;

static inline apd_sparse_cursor apd_sparse_row(const apd_sparse *sparse, int64_t row) {
    int64_t begin = sparse->offsets[row];
    return (apd_sparse_cursor){sparse->columns + begin, sparse->values + begin,
                               sparse->offsets[row + 1] - begin};
}

/* The next column; INT32_MAX at the end. */
static inline int32_t apd_sparse_next(const apd_sparse_cursor *cursor) {
    return cursor->left > 0 ? *cursor->columns : INT32_MAX;
}

static inline void apd_sparse_skip(apd_sparse_cursor *cursor, int64_t count) {
    cursor->columns += count;
    cursor->values += count;
    cursor->left -= count;
}

/* Skip the next entry if it is at `column`. Returns its value, or NULL. */
static inline const float *apd_sparse_take(apd_sparse_cursor *cursor, int32_t column) {
    if (apd_sparse_next(cursor) != column)
        return NULL;
    apd_sparse_skip(cursor, 1);
    return cursor->values - 1;
}

/* Skip the entries left of `column`. Returns the value at `column`, or NULL. The entry at `column` is not skipped. */
static inline const float *apd_sparse_seek(apd_sparse_cursor *cursor, int32_t column) {
    while (apd_sparse_next(cursor) < column)
        apd_sparse_skip(cursor, 1);
    return apd_sparse_next(cursor) == column ? cursor->values : NULL;
}

/* --- writing a matrix row by row ------------------------------------------------------------------------ */

typedef struct apd_sparse_writer {
    apd_sparse sparse;
    int64_t count; /* entries so far */
} apd_sparse_writer;

/* Begin a matrix of `rows` rows. `entries` is a hint: more may be written. */
apd_sparse_writer apd_sparse_begin(int64_t rows, int64_t entries);

/* Reserve memory for `count` more entries. */
void apd_sparse_reserve(apd_sparse_writer *writer, int64_t count);

/* Append an entry to the present row. */
static inline void apd_sparse_put(apd_sparse_writer *writer, int32_t column, float value) {
    if (writer->count == writer->sparse.capacity)
        apd_sparse_reserve(writer, 1);
    writer->sparse.columns[writer->count] = column;
    writer->sparse.values[writer->count++] = value;
}

/* Row `row` is complete. To be called for each row in order. */
static inline void apd_sparse_end_row(apd_sparse_writer *writer, int64_t row) {
    writer->sparse.offsets[row + 1] = writer->count;
}

/* Append rows first .. last-1 of `from` as they are. */
void apd_sparse_copy_rows(apd_sparse_writer *writer, const apd_sparse *from, int64_t first, int64_t last);

/* Finish: returns the matrix, which then belongs to the caller. */
apd_sparse apd_sparse_end(apd_sparse_writer *writer);

#endif
