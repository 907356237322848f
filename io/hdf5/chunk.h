/* chunk: data sets in chunks with fletcher32, read and written without HDF5's filters.
 *
 * HDF5 copies every chunk twice and sums it a word at a time, which takes longer than the disk. These functions make and
 * check the same bytes: HDF5 reads what they write, and they read what HDF5 wrote. For data sets of rank 1 or 2 whose chunks
 * hold whole rows and whose elements have the same form in memory and in the file. Local. */
#ifndef APD_IO_HDF5_CHUNK_H
#define APD_IO_HDF5_CHUNK_H

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct apd_h5_chunks {
    int64_t rows;      /* of the data set */
    int64_t chunk;     /* rows of a chunk, > 0; the last one may extend beyond the end */
    int64_t row_bytes; /* of a row */
} apd_h5_chunks;

/* Bytes of a chunk with its checksum. */
int64_t apd_h5_chunk_bytes(const apd_h5_chunks *chunks);

/* Write the chunk of `rows` rows from row `first`. `piece` holds the rows and has room for a full chunk and its checksum.
 * False when HDF5 fails (its error stack says why) or the driver noted a refusal. */
bool apd_h5_chunk_write(hid_t set, const apd_h5_chunks *chunks, int64_t first, int64_t rows,
                        unsigned char *piece);

/* Read all rows into `bytes`. False when a chunk is missing, has another length or a wrong checksum (H5Dread says which),
 * or when the system refused a read. */
bool apd_h5_chunks_read(hid_t set, const apd_h5_chunks *chunks, void *bytes);

#endif
