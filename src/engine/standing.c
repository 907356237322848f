#include "engine/standing.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/utc.h"
#include "base/utf8.h"
#include "io/system/durable.h"
#include "io/system/file.h"
#include "io/system/json.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double trained_seconds(const apd_run *run) {
    double seconds = run->state.half_way ? run->state.training.seconds : 0.0;
    for (int t = 0; t < run->state.task_count; t++)
        seconds += run->state.records[t].seconds;
    return seconds;
}

/* The fields of status.json, written and read by the same table. */
typedef enum field_kind { TEXT, WHOLE, NUMBER } field_kind;

static const struct {
    const char *key;
    field_kind kind;
    size_t member, room;
} fields[] = {
#define TEXT_AT(m) TEXT, offsetof(apd_standing, m), sizeof((apd_standing *)0)->m
    {"state", TEXT_AT(state)},
    {"starts", WHOLE, offsetof(apd_standing, starts), 0},
    {"commit", WHOLE, offsetof(apd_standing, commit), 0},
    {"tasks_done", WHOLE, offsetof(apd_standing, tasks_done), 0},
    {"tasks", WHOLE, offsetof(apd_standing, tasks), 0},
    {"average_accuracy", NUMBER, offsetof(apd_standing, average), 0},
    {"capacity", NUMBER, offsetof(apd_standing, capacity), 0},
    {"seconds", NUMBER, offsetof(apd_standing, seconds), 0},
    {"host", TEXT_AT(host)},
    {"ranks", WHOLE, offsetof(apd_standing, ranks), 0},
    {"message", TEXT_AT(message)},
    {"written", TEXT_AT(written)},
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

apd_status apd_standing_put(const char *folder, const apd_standing *standing, apd_error *error) {
    apd_text text;
    apd_text_begin(&text, "status.json");
    apd_json json = {.file = text.file};
    apd_json_begin_object(&json, NULL);
    for (int f = 0; f < FIELDS; f++) {
        const void *at = (const char *)standing + fields[f].member;
        switch (fields[f].kind) {
        case TEXT: apd_json_text(&json, fields[f].key, at); break;
        case WHOLE: apd_json_integer(&json, fields[f].key, *(const int *)at); break;
        case NUMBER: apd_json_number(&json, fields[f].key, *(const double *)at); break;
        }
    }
    apd_json_end(&json);
    (void)apd_text_end(&text);
    apd_status status = apd_write_file(folder, "status.json", text.text, (int64_t)text.size, error);
    free(text.text);
    return status;
}

void apd_standing_read(const char *folder, apd_standing *standing) {
    char *path = apd_join_path(folder, "status.json"), *text = NULL;
    int64_t bytes = 0;
    *standing = (apd_standing){.average = NAN, .capacity = NAN, .seconds = NAN};
    if (apd_read_file(path, 1 << 16, &text, &bytes, NULL) == APD_OK)
        for (int f = 0; f < FIELDS; f++) {
            void *at = (char *)standing + fields[f].member;
            switch (fields[f].kind) {
            case TEXT:
                if (apd_json_find(text, fields[f].key, at, fields[f].room))
                    apd_utf8_clean(at);
                break;
            case WHOLE: *(int *)at = apd_json_find_whole(text, fields[f].key); break;
            case NUMBER: *(double *)at = apd_json_find_number(text, fields[f].key); break;
            }
        }
    free(text);
    free(path);
}

apd_status apd_standing_write(const apd_run *run, const char *state, const char *message, apd_error *error) {
    const bool streams = run->stream != NULL;
    apd_standing s = {.starts = run->starts,
                      .commit = run->state.commit,
                      .tasks_done = streams ? apd_run_tasks_done(run) : 0,
                      .tasks = streams ? run->stream->task_count : 0,
                      .ranks = apd_team_size(run->team),
                      .average = streams && run->state.task_count > 0
                                     ? apd_metrics_of(&run->state.accuracies).average
                                     : (double)NAN,
                      .capacity = run->capacity > 0.0 ? run->capacity : (double)NAN,
                      .seconds = trained_seconds(run)};
    (void)snprintf(s.state, sizeof s.state, "%s", state);
    (void)snprintf(s.message, sizeof s.message, "%s", message);
    (void)gethostname(s.host, sizeof s.host - 1);
    apd_utc(time(NULL), s.written);
    return apd_standing_put(run->description->output, &s, error);
}

apd_status apd_standing_committed(apd_run *run, apd_error *error) {
    run->starts = 1;
    return apd_standing_write(run, "running", "", error);
}
