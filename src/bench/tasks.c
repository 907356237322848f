/* What a run with many tasks does once in a while, timed on synthetic tasks: a commit, a consolidation. */
#include "bench/bench.h"

#include "base/log.h"
#include "base/memory.h"
#include "engine/about.h"
#include "engine/consolidation.h"

#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EVERY = 5 }; /* tasks between consolidations, unless the description says */

/* The record of a synthetic task. */
static void fill_record(apd_task_record *record, const apd_bench_result *result, int place) {
    *record = (apd_task_record){.id = place, .class_count = result->classes};
    (void)snprintf(record->name, sizeof record->name, "synthetic %d", place);
    record->classes = apd_allocate(result->classes, sizeof(int), "a task's classes");
    for (int c = 0; c < result->classes; c++)
        record->classes[c] = c;
    for (int channel = 0; channel < result->shape.channels; channel++)
        record->normalisation.deviation[channel] = 1.0f;
}

/* One more task, which changes no other's accuracy. */
static void add_accuracy(apd_accuracies *accuracies) {
    apd_accuracies_add_task(accuracies);
    accuracies->now[accuracies->tasks - 1] = 0.5;
}

/* Make run->state that of a run that has finished the first `count` tasks and has not committed. */
static void pretend(apd_run *run, const apd_bench_result *result, int count) {
    apd_run_state_clear(&run->state);
    run->decomposition->task_count = count;
    run->state = (apd_run_state){.data_digest = run->dataset->digest,
                                 .seed = run->description->seed,
                                 .shards = run->partition.shards,
                                 .task_count = count,
                                 .run_yaml = apd_description_write(run->description),
                                 .about = apd_about_text(run->description, run->dataset, NULL)};
    apd_about_sign(&run->state);
    run->state.config_digest = apd_description_digest(run->description);
    run->state.records = apd_allocate(count, sizeof *run->state.records, "the tasks' records");
    for (int t = 0; t < count; t++) {
        fill_record(&run->state.records[t], result, t);
        add_accuracy(&run->state.accuracies);
    }
}

/* Finish one more of the decomposition's tasks. */
static void pretend_one_more(apd_run *run, const apd_bench_result *result) {
    apd_run_state *state = &run->state;
    int count = state->task_count;
    state->records =
        apd_reallocate(state->records, count, count + 1, sizeof *state->records, "the tasks' records");
    fill_record(&state->records[count], result, count);
    add_accuracy(&state->accuracies);
    state->task_count = run->decomposition->task_count = count + 1;
}

/* Seconds to write `bytes` bytes in large chunks, with fsync; 0 on failure. Rank 0. */
static double time_plain_write(const char *folder, int64_t bytes) {
    enum { PIECE = 4 << 20 };
    char path[512];
    (void)snprintf(path, sizeof path, "%s/plain", folder);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    char *piece = apd_allocate(PIECE, 1, "bytes to be written");
    double started = apd_seconds();
    bool good = file >= 0;
    for (int64_t left = bytes; good && left > 0; left -= PIECE) {
        size_t count = (size_t)(left < PIECE ? left : PIECE);
        memset(piece, (int)(left >> 22), count);
        good = write(file, piece, count) == (ssize_t)count;
    }
    good = good && fsync(file) == 0;
    double seconds = apd_seconds() - started;
    free(piece);
    if (file >= 0)
        (void)close(file);
    (void)unlink(path);
    return good ? seconds : 0.0;
}

/* Time one commit, and on rank 0 a plain write of as many bytes. Collective. */
static apd_status time_commit(apd_run *run, const char *folder, apd_bench_commit *commit, apd_error *error) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/checkpoint.h5", folder);
    apd_team_barrier(run->team);
    double started = apd_seconds();
    APD_TRY(
        apd_checkpoint_save(run->team, &run->partition, path, run->decomposition, &run->state, NULL, error));
    commit->seconds = apd_team_slowest(run->team, apd_seconds() - started);
    commit->bytes = (double)run->state.written;
    commit->plain = apd_run_speaks(run) ? time_plain_write(folder, run->state.written) : 0.0;
    return APD_OK;
}

/* Time a first commit of all but the last of the row's tasks, and one of the last. Collective. */
static apd_status time_commits(apd_run *run, const apd_bench_result *result, const char *folder,
                               apd_bench_tasks *row, apd_error *error) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/checkpoint.h5", folder);
    apd_status status =
        apd_run_speaks(run) ? apd_checkpoint_remove(path, error) : APD_OK; /* the former row's */
    APD_TRY(apd_team_agree(run->team, status, error));
    pretend(run, result, row->scan.earlier - 1);
    APD_TRY(time_commit(run, folder, &row->first_commit, error));
    pretend_one_more(run, result);
    APD_TRY(time_commit(run, folder, &row->commit, error));
    row->bytes = (double)apd_checkpoint_bytes(path, &run->state);
    return APD_OK;
}

static apd_status time_consolidation(apd_run *run, apd_bench_tasks *row, apd_error *error) {
    apd_consolidator consolidator = {0};
    int every =
        run->description->method.consolidate_every > 0 ? run->description->method.consolidate_every : EVERY;
    run->state.consolidations = row->scan.earlier / every > 1 ? row->scan.earlier / every - 1 : 0;
    apd_team_barrier(run->team);
    double started = apd_seconds();
    apd_status status = apd_consolidate_run(run, &consolidator, error);
    row->consolidation = apd_team_slowest(run->team, apd_seconds() - started);
    apd_consolidator_clear(&consolidator, run);
    return status;
}

/* Make a folder for the log and the commits. Collective. */
static apd_status open_folder(apd_run *run, char *folder, size_t room, apd_error *error) {
    const char *parent = getenv("TMPDIR");
    apd_status status = APD_OK;
    (void)snprintf(folder, room, "%.400s/apd-bench-%ld", parent != NULL && *parent != '\0' ? parent : "/tmp",
                   (long)getpid());
    apd_team_broadcast(run->team, folder, (int64_t)room); /* others write there, too */
    if (apd_run_speaks(run))
        status = apd_runlog_open(folder, &run->log, error);
    return apd_team_agree(run->team, status, error);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info;
    (void)kind;
    (void)place;
    (void)remove(path);
    return 0;
}

static apd_status close_folder(apd_run *run, const char *folder, apd_error *error) {
    apd_status status = apd_runlog_close(run->log, error);
    run->log = NULL;
    if (apd_run_speaks(run))
        (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return status;
}

apd_status apd_bench_tasks_measure(apd_run *run, apd_bench_result *result, bool commits, bool consolidation,
                                   apd_error *error) {
    char folder[448];
    if (!commits && !consolidation)
        return APD_OK;
    consolidation = consolidation && run->description->method.row->clusters;
    apd_status status = open_folder(run, folder, sizeof folder, error);
    for (int i = 0; i < result->task_count && status == APD_OK; i++) {
        apd_bench_tasks *row = &result->tasks[i];
        if (row->skipped || row->scan.earlier == 0)
            continue;
        if (commits)
            status = time_commits(run, result, folder, row, error);
    }
    for (int i = 0; i < result->task_count && status == APD_OK; i++) {
        apd_bench_tasks *row = &result->tasks[i];
        if (!consolidation || row->skipped || row->scan.earlier == 0)
            continue;
        pretend(run, result, row->scan.earlier);
        status = time_consolidation(run, row, error);
    }
    apd_status closed = close_folder(run, folder, error);
    return status != APD_OK ? status : apd_team_agree(run->team, closed, error);
}
