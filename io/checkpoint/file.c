#include "io/checkpoint/file.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/thread.h"
#include "io/hdf5/h5.h"
#include "io/system/durable.h"
#include "io/system/fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct apd_checkpoint_file {
    char *path;
    bool made; /* the file, and nobody else made it: */
    dev_t device;
    ino_t inode;
    bool stays; /* on the disk when this is destroyed */
    apd_h5_fault fault;
    apd_h5_pages pages; /* what was written */
    hid_t file;
    apd_checkpoint_out root;
    pthread_t syncing; /* a thread that waits for the disk */
    bool waits;        /* for it */
    apd_status synced; /* and read back */
    apd_error sync_error;
};

static apd_status fail_step(const apd_checkpoint_file *file, const char *step, apd_error *error) {
    if (file->fault.number == EEXIST)
        return apd_fail(error, APD_ERROR_LOCKED,
                        "%s: another job has made this file; nothing is overwritten: see that one job alone "
                        "writes here, and start it again",
                        file->path);
    if (file->fault.number != 0)
        return apd_fail_errno(error, file->fault.number, "%s: cannot %s", file->path, step);
    char reason[256];
    apd_h5_reason(reason, sizeof reason);
    return apd_fail(error, APD_ERROR_INTERNAL, "%s: cannot %s (HDF5: %s)", file->path, step, reason);
}

static apd_status create(apd_checkpoint_file *file, apd_error *error) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), make = H5Pcreate(H5P_FILE_CREATE);
    /* Format 1.10: its metadata carry checksums. Attributes in the object's header, as they are few. */
    if (access >= 0 && make >= 0 && H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110) >= 0 &&
        apd_h5_driver_use(access, &file->fault) >= 0 && H5Pset_obj_track_times(make, false) >= 0 &&
        H5Pset_attr_phase_change(make, 32, 16) >= 0)
        file->file = file->fault.begin != NULL ? H5Fopen(file->path, H5F_ACC_RDWR, access)
                                               : H5Fcreate(file->path, H5F_ACC_EXCL, make, access);
    apd_status status = file->file >= 0 ? APD_OK : fail_step(file, "create the file", error);
    if (make >= 0)
        (void)H5Pclose(make);
    if (access >= 0)
        (void)H5Pclose(access);
    return status;
}

/* Nobody else's file is removed, even where another job has taken this one away. */
static void note_identity(apd_checkpoint_file *file) {
    struct stat facts;
    file->made = (file->file >= 0 || file->fault.closed) && fstat(file->fault.descriptor, &facts) == 0;
    if (!file->made)
        return;
    file->device = facts.st_dev;
    file->inode = facts.st_ino;
}

static bool is_ours(const apd_checkpoint_file *file) {
    struct stat facts;
    return file->made && lstat(file->path, &facts) == 0 && facts.st_dev == file->device &&
           facts.st_ino == file->inode;
}

apd_status apd_checkpoint_file_create(const char *path, const apd_h5_image *begin, apd_checkpoint_file **out,
                                      apd_error *error) {
    apd_checkpoint_file *file = apd_allocate(1, sizeof *file, "a file of the checkpoint");
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    file->path = apd_duplicate_text(path);
    file->root.id = file->file = -1;
    file->fault.pages = &file->pages;
    file->fault.begin = begin;
    apd_status status = create(file, error);
    note_identity(file);
    if (status != APD_OK) {
        apd_checkpoint_file_destroy(file);
        return status;
    }
    apd_fault_point("file.created");
    file->root = (apd_checkpoint_out){.id = H5Gopen2(file->file, "/", H5P_DEFAULT),
                                      .path = file->path,
                                      .fault = &file->fault,
                                      .name = "/",
                                      .digest = apd_digest("/", 1)};
    *out = file;
    return APD_OK;
}

static void end_sync(apd_checkpoint_file *file) {
    if (file->waits)
        (void)pthread_join(file->syncing, NULL);
    file->waits = false;
}

void apd_checkpoint_file_destroy(apd_checkpoint_file *file) {
    if (file == NULL)
        return;
    end_sync(file);
    apd_checkpoint_put_abandon(&file->root);
    if (file->file >= 0)
        (void)H5Fclose(file->file);
    if (file->fault.closed)
        (void)close(file->fault.descriptor);
    if (!file->stays && is_ours(file))
        (void)unlink(file->path);
    apd_h5_pages_clear(&file->pages);
    free(file->path);
    free(file);
}

