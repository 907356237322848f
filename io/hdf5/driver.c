#include "io/hdf5/driver.h"

#include "base/memory.h"
#include "io/hdf5/driver_base.h"
#include "io/system/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A write that the system refused. */
typedef struct kept {
    struct kept *next;
    haddr_t address;
    size_t size;
    unsigned char bytes[];
} kept;

typedef struct open_file {
    apd_h5_driver_file base; /* first */
    int descriptor;
    apd_h5_fault *fault;
    kept *first, *last; /* in the order of writing */
    size_t waiting;     /* bytes written since the disk was last told to begin */
} open_file;

static void note(open_file *file) {
    if (file->fault->number == 0)
        file->fault->number = errno != 0 ? errno : EIO;
}

static void keep(open_file *file, haddr_t address, size_t size, const void *bytes) {
    kept *piece = apd_allocate((int64_t)(sizeof *piece + size), 1, "what could not be written");
    *piece = (kept){.address = address, .size = size};
    memcpy(piece->bytes, bytes, size);
    if (file->last != NULL)
        file->last->next = piece;
    else
        file->first = piece;
    file->last = piece;
}

/* Let the disk begin with what has been written, while more is being made: a later fsync finds little left. */
static void begin_writeback(open_file *file, size_t written) {
#ifdef SYNC_FILE_RANGE_WRITE
    enum { PIECE = 4 << 20 };
    file->waiting += written;
    if (file->waiting < PIECE)
        return;
    file->waiting = 0;
    (void)sync_file_range(file->descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);
#else
    (void)file;
    (void)written;
#endif
}

/* `needed`: HDF5 may read it again. */
static void write_bytes(open_file *file, haddr_t address, size_t size, const unsigned char *bytes,
                        bool needed) {
    size_t done = 0;
    while (done < size && file->fault->number == 0) {
        errno = 0;
        size_t allowed = apd_fault_write(size - done);
        ssize_t put =
            allowed == 0 ? -1 : pwrite(file->descriptor, bytes + done, allowed, (off_t)(address + done));
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            note(file);
        else
            done += (size_t)put;
    }
    begin_writeback(file, done);
    if (done < size && needed)
        keep(file, address + done, size - done, bytes + done);
    if (address + size > file->base.end)
        file->base.end = address + size;
}

static H5FD_t *driver_open(const char *name, unsigned flags, hid_t access, haddr_t largest) {
    apd_h5_fault *const *fault = H5Pget_driver_info(access);
    (void)largest;
    if (fault == NULL)
        return NULL;
    int mode = O_RDWR | O_CLOEXEC | (flags & H5F_ACC_TRUNC ? O_TRUNC : 0) |
               (flags & H5F_ACC_CREAT ? O_CREAT : 0) | (flags & H5F_ACC_EXCL ? O_EXCL : 0);
    int descriptor = open(name, mode, 0666);
    struct stat facts;
    if (descriptor < 0 || fstat(descriptor, &facts) != 0) {
        (*fault)->number = errno;
        if (descriptor >= 0)
            (void)close(descriptor);
        return NULL;
    }
    open_file *file = apd_allocate(1, sizeof *file, "an HDF5 file");
    file->descriptor = descriptor;
    file->base.end = (haddr_t)facts.st_size;
    file->fault = *fault;
    file->fault->number = 0;
    if (file->fault->closed) /* HDF5 may open a file to see whether it is there, and once more to write it */
        (void)close(file->fault->descriptor);
    file->fault->closed = false;
    file->fault->descriptor = descriptor;
    return &file->base.hdf5;
}

static herr_t driver_close(H5FD_t *base) {
    open_file *file = (open_file *)base;
    file->fault->closed = true;
    while (file->first != NULL) {
        kept *next = file->first->next;
        free(file->first);
        file->first = next;
    }
    free(file);
    return 0;
}

static herr_t driver_query(const H5FD_t *base, unsigned long *flags) {
    (void)base;
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
             H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
    return 0;
}

static herr_t driver_get_handle(H5FD_t *base, hid_t access, void **handle) {
    (void)access;
    *handle = ((open_file *)base)->fault;
    return 0;
}

/* Lay the kept pieces over what was read from `address`. */
static void overlay(const open_file *file, haddr_t address, size_t size, unsigned char *bytes) {
    for (const kept *piece = file->first; piece != NULL; piece = piece->next) {
        haddr_t begin = piece->address > address ? piece->address : address;
        haddr_t piece_end = piece->address + piece->size, read_end = address + size;
        haddr_t end = piece_end < read_end ? piece_end : read_end;
        if (begin < end)
            memcpy(bytes + (begin - address), piece->bytes + (begin - piece->address), (size_t)(end - begin));
    }
}

static herr_t driver_read(H5FD_t *base, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
                          void *buffer) {
    open_file *file = (open_file *)base;
    unsigned char *bytes = buffer;
    size_t done = 0;
    (void)type;
    (void)transfer;
    memset(bytes, 0, size); /* what lies beyond the end reads as zeros, as in HDF5's own drivers */
    while (done < size) {
        errno = 0;
        ssize_t got = pread(file->descriptor, bytes + done, size - done, (off_t)(address + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            note(file);
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    overlay(file, address, size, bytes);
    return 0;
}

static herr_t driver_write(H5FD_t *base, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
                           const void *buffer) {
    (void)transfer;
    write_bytes((open_file *)base, address, size, buffer, type != H5FD_MEM_DRAW);
    return 0;
}

static herr_t driver_truncate(H5FD_t *base, hid_t transfer, hbool_t closing) {
    open_file *file = (open_file *)base;
    (void)transfer;
    (void)closing;
    if (file->base.end == file->base.allocated)
        return 0;
    errno = 0;
    if (file->fault->number == 0 && ftruncate(file->descriptor, (off_t)file->base.allocated) != 0)
        note(file);
    file->base.end = file->base.allocated;
    return 0;
}

herr_t apd_h5_driver_use(hid_t access, apd_h5_fault *fault) {
    static hid_t registered = -1;
    H5FD_class_t driver = apd_h5_driver_class(600, "apd");
    driver.fapl_size = sizeof(apd_h5_fault *);
    driver.open = driver_open;
    driver.close = driver_close;
    driver.get_handle = driver_get_handle;
    driver.truncate = driver_truncate;
    driver.query = driver_query;
    driver.read = driver_read;
    driver.write = driver_write;
    return apd_h5_driver_set(access, &driver, &registered, (const void *)&fault);
}

apd_h5_fault *apd_h5_driver_fault(hid_t file) {
    void *handle = NULL;
    return H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) >= 0 ? handle : NULL;
}
