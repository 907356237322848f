#include "io/hdf5/h5.h"

#include "base/memory.h"
#include "io/hdf5/driver.h"
#include "io/hdf5/read_driver.h"
#include "io/system/durable.h"
#include "io/system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* HDF5 keeps a damaged file that it fails to close, and crashes on it when it cleans up: as the process exits, or,
 * when it was started after MPI, in MPI_Finalize. All files are closed by us, so it is started first and told not
 * to clean up. */
__attribute__((constructor)) static void start_hdf5(void) {
    (void)H5dont_atexit();
    (void)H5open();
}

typedef struct reason_text {
    char *text;
    size_t size;
} reason_text;

static herr_t take_first(unsigned depth, const H5E_error2_t *entry, void *context) {
    reason_text *reason = context;
    if (depth == 0 && entry->desc != NULL)
        (void)snprintf(reason->text, reason->size, "%s", entry->desc);
    return 0;
}

void apd_h5_reason(char *text, size_t size) {
    reason_text reason = {text, size};
    (void)snprintf(text, size, "no reason given");
    (void)H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_first, &reason);
}

void apd_h5_locate(hid_t place, const char *name, char *text, size_t size) {
    char file[512] = "?", object[256] = "";
    (void)H5Fget_name(place, file, sizeof file);
    (void)H5Iget_name(place, object, sizeof object);
    if (name == NULL)
        (void)snprintf(text, size, "%s: %s", file, object);
    else
        (void)snprintf(text, size, "%s: %s%s%s", file, object,
                       name[0] == '/' || object[0] == '\0' || object[strlen(object) - 1] == '/' ? "" : "/",
                       name[0] == '/' && object[0] != '\0' ? name + 1 : name);
}

apd_status apd_h5_fail(apd_error *error, apd_status status, hid_t place, const char *name, const char *what) {
    char reason[256], where[800];
    apd_h5_reason(reason, sizeof reason);
    apd_h5_locate(place, name, where, sizeof where);
    status = apd_fail(error, status, "%s: cannot %s (HDF5: %s)", where, what, reason);
    return status == APD_ERROR_DATA ? apd_h5_check_refused(status, error) : status;
}

/* --- files ------------------------------------------------------------------------------------------- */

static hid_t access_list(void) {
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    bool good = list >= 0 && H5Pset_fclose_degree(list, H5F_CLOSE_STRONG) >= 0 &&
                H5Pset_libver_bounds(list, H5F_LIBVER_V110, H5F_LIBVER_LATEST) >= 0;
#if H5_VERSION_GE(1, 10, 7)
    good = good && H5Pset_file_locking(list, false, true) >= 0;
#endif
    if (!good)
        apd_fatal(APD_ERROR_INTERNAL, "HDF5 does not start: cannot make a file access list");
    return list;
}

static apd_status fail_file(apd_error *error, apd_status status, const char *path, const char *what) {
    char reason[256];
    apd_h5_reason(reason, sizeof reason);
    return apd_fail(error, status, "%s: cannot %s (HDF5: %s)", path, what, reason);
}

static apd_status fail_system(apd_error *error, const char *path, const char *what,
                              const apd_h5_fault *fault) {
    return apd_fail_errno(error, fault->number, "%s: cannot %s", path, what);
}

apd_status apd_h5_create(const char *path, hid_t *file, apd_error *error) {
    hid_t list = access_list(), made = -1;
    apd_h5_fault *fault = apd_allocate(1, sizeof *fault, "an HDF5 file");
    if (apd_h5_driver_use(list, fault) >= 0)
        made = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, list);
    apd_status status = APD_OK;
    if (made >= 0)
        *file = made; /* and its driver has the fault, until apd_h5_close */
    else if (fault->number != 0)
        status = fail_system(error, path, "create the file", fault);
    else
        status = fail_file(error, APD_ERROR_IO, path, "create the file");
    (void)H5Pclose(list);
    if (status != APD_OK) {
        if (fault->closed)
            (void)close(fault->descriptor);
        free(fault);
    }
    return status;
}

apd_status apd_h5_open(const char *path, hid_t *file, apd_error *error) {
    int probe;
    APD_TRY(apd_file_open(path, &probe, error)); /* says why not, which HDF5 does not */
    (void)close(probe);
    hid_t list = access_list();
    hid_t opened = apd_h5_read_driver_use(list) >= 0 ? H5Fopen(path, H5F_ACC_RDONLY, list) : -1;
    apd_status status = APD_OK;
    if (opened < 0) {
        status = fail_file(error, APD_ERROR_DATA, path, "open as HDF5: not such a file, or damaged");
        status = apd_h5_check_refused(status, error);
    }
    (void)H5Pclose(list);
    if (status == APD_OK)
        *file = opened;
    return status;
}

