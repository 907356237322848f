#include "io/system/runlog.h"

#include "base/memory.h"
#include "base/text.h"
#include "base/utc.h"
#include "io/system/durable.h"
#include "io/system/file.h"
#include "io/system/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static apd_status refused(apd_error *error, const char *step, const char *path) {
    return apd_fail_errno(error, errno, "%s: cannot %s", path, step);
}

struct apd_runlog {
    char *path;
    int file;
    apd_json json;          /* the line in the making, in memory; its file is NULL between lines */
    apd_text text;          /* its memory */
    apd_tensorboard *board; /* or NULL */
    bool torn;              /* the file's last line may lack its end */
};

/* A program that was killed may have left half a line; the next one begins on its own line. */
static bool ends_torn(int file) {
    char last = '\n';
    off_t size = lseek(file, 0, SEEK_END);
    return size > 0 && pread(file, &last, 1, size - 1) == 1 && last != '\n';
}

apd_status apd_runlog_open(const char *folder, apd_runlog **out, apd_error *error) {
    APD_TRY(apd_make_folder(folder, error));
    char *path = NULL;
    if (asprintf(&path, "%s/metrics.jsonl", folder) < 0)
        apd_fatal(APD_ERROR_INTERNAL, "out of memory making a path in %s", folder);
    int file = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    apd_status status = file < 0 ? refused(error, "open", path) : apd_sync_folder(folder, error);
    if (status != APD_OK) {
        if (file >= 0)
            (void)close(file);
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
    status = apd_sync_file(log->file, log->path, error);
    if (close(log->file) != 0 && status == APD_OK)
        status = refused(error, "close", log->path);
    apd_status closed = apd_tensorboard_close(log->board, status == APD_OK ? error : NULL);
    free(log->path);
    free(log);
    return status == APD_OK ? closed : status;
}

void apd_runlog_begin(apd_runlog *log, const char *event) {
    struct timespec now = {0};
    char text[APD_UTC_SIZE], stamp[48];
    APD_ASSERT(log->json.file == NULL);
    apd_text_begin(&log->text, log->path);
    log->json = (apd_json){.file = log->text.file, .line = true, .digits = 17};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    apd_utc(now.tv_sec, text);
    text[strcspn(text, "Z")] = '\0';
    (void)snprintf(stamp, sizeof stamp, "%s.%03dZ", text, (int)(now.tv_nsec / 1000000));
    apd_json_begin_object(&log->json, NULL);
    apd_json_text(&log->json, "event", event);
    apd_json_text(&log->json, "time", stamp);
    if (log->board != NULL)
        apd_tensorboard_begin(log->board, event);
}

void apd_runlog_text(apd_runlog *log, const char *key, const char *value) {
    apd_json_text(&log->json, key, value);
}

void apd_runlog_integer(apd_runlog *log, const char *key, int64_t value) {
    apd_json_integer(&log->json, key, value);
    if (log->board != NULL)
        apd_tensorboard_take(log->board, key, (double)value);
}

void apd_runlog_number(apd_runlog *log, const char *key, double value) {
    apd_json_number(&log->json, key, value);
    if (log->board != NULL)
        apd_tensorboard_take(log->board, key, value);
}

apd_status apd_runlog_end(apd_runlog *log, apd_error *error) {
    APD_ASSERT(log->json.file != NULL);
    apd_json_end(&log->json);
    (void)apd_text_end(&log->text);
    apd_status status = APD_OK;
    if ((log->torn && !apd_write_all(log->file, "\n", 1)) ||
        !apd_write_all(log->file, log->text.text, (int64_t)log->text.size))
        status = refused(error, "write", log->path);
    log->torn = status != APD_OK;
    free(log->text.text);
    log->json.file = NULL;
    if (status == APD_OK && log->board != NULL)
        status = apd_tensorboard_end(log->board, error);
    return status;
}

/* --- reading ------------------------------------------------------------------------------------------------- */

/* Every line begins with its event: {"event": "task", ... */
static void read_line(const char *line, ssize_t bytes, apd_runlog_take *take, void *context) {
    static const char begin[] = "{\"event\": \"";
    char event[24];
    if (bytes < 3 || strcmp(line + bytes - 2, "}\n") != 0 || strncmp(line, begin, sizeof begin - 1) != 0)
        return;
    size_t length = strcspn(line + sizeof begin - 1, "\"");
    if (length >= sizeof event)
        return;
    memcpy(event, line + sizeof begin - 1, length);
    event[length] = '\0';
    take(context, event, line);
}

apd_status apd_runlog_read(const char *folder, apd_runlog_take *take, void *context, apd_error *error) {
    char *path = apd_join_path(folder, "metrics.jsonl"), *line = NULL;
    bool there = false;
    int descriptor = -1;
    size_t room = 0;
    apd_status status = apd_file_exists(path, &there, error);
    if (status == APD_OK && there)
        status = apd_file_open(path, &descriptor, error);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "r") : NULL;
    if (descriptor >= 0 && file == NULL) {
        status = apd_fail_errno(error, errno, "%s: cannot be read", path);
        (void)close(descriptor);
    }
    if (file != NULL) {
        for (ssize_t bytes; (bytes = getline(&line, &room, file)) >= 0;)
            read_line(line, bytes, take, context);
        if (ferror(file))
            status = apd_fail_errno(error, errno, "%s: cannot be read", path);
        (void)fclose(file);
    }
    free(line);
    free(path);
    return status;
}

