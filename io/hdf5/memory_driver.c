#include "io/hdf5/memory_driver.h"

#include "base/memory.h"
#include "io/hdf5/driver_base.h"

#include <stdlib.h>
#include <string.h>

typedef struct open_file {
    apd_h5_driver_file base; /* first */
    apd_h5_memory *memory;
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
    file->base.end = (haddr_t)file->memory->size;
    return &file->base.hdf5;
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
    open_file *file = (open_file *)base;
    apd_h5_memory *memory = file->memory;
    int64_t end = (int64_t)(address + size);
    (void)type;
    (void)transfer;
    apd_h5_memory_reserve(memory, end);
    memcpy(memory->bytes + address, buffer, size);
    memory->size = end > memory->size ? end : memory->size;
    file->base.end = (haddr_t)memory->size;
    return 0;
}

herr_t apd_h5_memory_use(hid_t access, apd_h5_memory *memory) {
    static hid_t registered = -1;
    H5FD_class_t driver = apd_h5_driver_class(602, "apd-memory");
    driver.fapl_size = sizeof(apd_h5_memory *);
    driver.open = memory_open;
    driver.close = memory_close;
    driver.query = memory_query;
    driver.read = memory_read;
    driver.write = memory_write;
    return apd_h5_driver_set(access, &driver, &registered, (const void *)&memory);
}