/* Of a file from apd_h5_create; NULL of one from apd_h5_open, which is read-only. */
static apd_h5_fault *fault_of(hid_t file) {
    unsigned intent = H5F_ACC_RDONLY;
    if (H5Fget_intent(file, &intent) < 0 || (intent & H5F_ACC_RDWR) == 0)
        return NULL;
    return apd_h5_driver_fault(file);
}

/* Sync what was written without a fault, and close it. */
static apd_status end_file(int descriptor, const char *path, apd_status status, apd_error *error) {
    if (status == APD_OK)
        status = apd_sync_file(descriptor, path, error);
    if (close(descriptor) != 0 && status == APD_OK)
        status = apd_fail_errno(error, errno, "%s: cannot close the file", path);
    return status;
}

apd_status apd_h5_close(hid_t *file, const char *path, apd_error *error) {
    if (*file < 0)
        return APD_OK;
    apd_h5_fault *fault = fault_of(*file);
    herr_t closed = H5Fclose(*file);
    *file = -1;
    apd_status status = APD_OK;
    if (fault != NULL && fault->number != 0)
        status = fail_system(error, path, "write the file", fault);
    else if (closed < 0)
        status = fail_file(error, APD_ERROR_IO, path, "close the file");
    if (fault != NULL && fault->closed)
        status = end_file(fault->descriptor, path, status, error);
    if (closed >= 0) /* else the driver may still be asked to write */
        free(fault);
    return status;
}

/* --- groups and links -------------------------------------------------------------------------------- */

static hid_t link_list(void) {
    hid_t list = H5Pcreate(H5P_LINK_CREATE);
    if (list < 0 || H5Pset_create_intermediate_group(list, 1) < 0)
        apd_fatal(APD_ERROR_INTERNAL, "HDF5 cannot make a link list");
    return list;
}

apd_status apd_h5_group_create(hid_t place, const char *name, hid_t *group, apd_error *error) {
    hid_t list = link_list();
    hid_t made = H5Gcreate2(place, name, list, H5P_DEFAULT, H5P_DEFAULT);
    apd_status status =
        made >= 0 ? APD_OK : apd_h5_fail(error, APD_ERROR_IO, place, name, "create the group");
    (void)H5Pclose(list);
    if (status == APD_OK)
        *group = made;
    return status;
}

void apd_h5_group_close(hid_t group) {
    if (group >= 0)
        (void)H5Gclose(group);
}

/* Whether a link of `parent` may lead into the file `child`: below the parent's folder, and no pipe or device. */
static bool may_lead(const char *parent, const char *child) {
    const char *slash = strrchr(parent, '/');
    struct stat facts;
    char *path;
    if (child[0] == '/' || strcmp(child, "..") == 0 || strncmp(child, "../", 3) == 0 ||
        strstr(child, "/../") != NULL)
        return false;
    if (asprintf(&path, "%.*s%s", slash != NULL ? (int)(slash - parent + 1) : 0, parent, child) < 0)
        apd_fatal(APD_ERROR_INTERNAL, "%s: out of memory", parent);
    bool there = stat(path, &facts) == 0;
    if (!there && !apd_errno_is_absence(errno))
        apd_h5_note_refused(errno, path);
    free(path);
    return there && S_ISREG(facts.st_mode);
}

static herr_t on_external_link(const char *parent, const char *group, const char *child, const char *object,
                               unsigned *flags, hid_t access, void *context) {
    (void)group;
    (void)object;
    (void)flags;
    (void)access;
    (void)context;
    return may_lead(parent, child) ? 0 : -1;
}

hid_t apd_h5_access(apd_h5_access_kind kind) {
    static hid_t lists[] = {-1, -1, -1};
    if (lists[kind] >= 0)
        return lists[kind];
    hid_t list = H5Pcreate(kind == APD_H5_ACCESS_SET     ? H5P_DATASET_ACCESS
                           : kind == APD_H5_ACCESS_GROUP ? H5P_GROUP_ACCESS
                                                         : H5P_LINK_ACCESS);
    if (list < 0 || H5Pset_elink_cb(list, on_external_link, NULL) < 0)
        apd_fatal(APD_ERROR_INTERNAL, "HDF5 cannot make a link list");
    return lists[kind] = list;
}

bool apd_h5_walk(hid_t place, const char *name, apd_h5_visit *good, void *context) {
    char part[256];
    size_t length = strlen(name);
    if (length == 0 || length >= sizeof part)
        return false;
    for (size_t i = 1; i <= length; i++) {
        if (name[i] != '/' && name[i] != '\0')
            continue;
        memcpy(part, name, i);
        part[i] = '\0';
        if (!good(place, part, i == length, context))
            return false;
    }
    return true;
}

static bool leads_to_object(hid_t place, const char *part, bool last, void *context) {
    hid_t links = apd_h5_access(APD_H5_ACCESS_LINK);
    (void)last;
    (void)context;
    return H5Lexists(place, part, links) > 0 && H5Oexists_by_name(place, part, links) > 0;
}

bool apd_h5_exists(hid_t place, const char *name) {
    return apd_h5_walk(place, name, leads_to_object, NULL);
}
