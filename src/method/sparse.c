#include "method/sparse.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

int64_t apd_sparse_capacity(int64_t entries) {
    enum { STEP = 1024 };
    return entries < STEP ? entries : (entries + STEP - 1) / STEP * STEP;
}

int64_t apd_sparse_bytes(int64_t rows, int64_t entries) {
    return (rows + 1) * (int64_t)sizeof(int64_t) +
           apd_sparse_capacity(entries) * (int64_t)(sizeof(int32_t) + sizeof(float));
}

void apd_sparse_resize(apd_sparse *sparse, int64_t rows, int64_t entries) {
    apd_sparse_clear(sparse);
    sparse->rows = rows;
    sparse->capacity = apd_sparse_capacity(entries);
    sparse->offsets = apd_allocate(rows + 1, sizeof *sparse->offsets, "tau's rows");
    sparse->columns = apd_allocate(sparse->capacity, sizeof *sparse->columns, "tau's columns");
    sparse->values = apd_allocate(sparse->capacity, sizeof *sparse->values, "tau's values");
}

void apd_sparse_clear(apd_sparse *sparse) {
    free(sparse->offsets);
    free(sparse->columns);
    free(sparse->values);
    *sparse = (apd_sparse){0};
}

/* Reallocate for `capacity` entries; the first `entries` are in use. */
static void set_capacity(apd_sparse *sparse, int64_t entries, int64_t capacity) {
    sparse->columns =
        apd_reallocate(sparse->columns, entries, capacity, sizeof *sparse->columns, "tau's columns");
    sparse->values =
        apd_reallocate(sparse->values, entries, capacity, sizeof *sparse->values, "tau's values");
    sparse->capacity = capacity;
}

void apd_sparse_insert(apd_sparse *sparse, const apd_sparse_entry *added, int64_t count) {
    enum { SPARE = 64 }; /* so that most insertions need no reallocation */
    int64_t end = sparse->offsets[sparse->rows];
    if (end + count > sparse->capacity)
        set_capacity(sparse, end, apd_sparse_capacity(end + count + SPARE));
    for (int64_t k = count; k-- > 0;) { /* from the right: entries behind insertion k move by k+1 */
        int64_t from = added[k].before;
        memmove(sparse->columns + from + k + 1, sparse->columns + from,
                (size_t)(end - from) * sizeof *sparse->columns);
        memmove(sparse->values + from + k + 1, sparse->values + from,
                (size_t)(end - from) * sizeof *sparse->values);
        sparse->columns[from + k] = added[k].column;
        sparse->values[from + k] = added[k].value;
        end = from;
    }
    for (int64_t r = 0, k = 0; r < sparse->rows; r++) {
        while (k < count && added[k].row <= r)
            k++;
        sparse->offsets[r + 1] += k;
    }
}

int64_t apd_find_column(const int32_t *columns, int64_t count, int32_t column) {
    int64_t low = 0, high = count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (columns[middle] < column)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

apd_sparse_writer apd_sparse_begin(int64_t rows, int64_t entries) {
    apd_sparse_writer writer = {0};
    apd_sparse_resize(&writer.sparse, rows, entries);
    return writer;
}

void apd_sparse_reserve(apd_sparse_writer *writer, int64_t count) {
    enum { LEAST = 64 };
    apd_sparse *sparse = &writer->sparse;
    int64_t needed = writer->count + count, doubled = 2 * sparse->capacity;
    if (needed <= sparse->capacity)
        return;
    needed = needed > doubled ? needed : doubled;
    set_capacity(sparse, writer->count, needed > LEAST ? needed : LEAST);
}

void apd_sparse_copy_rows(apd_sparse_writer *writer, const apd_sparse *from, int64_t first, int64_t last) {
    int64_t begin = from->offsets[first], count = from->offsets[last] - begin;
    apd_sparse_reserve(writer, count);
    memcpy(writer->sparse.columns + writer->count, from->columns + begin, (size_t)count * sizeof(int32_t));
    memcpy(writer->sparse.values + writer->count, from->values + begin, (size_t)count * sizeof(float));
    for (int64_t r = first; r < last; r++)
        writer->sparse.offsets[r + 1] = writer->count + from->offsets[r + 1] - begin;
    writer->count += count;
}

apd_sparse apd_sparse_end(apd_sparse_writer *writer) {
    int64_t capacity = apd_sparse_capacity(writer->count);
    if (capacity != writer->sparse.capacity)
        set_capacity(&writer->sparse, writer->count, capacity);
    return writer->sparse;
}
