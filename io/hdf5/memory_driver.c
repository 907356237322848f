#include "io/hdf5/memory_driver.h"

#include "base/memory.h"

#include <H5FDpublic.h>
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif
#include <stdlib.h>
#include <string.h>

typedef struct open_file {
    H5FD_t base; /* HDF5's own part: first */
    apd_h5_memory *memory;
    haddr_t allocated; /* HDF5's "eoa" */
} open_file;

void apd_h5_memory_reserve(apd_h5_memory *memory, int64_t bytes) {
    if (bytes <= memory->capacity)
        return;
    int64_t grown = bytes < 2 * memory->capacity ? 2 * memory->capacity : bytes;
    memory->bytes = apd_reallocate(memory->bytes, memory->capacity, grown, 1, "an HDF5 file in memory");
    memory->capacity = grown;
}

void apd_h5_memory_clear(apd_h5_memory *memory) {
    free(memory->bytes);
    *memory = (apd_h5_memory){0};
}

static H5FD_t *memory_open(const char *name, unsigned flags, hid_t access, haddr_t largest) {
    apd_h5_memory *const *memory = H5Pget_driver_info(access);
    (void)name;
    (void)largest;
    if (memory == NULL)
        return NULL;
    open_file *file = apd_allocate(1, sizeof *file, "an HDF5 file");
    file->memory = *memory;
    if (flags & H5F_ACC_TRUNC)
        apd_h5_memory_clear(file->memory);
    return &file->base;
}

static herr_t memory_close(H5FD_t *base) {
    free(base);
    return 0;
}

static herr_t memory_query(const H5FD_t *base, unsigned long *flags) {
    (void)base;
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA;
    return 0;
}

static haddr_t memory_get_allocated(const H5FD_t *base, H5FD_mem_t type) {
    (void)type;
    return ((const open_file *)base)->allocated;
}

static herr_t memory_set_allocated(H5FD_t *base, H5FD_mem_t type, haddr_t address) {
    (void)type;
    ((open_file *)base)->allocated = address;
    return 0;
}

static haddr_t memory_get_end(const H5FD_t *base, H5FD_mem_t type) {
    (void)type;
    return (haddr_t)((const open_file *)base)->memory->size;
}

static herr_t memory_read(H5FD_t *base, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
                          void *buffer) {
    const apd_h5_memory *memory = ((open_file *)base)->memory;
    size_t there = address < (haddr_t)memory->size ? (size_t)((haddr_t)memory->size - address) : 0;
    (void)type;
    (void)transfer;
    there = there < size ? there : size;
    if (there > 0)
        memcpy(buffer, memory->bytes + address, there);
    memset((unsigned char *)buffer + there, 0, size - there);
    return 0;
}

static herr_t memory_write(H5FD_t *base, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
                           const void *buffer) {
    apd_h5_memory *memory = ((open_file *)base)->memory;
    int64_t end = (int64_t)(address + size);
    (void)type;
    (void)transfer;
    apd_h5_memory_reserve(memory, end);
    memcpy(memory->bytes + address, buffer, size);
    memory->size = end > memory->size ? end : memory->size;
    return 0;
}

herr_t apd_h5_memory_use(hid_t access, apd_h5_memory *memory) {
    static const H5FD_class_t driver = {
#ifdef H5FD_CLASS_VERSION
        .version = H5FD_CLASS_VERSION,
        .value = (H5FD_class_value_t)602, /* of the range for drivers of one's own */
#endif
        .name = "apd-memory",
        .maxaddr = ((haddr_t)1 << (8 * sizeof(off_t) - 1)) - 1,
        .fc_degree = H5F_CLOSE_WEAK,
        .fapl_size = sizeof(apd_h5_memory *),
        .open = memory_open,
        .close = memory_close,
        .query = memory_query,
        .get_eoa = memory_get_allocated,
        .set_eoa = memory_set_allocated,
        .get_eof = memory_get_end,
        .read = memory_read,
        .write = memory_write,
        .fl_map = H5FD_FLMAP_DICHOTOMY,
    };
    static hid_t registered = -1; /* kept until the process ends, as in driver.c */
    if (registered < 0)
        registered = H5FDregister(&driver);
    return registered < 0 ? -1 : H5Pset_driver(access, registered, (const void *)&memory);
}
