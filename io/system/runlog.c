#include "io/system/runlog.h"

#include "base/memory.h"
#include "io/system/fault.h"
#include "io/system/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static apd_status refused(apd_error *error, const char *step, const char *path) {
    return apd_fail(error, APD_ERROR_IO, "cannot %s %s: %s", step, path, strerror(errno));
}

static char *join_path(const char *folder, const char *name, const char *ending) {
    char *path = NULL;
    if (asprintf(&path, "%s/%s%s", folder, name, ending) < 0)
        apd_fatal(APD_ERROR_INTERNAL, "out of memory making a path in %s", folder);
    return path;
}

static bool write_all(int file, const char *text, int64_t bytes) {
    while (bytes > 0) {
        size_t allowed = apd_fault_write((size_t)bytes);
        ssize_t wrote = allowed == 0 ? -1 : write(file, text, allowed);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        text += wrote;
        bytes -= wrote;
    }
    return true;
}

/* --- folders and whole files
 * -------------------------------------------------------------------------------- */

/* One folder; an existing one is as good, so two programs may make it at the same time. */
static apd_status make_one_folder(const char *path, apd_error *error) {
    struct stat found;
    if (mkdir(path, 0777) == 0)
        return APD_OK;
    if (errno != EEXIST)
        return refused(error, "make the folder", path);
    if (stat(path, &found) != 0)
        return refused(error, "make the folder", path);
    if (!S_ISDIR(found.st_mode))
        return apd_fail(error, APD_ERROR_IO, "cannot make the folder %s: a file of that name is there", path);
    return APD_OK;
}

apd_status apd_make_folder(const char *path, apd_error *error) {
    struct stat found;
    apd_status status = APD_OK;
    if (*path == '\0')
        return apd_fail(error, APD_ERROR_IO, "cannot make a folder without a name");
    if (stat(path, &found) == 0 && S_ISDIR(found.st_mode))
        return APD_OK;
    char *part = apd_duplicate_text(path);
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        APD_GO(make_one_folder(part, error));
        *slash = '/';
    }
    APD_GO(make_one_folder(part, error));
out:
    free(part);
    return status;
}

/* A rename is sure only once its folder is on the disk. Some file systems cannot sync a folder: EINVAL. */
static apd_status sync_folder(const char *folder, apd_error *error) {
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return refused(error, "open the folder", folder);
    apd_status status = APD_OK;
    if (fsync(file) != 0 && errno != EINVAL)
        status = refused(error, "sync the folder", folder);
    (void)close(file);
    return status;
}

/* Write `path`, a file that is opened with `flags`, and have it on the disk. */
static apd_status write_synced(const char *path, int flags, const char *text, int64_t bytes,
                               apd_error *error) {
    int file = open(path, O_WRONLY | O_CLOEXEC | flags, 0666);
    if (file < 0)
        return refused(error, flags == O_APPEND ? "open" : "make", path);
    apd_status status = APD_OK;
    if (!write_all(file, text, bytes))
        status = refused(error, "write", path);
    else if (fsync(file) != 0)
        status = refused(error, "sync", path);
    if (close(file) != 0 && status == APD_OK)
        status = refused(error, "close", path);
    return status;
}

apd_status apd_write_file(const char *folder, const char *name, const char *text, int64_t bytes,
                          apd_error *error) {
    char *path = join_path(folder, name, "");
    char *temporary = join_path(folder, name, ".tmp");
    apd_status status = APD_OK;
    APD_GO(write_synced(temporary, O_CREAT | O_TRUNC, text, bytes, error));
    if (rename(temporary, path) != 0) {
        status =
            apd_fail(error, APD_ERROR_IO, "cannot rename %s to %s: %s", temporary, path, strerror(errno));
        goto out;
    }
    APD_GO(sync_folder(folder, error));
out:
    if (status != APD_OK)
        (void)unlink(temporary);
    free(temporary);
    free(path);
    return status;
}

apd_status apd_append_file(const char *folder, const char *name, const char *text, int64_t bytes,
                           apd_error *error) {
    char *path = join_path(folder, name, "");
    apd_status status = write_synced(path, O_APPEND, text, bytes, error);
    free(path);
    return status;
}

/* --- metrics.jsonl
 * ------------------------------------------------------------------------------------------ */

struct apd_runlog {
    char *path;
    int file;
    apd_json json; /* the line in the making, in memory; its file is NULL between lines */
    char *text;
    size_t size;
    bool torn; /* the file's last line may lack its end */
};

/* A program that was killed may have left half a line; the next one begins on its own line. */
static bool ends_torn(int file) {
    char last = '\n';
    off_t size = lseek(file, 0, SEEK_END);
    return size > 0 && pread(file, &last, 1, size - 1) == 1 && last != '\n';
}

apd_status apd_runlog_open(const char *folder, apd_runlog **out, apd_error *error) {
    APD_TRY(apd_make_folder(folder, error));
    char *path = join_path(folder, "metrics.jsonl", "");
    int file = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file < 0) {
        apd_status status = refused(error, "open", path);
        free(path);
        return status;
    }
    apd_runlog *log = apd_allocate(1, sizeof *log, "the run's log");
    log->path = path;
    log->file = file;
    log->torn = ends_torn(file);
    *out = log;
    return APD_OK;
}

apd_status apd_runlog_close(apd_runlog *log, apd_error *error) {
    apd_status status = APD_OK;
    if (log == NULL)
        return APD_OK;
    APD_ASSERT(log->json.file == NULL);
    if (close(log->file) != 0)
        status = refused(error, "close", log->path);
    free(log->path);
    free(log);
    return status;
}

void apd_runlog_begin(apd_runlog *log, const char *event) {
    struct timespec now = {0};
    struct tm utc = {0};
    char text[32] = "", stamp[48];
    APD_ASSERT(log->json.file == NULL);
    log->json = (apd_json){.file = open_memstream(&log->text, &log->size), .line = true, .digits = 17};
    if (log->json.file == NULL)
        apd_fatal(APD_ERROR_INTERNAL, "out of memory writing a line of %s", log->path);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(stamp, sizeof stamp, "%s.%03dZ", text, (int)(now.tv_nsec / 1000000));
    apd_json_begin_object(&log->json, NULL);
    apd_json_text(&log->json, "event", event);
    apd_json_text(&log->json, "time", stamp);
}

void apd_runlog_text(apd_runlog *log, const char *key, const char *value) {
    apd_json_text(&log->json, key, value);
}

void apd_runlog_integer(apd_runlog *log, const char *key, int64_t value) {
    apd_json_integer(&log->json, key, value);
}

void apd_runlog_number(apd_runlog *log, const char *key, double value) {
    apd_json_number(&log->json, key, value);
}

apd_status apd_runlog_end(apd_runlog *log, apd_error *error) {
    APD_ASSERT(log->json.file != NULL);
    apd_json_end(&log->json);
    bool failed = ferror(log->json.file) != 0;
    if (fclose(log->json.file) != 0 || failed)
        apd_fatal(APD_ERROR_INTERNAL, "out of memory writing a line of %s", log->path);
    apd_status status = APD_OK;
    if ((log->torn && !write_all(log->file, "\n", 1)) || !write_all(log->file, log->text, (int64_t)log->size))
        status = refused(error, "write", log->path);
    log->torn = status != APD_OK;
    free(log->text);
    log->json.file = NULL;
    log->text = NULL;
    return status;
}
