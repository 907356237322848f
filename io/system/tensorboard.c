#include "io/system/tensorboard.h"

#include "base/memory.h"
#include "base/wire.h"
#include "io/system/durable.h"
#include "io/system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The two folders, and the event of each. */
enum { STEPS, TASKS, FILES };
static const struct { const char *folder, *event; } files[FILES] = {{"steps", "step"}, {"tasks", "task"}};

static const struct {
    int file;
    const char *key, *tag;
} tags[] = {
    {STEPS, "loss", "loss/train"},
    {STEPS, "training_accuracy", "accuracy/train"},
    {STEPS, "learning_rate", "rate/learning"},
    {TASKS, "accuracy", "accuracy/new_task"},
    {TASKS, "average_accuracy", "accuracy/average"},
    {TASKS, "worst_accuracy", "accuracy/worst"},
    {TASKS, "backward_transfer", "transfer/backward"},
    {TASKS, "capacity", "capacity/weights"},
    {TASKS, "checkpoint_bytes", "capacity/checkpoint_bytes"},
    {TASKS, "tau_nonzeros", "tau/nonzeros"},
    {TASKS, "recentred_weights", "tau/recentred"},
    {TASKS, "seconds", "time/task_seconds"},
    {TASKS, "evaluation_seconds", "time/evaluation_seconds"},
    {TASKS, "consolidation_seconds", "time/consolidation_seconds"},
    {TASKS, "commit_seconds", "time/commit_seconds"},
    {TASKS, "step_ms", "time/step_ms"},
    {TASKS, "gather_ms", "time/gather_ms"},
    {TASKS, "forward_ms", "time/forward_ms"},
    {TASKS, "backward_ms", "time/backward_ms"},
    {TASKS, "reduce_ms", "time/reduce_ms"},
    {TASKS, "update_ms", "time/update_ms"},
    {TASKS, "share_ms", "time/share_ms"},
    {TASKS, "compute_ms", "time/compute_ms"},
    {TASKS, "compute_max_ms", "time/compute_max_ms"},
    {TASKS, "peak_bytes_a_rank", "memory/rank_max_bytes"},
};
enum { TAGS = sizeof tags / sizeof tags[0] };

/* Fields of the messages Event, SessionLog, Summary and Summary.Value (event.proto, summary.proto). */
enum { EVENT_TIME = 1, EVENT_STEP = 2, EVENT_VERSION = 3, EVENT_SUMMARY = 5, EVENT_SESSION = 7 };
enum { SESSION_STATUS = 1, SESSION_START = 1, SUMMARY_VALUE = 1, VALUE_TAG = 1, VALUE_SIMPLE = 2 };

struct apd_tensorboard {
    char *path[FILES];
    int file[FILES];
    int64_t *ends; /* (places) the last step of each place's task, as far as it is known */
    int places;
    int event; /* in the making, of `files`; FILES: one without tags */
    int place;
    int64_t step;
    double values[TAGS]; /* NaN: not given */
};

/* --- records ------------------------------------------------------------------------------------------------- */

/* CRC-32C (Castagnoli), bit by bit: records are short. */
static uint32_t crc_of(const void *bytes, size_t count) {
    const unsigned char *at = bytes;
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < count; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

/* TFRecord's mask: a CRC of data that holds CRCs is a poor one. */
static void put_crc(FILE *record, const void *bytes, size_t count) {
    const uint32_t crc = crc_of(bytes, count);
    apd_wire_fixed(record, (crc >> 15 | crc << 17) + 0xa282ead8u, 4);
}

static apd_status write_record(const apd_tensorboard *board, int to, apd_text *event, apd_error *error) {
    unsigned char length[8];
    apd_text record;
    char *bytes = apd_text_end(event);
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)event->size >> 8 * i & 0xff);
    apd_text_begin(&record, "a record");
    (void)fwrite(length, 1, sizeof length, record.file);
    put_crc(record.file, length, sizeof length);
    (void)fwrite(bytes, 1, event->size, record.file);
    put_crc(record.file, bytes, event->size);
    free(bytes);
    bytes = apd_text_end(&record);
    apd_status status = APD_OK;
    if (!apd_write_all(board->file[to], bytes, (int64_t)record.size))
        status = apd_fail_errno(error, errno, "%s: cannot write", board->path[to]);
    free(bytes);
    return status;
}

static void begin_event(apd_text *event, int64_t step) {
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    apd_text_begin(event, "an event");
    apd_wire_double(event->file, EVENT_TIME, (double)now.tv_sec + 1e-9 * (double)now.tv_nsec);
    apd_wire_number(event->file, EVENT_STEP, step);
}

static apd_status write_version(const apd_tensorboard *board, int to, apd_error *error) {
    apd_text event;
    begin_event(&event, 0);
    apd_wire_text(event.file, EVENT_VERSION, "brain.Event:2");
    return write_record(board, to, &event, error);
}

static apd_status write_start(const apd_tensorboard *board, int to, int64_t step, apd_error *error) {
    apd_text event, session;
    begin_event(&event, step);
    apd_text_begin(&session, "an event's session");
    apd_wire_number(session.file, SESSION_STATUS, SESSION_START);
    apd_wire_message(event.file, EVENT_SESSION, &session);
    return write_record(board, to, &event, error);
}

/* --- opening ----------------------------------------------------------------------------------------------------- */

