#include "io/checkpoint/checkpoint.h"

#include "base/memory.h"
#include "io/checkpoint/history.h"
#include "io/checkpoint/links.h"
#include "io/checkpoint/read.h"
#include "io/hdf5/guard.h"
#include "io/hdf5/read_driver.h"
#include "io/system/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

apd_status apd_checkpoint_path(const char *run, char **path, apd_error *error) {
    struct stat info;
    bool exists = stat(run, &info) == 0;
    if (!exists && !apd_errno_is_absence(errno))
        return apd_fail_errno(error, errno, "%s: cannot look for the run", run);
    const char *ending = exists && S_ISDIR(info.st_mode) ? "/checkpoint.h5" : "";
    size_t room = strlen(run) + strlen(ending) + 1;
    *path = apd_allocate((int64_t)room, 1, "a path");
    (void)snprintf(*path, room, "%s%s", run, ending);
    return APD_OK;
}

bool apd_checkpoint_is_run(const char *path) {
    static const char *const names[] = {"checkpoint.h5", "checkpoint.previous.h5", "run.lock"};
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !found; i++) {
        char *other = apd_segment_path(path, names[i]);
        found = access(other, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
        free(other);
    }
    return found;
}

void apd_run_state_clear(apd_run_state *state) {
    for (int t = 0; t < state->task_count; t++)
        free(state->records[t].classes);
    free(state->records);
    free(state->accuracy);
    free(state->run_yaml);
    free(state->training.tallies);
    apd_checkpoint_links_destroy(state->links);
    *state = (apd_run_state){0};
}

/* --- reading while the run may commit ---------------------------------------------------------------------- */

typedef apd_status reading(const char *path, void *out, apd_error *error);

/* A commit that is replaced while it is read may lose its segments under the reader: then the newer one is read. */
static apd_status read_newest(const char *path, reading *attempt, void *out, apd_error *error) {
    enum { ATTEMPTS = 20 };
    for (int i = 1;; i++) {
        apd_error found = {0};
        struct stat before = {0}, after = {0};
        (void)stat(path, &before);
        const char *former = apd_h5_guard_begin(path);
        apd_status status = attempt(path, out, &found);
        if (status != APD_OK)
            status = apd_h5_check_refused(status, &found);
        apd_h5_guard_end(former);
        (void)stat(path, &after);
        bool same = before.st_ino == after.st_ino && before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
                    before.st_mtim.tv_nsec == after.st_mtim.tv_nsec;
        if (status == APD_OK)
            return APD_OK;
        if (same || i == ATTEMPTS)
            return apd_fail(error, status, "%s", found.message);
    }
}

static apd_status read_state(const char *path, void *out, apd_error *error) {
    apd_checkpoint_reader *reader = NULL;
    apd_run_state *state = out;
    apd_status status;
    APD_GO(apd_checkpoint_reader_open(path, &reader, error));
    APD_GO(apd_checkpoint_reader_records(reader, error));
    *state = *apd_checkpoint_reader_state(reader);
    *apd_checkpoint_reader_state(reader) = (apd_run_state){0};
out:
    apd_checkpoint_reader_destroy(reader);
    return status;
}

apd_status apd_checkpoint_read_state(const char *path, apd_run_state *state, apd_error *error) {
    return read_newest(path, read_state, state, error);
}

static apd_status check_all(const char *path, void *out, apd_error *error) {
    return apd_checkpoint_reader_check(path, NULL, out, error);
}

apd_status apd_checkpoint_verify(const char *path, int *groups, apd_error *error) {
    return read_newest(path, check_all, groups, error);
}

typedef struct destination {
    const char *path;
    int *groups;
} destination;

static apd_status pack_once(const char *path, void *out, apd_error *error) {
    const destination *to = out;
    return apd_checkpoint_pack_once(path, to->path, to->groups, error);
}

apd_status apd_checkpoint_pack(const char *path, const char *to, int *groups, apd_error *error) {
    destination out = {to, groups};
    return read_newest(path, pack_once, &out, error);
}