/* --- forgetting ----------------------------------------------------------------------------------------------- */

/* Replace the text of the line's "name" by spaces behind an empty one, as long as it was. False: it has none. */
static bool blank_name(char *line) {
    static const char key[] = "\"name\": \"";
    char *text = strstr(line, key);
    if (text == NULL)
        return false;
    text += sizeof key - 1;
    char *end = text;
    while (*end != '"' && *end != '\0')
        end += end[0] == '\\' && end[1] != '\0' ? 2 : 1;
    if (*end == '\0' || end == text)
        return false;
    *text = '"';
    memset(text + 1, ' ', (size_t)(end - text));
    return true;
}

/* In the file and in its text (bytes). */
static apd_status blank_names(int file, const char *path, char *text, int64_t bytes, int task,
                              apd_error *error) {
    char *line = text, *last = text + bytes;
    for (char *end; line < last && (end = memchr(line, '\n', (size_t)(last - line))) != NULL;
         line = end + 1) {
        const ssize_t length = end - line;
        *end = '\0';
        if (apd_json_find_whole(line, "task") == task && blank_name(line) &&
            pwrite(file, line, (size_t)length, line - text) != length)
            return refused(error, "write", path);
    }
    return apd_sync_file(file, path, error);
}

apd_status apd_runlog_forget_name(const char *folder, int task, apd_error *error) {
    char *path = apd_join_path(folder, "metrics.jsonl"), *text = NULL;
    int64_t bytes = 0;
    int file = -1;
    bool there = false;
    apd_status status = apd_file_exists(path, &there, error);
    if (status == APD_OK && there)
        status = apd_read_file(path, INT64_MAX, &text, &bytes, error);
    if (text != NULL && (file = open(path, O_WRONLY | O_CLOEXEC)) < 0)
        status = refused(error, "open", path);
    if (file >= 0) {
        status = blank_names(file, path, text, bytes, task, error);
        if (close(file) != 0 && status == APD_OK)
            status = refused(error, "close", path);
    }
    free(text);
    free(path);
    return status;
}

/* --- TensorBoard --------------------------------------------------------------------------------------------- */

static void note_line(void *context, const char *event, const char *line) {
    if (strcmp(event, "step") == 0)
        apd_tensorboard_note(context, apd_json_find_whole(line, "place"), apd_json_find_whole(line, "step"));
}

apd_status apd_runlog_follow(apd_runlog *log, const char *folder, const apd_tensorboard_place *resumed,
                             apd_error *error) {
    APD_TRY(apd_tensorboard_open(folder, resumed == NULL, &log->board, error));
    if (resumed == NULL)
        return APD_OK;
    APD_TRY(apd_runlog_read(folder, note_line, log->board, error));
    return apd_tensorboard_resume(log->board, resumed, error);
}
