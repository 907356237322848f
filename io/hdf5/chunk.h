/* h5_chunk: data sets in chunks with fletcher32, read and written past HDF5's filters.
 *
 * HDF5 copies every chunk twice and sums it a word at a time, which takes longer than the disk does. These make and
 * check the same bytes, so that HDF5 reads what they write and they read what HDF5 wrote. For data sets of rank 1 or
 * 2 whose chunks hold whole rows and whose elements lie in memory as in the file. Local. */
#ifndef APD_IO_HDF5_CHUNK_H
#define APD_IO_HDF5_CHUNK_H

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct apd_h5_chunks {
    int64_t rows;      /* of the data set */
    int64_t chunk;     /* rows of a chunk, > 0; those of the last one may lie beyond the end */
    int64_t row_bytes; /* of a row */
} apd_h5_chunks;

/* Bytes of a chunk with its checksum. */
int64_t apd_h5_chunk_bytes(const apd_h5_chunks *chunks);

/* The chunk of `rows` rows from row `first` on; `piece` has room for all of a chunk and its checksum, behind the rows
 * too. False: as HDF5's error stack says, or as its driver noted. */
bool apd_h5_chunk_write(hid_t set, const apd_h5_chunks *chunks, int64_t first, int64_t rows,
                        unsigned char *piece);

/* All rows to `bytes`. False: a chunk is missing, of another length, or its checksum is wrong; H5Dread says which. */
bool apd_h5_chunks_read(hid_t set, const apd_h5_chunks *chunks, void *bytes);

#endif
