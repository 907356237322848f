#include "io/hdf5/chunk.h"

#include "base/memory.h"
#include "io/hdf5/fletcher.h"

#include <stdlib.h>
#include <string.h>

enum { SUM = 4 }; /* bytes of the checksum behind a chunk, lowest first */

static void put_sum(unsigned char *at, uint32_t sum) {
    for (int i = 0; i < SUM; i++)
        at[i] = (unsigned char)(sum >> 8 * i);
}

static uint32_t get_sum(const unsigned char *at) {
    uint32_t sum = 0;
    for (int i = 0; i < SUM; i++)
        sum |= (uint32_t)at[i] << 8 * i;
    return sum;
}

static int64_t rows_there(const apd_h5_chunks *chunks, int64_t first) {
    return chunks->rows - first < chunks->chunk ? chunks->rows - first : chunks->chunk;
}

int64_t apd_h5_chunk_bytes(const apd_h5_chunks *chunks) {
    return chunks->chunk * chunks->row_bytes + SUM;
}

bool apd_h5_chunk_write(hid_t set, const apd_h5_chunks *chunks, int64_t first, int64_t rows,
                        unsigned char *piece) {
    int64_t size = chunks->chunk * chunks->row_bytes, filled = rows * chunks->row_bytes;
    hsize_t offset[2] = {(hsize_t)first, 0};
    memset(piece + filled, 0, (size_t)(size - filled));
    put_sum(piece + size, apd_fletcher32(piece, (size_t)size));
    return H5Dwrite_chunk(set, H5P_DEFAULT, 0, offset, (size_t)(size + SUM), piece) >= 0;
}

/* A chunk into `piece`, which has room for it and its checksum. */
static bool read_chunk(hid_t set, const hsize_t *offset, int64_t size, unsigned char *piece) {
    hsize_t stored = 0;
    uint32_t skipped = 0; /* filters */
    return H5Dget_chunk_storage_size(set, offset, &stored) >= 0 && stored == (hsize_t)(size + SUM) &&
           H5Dread_chunk(set, H5P_DEFAULT, offset, &skipped, piece) >= 0 && skipped == 0 &&
           get_sum(piece + size) == apd_fletcher32(piece, (size_t)size);
}

bool apd_h5_chunks_read(hid_t set, const apd_h5_chunks *chunks, void *bytes) {
    int64_t size = chunks->chunk * chunks->row_bytes;
    unsigned char *piece = apd_allocate_bytes(size + SUM, "a chunk");
    bool good = true;
    for (int64_t r = 0; good && r < chunks->rows; r += chunks->chunk) {
        hsize_t offset[2] = {(hsize_t)r, 0};
        good = read_chunk(set, offset, size, piece);
        if (good)
            memcpy((unsigned char *)bytes + r * chunks->row_bytes, piece,
                   (size_t)(rows_there(chunks, r) * chunks->row_bytes));
    }
    free(piece);
    return good;
}
