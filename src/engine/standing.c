#include "engine/standing.h"

#include "base/log.h"
#include "base/memory.h"
#include "io/system/durable.h"
#include "io/system/file.h"
#include "io/system/json.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double trained_seconds(const apd_run *run) {
    double seconds = run->state.half_way ? run->state.training.seconds : 0.0;
    for (int t = 0; t < run->state.task_count; t++)
        seconds += run->state.records[t].seconds;
    return seconds;
}

static void put(const apd_run *run, const char *state, const char *message, FILE *file) {
    char host[64] = "", now[32] = "";
    struct tm utc;
    time_t seconds = time(NULL);
    (void)gethostname(host, sizeof host - 1);
    if (gmtime_r(&seconds, &utc) != NULL)
        (void)strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &utc);
    bool known = run->stream != NULL && run->state.task_count > 0;
    apd_json json = {.file = file};
    apd_json_begin_object(&json, NULL);
    apd_json_text(&json, "state", state);
    apd_json_integer(&json, "starts", run->starts);
    apd_json_integer(&json, "commit", run->state.commit);
    apd_json_integer(&json, "tasks_done", run->stream != NULL ? apd_run_tasks_done(run) : 0);
    apd_json_integer(&json, "tasks", run->stream != NULL ? run->stream->task_count : 0);
    apd_json_number(&json, "average_accuracy", known ? apd_metrics_of(&run->state.accuracies).average : NAN);
    apd_json_number(&json, "capacity", run->capacity > 0.0 ? run->capacity : NAN);
    apd_json_number(&json, "seconds", trained_seconds(run));
    apd_json_text(&json, "host", host);
    apd_json_integer(&json, "ranks", apd_team_size(run->team));
    apd_json_text(&json, "message", message);
    apd_json_text(&json, "written", now);
    apd_json_end(&json);
}

apd_status apd_standing_write(const apd_run *run, const char *state, const char *message, apd_error *error) {
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (file == NULL)
        apd_fatal(APD_ERROR_INTERNAL, "out of memory for status.json");
    put(run, state, message, file);
    if (fclose(file) != 0)
        apd_fatal(APD_ERROR_INTERNAL, "out of memory for status.json");
    apd_status status = apd_write_file(run->description->output, "status.json", text, (int64_t)size, error);
    free(text);
    return status;
}

static double number(const char *text, const char *key) {
    char value[40];
    return apd_json_find(text, key, value, sizeof value) && value[0] != 'n' ? strtod(value, NULL) : NAN;
}

static int whole(const char *text, const char *key) {
    double value = number(text, key);
    return value >= 0.0 && value < 2e9 ? (int)value : 0;
}

void apd_standing_read(const char *folder, apd_standing *standing) {
    char *path = apd_join_path(folder, "status.json"), *text = NULL;
    int64_t bytes = 0;
    *standing = (apd_standing){.average = NAN, .capacity = NAN, .seconds = NAN};
    if (apd_read_file(path, 1 << 16, &text, &bytes, NULL) == APD_OK) {
        (void)apd_json_find(text, "state", standing->state, sizeof standing->state);
        (void)apd_json_find(text, "host", standing->host, sizeof standing->host);
        (void)apd_json_find(text, "message", standing->message, sizeof standing->message);
        (void)apd_json_find(text, "written", standing->written, sizeof standing->written);
        standing->starts = whole(text, "starts");
        standing->commit = whole(text, "commit");
        standing->tasks_done = whole(text, "tasks_done");
        standing->tasks = whole(text, "tasks");
        standing->ranks = whole(text, "ranks");
        standing->average = number(text, "average_accuracy");
        standing->capacity = number(text, "capacity");
        standing->seconds = number(text, "seconds");
    }
    free(text);
    free(path);
}