void apd_tensorboard_note(apd_tensorboard *board, int place, int64_t step) {
    enum { MOST = 1 << 20 }; /* tasks of a stream: a damaged line may say more */
    if (place < 0 || place >= MOST)
        return;
    if (place >= board->places) {
        int places = 2 * place + 16;
        board->ends =
            apd_reallocate(board->ends, board->places, places, sizeof *board->ends, "steps of tasks");
        memset(board->ends + board->places, 0, (size_t)(places - board->places) * sizeof *board->ends);
        board->places = places;
    }
    board->ends[place] = step;
}

/* Steps of the tasks before `place`. */
static int64_t steps_before(const apd_tensorboard *board, int place) {
    int64_t steps = 0;
    for (int p = 0; p < place && p < board->places; p++)
        steps += board->ends[p];
    return steps;
}

static const char stem[] = "events.out.tfevents.";

/* Delete the folder's event files, or find a time after all of theirs: readers take files by their names' order. */
static apd_status look_around(const char *folder, bool deletes, time_t *when, apd_error *error) {
    apd_file_names names = {0};
    APD_TRY(apd_folder_list(folder, &names, error));
    apd_status status = APD_OK;
    for (int i = 0; i < names.count && status == APD_OK; i++) {
        if (strncmp(names.items[i], stem, sizeof stem - 1) != 0)
            continue;
        long long theirs = strtoll(names.items[i] + sizeof stem - 1, NULL, 10);
        if (deletes) {
            char *path = apd_join_path(folder, names.items[i]);
            status = apd_file_delete(path, error);
            free(path);
        } else if (theirs >= (long long)*when && theirs < 1LL << 40) {
            *when = (time_t)theirs + 1;
        }
    }
    apd_file_names_clear(&names);
    return status;
}

static apd_status open_file(apd_tensorboard *board, int which, const char *folder, bool fresh,
                            apd_error *error) {
    char host[64] = "host", name[160];
    time_t when = time(NULL);
    APD_TRY(apd_make_folder(folder, error));
    APD_TRY(look_around(folder, fresh, &when, error));
    (void)gethostname(host, sizeof host - 1);
    (void)snprintf(name, sizeof name, "%s%010lld.%s.%lld", stem, (long long)when, host, (long long)getpid());
    board->path[which] = apd_join_path(folder, name);
    board->file[which] = open(board->path[which], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (board->file[which] < 0)
        return apd_fail_errno(error, errno, "%s: cannot open", board->path[which]);
    return write_version(board, which, error);
}

apd_status apd_tensorboard_open(const char *folder, bool fresh, apd_tensorboard **out, apd_error *error) {
    apd_tensorboard *board = apd_allocate(1, sizeof *board, "event files");
    apd_status status = APD_OK;
    board->event = FILES;
    for (int f = 0; f < FILES; f++)
        board->file[f] = -1;
    for (int f = 0; f < FILES && status == APD_OK; f++) {
        char *above = apd_join_path(folder, "tensorboard"), *path = apd_join_path(above, files[f].folder);
        status = open_file(board, f, path, fresh, error);
        free(path);
        free(above);
    }
    if (status != APD_OK) {
        (void)apd_tensorboard_close(board, NULL);
        return status;
    }
    *out = board;
    return APD_OK;
}

apd_status apd_tensorboard_resume(apd_tensorboard *board, const apd_tensorboard_place *place,
                                  apd_error *error) {
    APD_TRY(write_start(board, STEPS, steps_before(board, place->trained) + place->steps + 1, error));
    return write_start(board, TASKS, place->done + 1, error);
}

apd_status apd_tensorboard_close(apd_tensorboard *board, apd_error *error) {
    apd_status status = APD_OK;
    for (int f = 0; board != NULL && f < FILES; f++) {
        if (board->file[f] >= 0 && close(board->file[f]) != 0 && status == APD_OK)
            status = apd_fail_errno(error, errno, "%s: cannot close", board->path[f]);
        free(board->path[f]);
    }
    if (board != NULL)
        free(board->ends);
    free(board);
    return status;
}

/* --- events ------------------------------------------------------------------------------------------------------- */

void apd_tensorboard_begin(apd_tensorboard *board, const char *event) {
    board->event = 0;
    while (board->event < FILES && strcmp(files[board->event].event, event) != 0)
        board->event++;
    for (int t = 0; t < TAGS; t++)
        board->values[t] = NAN;
}

void apd_tensorboard_take(apd_tensorboard *board, const char *key, double value) {
    if (board->event == FILES)
        return;
    if (strcmp(key, "place") == 0)
        board->place = (int)value;
    if (strcmp(key, "step") == 0)
        board->step = (int64_t)value;
    for (int t = 0; t < TAGS; t++)
        if (tags[t].file == board->event && strcmp(tags[t].key, key) == 0)
            board->values[t] = value;
}

/* The event's step as TensorBoard shows it. */
static int64_t step_of(apd_tensorboard *board) {
    if (board->event == TASKS)
        return board->place + 1;
    apd_tensorboard_note(board, board->place, board->step);
    return steps_before(board, board->place) + board->step;
}

apd_status apd_tensorboard_end(apd_tensorboard *board, apd_error *error) {
    apd_text event, summary, value;
    if (board->event == FILES)
        return APD_OK;
    begin_event(&event, step_of(board));
    apd_text_begin(&summary, "an event's summary");
    for (int t = 0; t < TAGS; t++) {
        if (!isfinite(board->values[t]))
            continue;
        apd_text_begin(&value, "an event's value");
        apd_wire_text(value.file, VALUE_TAG, tags[t].tag);
        apd_wire_float(value.file, VALUE_SIMPLE, (float)board->values[t]);
        apd_wire_message(summary.file, SUMMARY_VALUE, &value);
    }
    apd_wire_message(event.file, EVENT_SUMMARY, &summary);
    return write_record(board, board->event, &event, error);
}