/* --- what a commit holds ------------------------------------------------------------------------------------ */

/* Non-zeros of sigma. */
static apd_status count_shared(apd_checkpoint_reader *reader, apd_capacity_counts *counts, apd_error *error) {
    const apd_layout *layout = apd_checkpoint_reader_layout(reader);
    for (int b = 0; b < layout->block_count; b++) {
        float *sigma = NULL;
        if (!layout->blocks[b].decomposed)
            continue;
        APD_TRY(apd_checkpoint_reader_sigma(reader, b, &sigma, error));
        for (int64_t j = 0; j < layout->blocks[b].rows * layout->blocks[b].cols; j++)
            counts->sigma += sigma[j] != 0.0f;
        free(sigma);
    }
    return APD_OK;
}

static apd_status count_task(apd_checkpoint_reader *reader, int place, apd_capacity_counts *counts,
                             apd_error *error) {
    const apd_layout *layout = apd_checkpoint_reader_layout(reader);
    int64_t rows = apd_checkpoint_decomposed_rows(layout);
    apd_checkpoint_facts facts;
    APD_TRY(apd_checkpoint_reader_begin_task(reader, place, &facts, error));
    if (!facts.present)
        return APD_OK;
    counts->tau += facts.single ? apd_checkpoint_decomposed_weights(layout) : facts.entries;
    counts->masks += facts.single ? 0 : rows;
    counts->own += rows + facts.classes * (layout->blocks[layout->block_count - 1].cols + 1);
    return apd_checkpoint_reader_skip_task(reader, error);
}

static apd_status count_clusters(apd_checkpoint_reader *reader, apd_capacity_counts *counts,
                                 apd_error *error) {
    const apd_layout *layout = apd_checkpoint_reader_layout(reader);
    int64_t entries;
    for (int b = 0; apd_checkpoint_reader_clustered(reader) && b < layout->block_count; b++) {
        if (!layout->blocks[b].decomposed)
            continue;
        APD_TRY(apd_checkpoint_reader_skip_clusters(reader, b, &entries, error));
        counts->tau += entries; /* the sum of tau and sigma_g is what is asked for */
    }
    return APD_OK;
}

typedef struct findings {
    apd_run_state *state;
    apd_capacity *capacity;
} findings;

static apd_status survey(const char *path, void *out, apd_error *error) {
    const findings *found = out;
    apd_checkpoint_reader *reader = NULL;
    apd_capacity_counts counts = {0};
    apd_status status;
    APD_GO(apd_checkpoint_reader_open(path, &reader, error));
    apd_run_state *state = apd_checkpoint_reader_state(reader);
    APD_GO(count_shared(reader, &counts, error));
    for (int t = 0; t < state->task_count; t++)
        APD_GO(count_task(reader, t, &counts, error));
    APD_GO(count_clusters(reader, &counts, error));
    if (state->half_way)
        APD_GO(apd_checkpoint_reader_skip_training(reader, error));
    APD_GO(apd_checkpoint_reader_finish(reader, error));
    counts.file_bytes = apd_checkpoint_bytes(path, state);
    const apd_layout *layout = apd_checkpoint_reader_layout(reader);
    *found->capacity = apd_capacity_of(layout, (int)layout->blocks[layout->block_count - 1].rows, &counts);
    *found->state = *state;
    *state = (apd_run_state){0};
out:
    apd_checkpoint_reader_destroy(reader);
    return status;
}

apd_status apd_checkpoint_survey(const char *path, apd_run_state *state, apd_capacity *capacity,
                                 apd_error *error) {
    findings found = {state, capacity};
    return read_newest(path, survey, &found, error);
}

int64_t apd_checkpoint_bytes(const char *path, const apd_run_state *state) {
    apd_segment_set set = {0};
    apd_checkpoint_needs(&set, state);
    apd_segment_set_sort(&set);
    int64_t bytes = apd_segment_bytes(path, &set);
    apd_segment_set_clear(&set);
    return bytes;
}
