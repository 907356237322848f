#include "io/hdf5/read_driver.h"

#include "base/memory.h"
#include "io/hdf5/driver_base.h"
#include "io/system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct open_file {
    apd_h5_driver_file base; /* first */
    int descriptor;
    char *path; /* owned */
    dev_t device;
    ino_t number;
} open_file;

static _Thread_local int refused_number = 0;
static _Thread_local char refused_path[512];

void apd_h5_note_refused(int number, const char *path) {
    if (refused_number != 0)
        return;
    refused_number = number != 0 ? number : EIO;
    (void)snprintf(refused_path, sizeof refused_path, "%s", path);
}

int apd_h5_refused(void) {
    return refused_number;
}

apd_status apd_h5_check_refused(apd_status status, apd_error *error) {
    int number = refused_number;
    if (number == 0)
        return status;
    refused_number = 0;
    if (status != APD_OK && status != APD_ERROR_DATA && status != APD_ERROR_INTERNAL)
        return status;
    if (error != NULL)
        *error = (apd_error){0};
    return apd_fail_errno(error, number, "%s: cannot read", refused_path);
}

static H5FD_t *driver_open(const char *name, unsigned flags, hid_t access, haddr_t largest) {
    struct stat facts;
    (void)access;
    (void)largest;
    if ((flags & H5F_ACC_RDWR) != 0)
        return NULL;
    int descriptor = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0) {
        if (!apd_errno_is_absence(errno))
            apd_h5_note_refused(errno, name);
        return NULL;
    }
    bool found = fstat(descriptor, &facts) == 0;
    if (!found)
        apd_h5_note_refused(errno, name);
    if (!found || !S_ISREG(facts.st_mode)) {
        (void)close(descriptor);
        return NULL;
    }
    open_file *file = apd_allocate(1, sizeof *file, "an HDF5 file");
    file->descriptor = descriptor;
    file->path = apd_duplicate_text(name);
    file->base.end = (haddr_t)facts.st_size;
    file->device = facts.st_dev;
    file->number = facts.st_ino;
    return &file->base.hdf5;
}

static herr_t driver_close(H5FD_t *base) {
    open_file *file = (open_file *)base;
    (void)close(file->descriptor); /* nothing was written */
    free(file->path);
    free(file);
    return 0;
}

/* HDF5 asks whether a file is open already. */
static int driver_compare(const H5FD_t *left, const H5FD_t *right) {
    const open_file *a = (const open_file *)left, *b = (const open_file *)right;
    if (a->device != b->device)
        return a->device < b->device ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

static herr_t driver_query(const H5FD_t *base, unsigned long *flags) {
    (void)base;
    *flags = H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
    return 0;
}

/* Bytes beyond the end read as zeros, as in HDF5's own drivers. */
static herr_t driver_read(H5FD_t *base, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
                          void *buffer) {
    open_file *file = (open_file *)base;
    unsigned char *bytes = buffer;
    size_t done = 0;
    (void)type;
    (void)transfer;
    if (address > (haddr_t)INT64_MAX || size > (size_t)INT64_MAX - (size_t)address)
        return -1;
    while (done < size) {
        ssize_t got = pread(file->descriptor, bytes + done, size - done, (off_t)(address + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            apd_h5_note_refused(errno, file->path);
            return -1;
        }
        if (got == 0)
            break;
        done += (size_t)got;
    }
    memset(bytes + done, 0, size - done);
    return 0;
}

static herr_t driver_write(H5FD_t *base, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
                           const void *buffer) {
    (void)base;
    (void)type;
    (void)transfer;
    (void)address;
    (void)size;
    (void)buffer;
    return -1;
}

herr_t apd_h5_read_driver_use(hid_t access) {
    static hid_t registered = -1;
    H5FD_class_t driver = apd_h5_driver_class(601, "apd-read");
    driver.open = driver_open;
    driver.close = driver_close;
    driver.cmp = driver_compare;
    driver.query = driver_query;
    driver.read = driver_read;
    driver.write = driver_write;
    return apd_h5_driver_set(access, &driver, &registered, NULL);
}