apd_checkpoint_out *apd_checkpoint_file_root(apd_checkpoint_file *file) {
    return &file->root;
}

const char *apd_checkpoint_file_path(const apd_checkpoint_file *file) {
    return file->path;
}

/* What the disk returns, not what we meant to write, decides whether the former commit may go. */
static apd_status sync_and_check(apd_checkpoint_file *file, apd_error *error) {
    apd_error found = {0};
    apd_status status = apd_sync_file(file->fault.descriptor, file->path, error);
    if (status == APD_OK) {
        status = apd_h5_pages_check(&file->pages, file->fault.descriptor, true, file->path, &found);
        if (status != APD_OK)
            (void)apd_fail(error, status, "cannot verify what was written: %s", found.message);
    }
    file->fault.closed = false; /* a commit may have more files than a process may have open */
    if (close(file->fault.descriptor) != 0 && status == APD_OK)
        status = apd_fail_errno(error, errno, "%s: cannot close", file->path);
    return status;
}

static void *bring_to_disk(void *context) {
    apd_checkpoint_file *file = context;
    file->synced = sync_and_check(file, &file->sync_error);
    return NULL;
}

/* Where no thread is to be had the caller waits. */
static void begin_sync(apd_checkpoint_file *file) {
    file->waits = apd_thread_start(&file->syncing, "apd-sync", bring_to_disk, file) == 0;
    if (!file->waits)
        (void)bring_to_disk(file);
}

static apd_status close_file(apd_checkpoint_file *file, apd_error *error) {
    apd_checkpoint_put_abandon(&file->root);
    if (H5Fflush(file->file, H5F_SCOPE_GLOBAL) < 0 || file->fault.number != 0)
        return fail_step(file, "flush", error);
    herr_t closed = H5Fclose(file->file);
    file->file = -1;
    return closed < 0 || file->fault.number != 0 || !file->fault.closed ? fail_step(file, "close", error)
                                                                        : APD_OK;
}

apd_status apd_checkpoint_file_take(apd_checkpoint_file *file, apd_h5_image *image, apd_error *error) {
    APD_TRY(close_file(file, error));
    APD_TRY(apd_h5_pages_check(&file->pages, file->fault.descriptor, false, file->path, error));
    int64_t size = file->pages.size, done = 0;
    unsigned char *bytes = apd_allocate_bytes(size, "a file's bytes");
    while (done < size) {
        ssize_t got = pread(file->fault.descriptor, bytes + done, (size_t)(size - done), (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            free(bytes);
            return apd_fail_errno(error, got < 0 ? errno : EIO, "%s: cannot read it back", file->path);
        }
        done += got;
    }
    *image = (apd_h5_image){.bytes = bytes, .size = size};
    return APD_OK;
}

apd_status apd_checkpoint_file_finish(apd_checkpoint_file *file, int64_t *bytes, apd_error *error) {
    apd_fault_point("file.written");
    APD_TRY(close_file(file, error));
    *bytes += file->pages.size;
    begin_sync(file);
    return APD_OK;
}

apd_status apd_checkpoint_file_wait(apd_checkpoint_file *file, apd_error *error) {
    if (file == NULL)
        return APD_OK;
    end_sync(file);
    apd_fault_point("file.synced");
    return file->synced == APD_OK ? APD_OK : apd_fail(error, file->synced, "%s", file->sync_error.message);
}

apd_status apd_checkpoint_file_publish(apd_checkpoint_file *file, const char *path, apd_error *error) {
    if (!is_ours(file))
        return apd_fail(
            error, APD_ERROR_LOCKED,
            "%s: another job has replaced this file; nothing is published: see that one job alone "
            "writes here",
            file->path);
    if (rename(file->path, path) != 0)
        return apd_fail_errno(error, errno, "%s: cannot rename to %s", file->path, path);
    file->stays = true;
    return apd_sync_folder_of(path, error);
}

bool apd_checkpoint_file_stays(const apd_checkpoint_file *file) {
    return file->stays;
}

void apd_checkpoint_file_release(apd_checkpoint_file *file) {
    if (file != NULL)
        file->stays = true;
}
