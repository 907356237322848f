#include "engine/manifest.h"

#include "base/blas.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "base/utc.h"
#include "engine/about.h"
#include "io/checkpoint/describe.h"
#include "io/system/durable.h"
#include "io/system/file.h"
#include "io/system/json.h"
#include "io/system/machine.h"
#include "network/kernels/product.h"

#include "revision.h" /* made by CMake */

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What belongs to the last start of training, whoever writes the file anew. */
typedef struct origin {
    char command[4096], directory[1024], job[128], first[APD_UTC_SIZE], started[APD_UTC_SIZE];
    int starts; /* in all */
} origin;

/* Fields that an older file lacks are empty. */
static void read_origin(const char *folder, origin *from) {
    char *path = apd_join_path(folder, "manifest.json"), *text = NULL;
    int64_t bytes = 0;
    *from = (origin){0};
    if (apd_read_file(path, 1 << 20, &text, &bytes, NULL) == APD_OK) {
        (void)apd_json_find(text, "command", from->command, sizeof from->command);
        (void)apd_json_find(text, "directory", from->directory, sizeof from->directory);
        (void)apd_json_find(text, "slurm_job", from->job, sizeof from->job);
        (void)apd_json_find(text, "started", from->started, sizeof from->started);
        (void)apd_json_find(text, "first_started", from->first, sizeof from->first);
        from->starts = apd_json_find_whole(text, "starts");
    }
    free(text);
    free(path);
}

static void note_start(origin *of, time_t when) {
    apd_utc(when, of->started);
    apd_machine_command(of->command, sizeof of->command);
    apd_machine_job(of->job, sizeof of->job);
    if (getcwd(of->directory, sizeof of->directory) == NULL)
        of->directory[0] = '\0';
    if (of->first[0] == '\0')
        (void)snprintf(of->first, sizeof of->first, "%s", of->started);
    of->starts++;
}

static void put_digest(apd_json *json, const char *key, uint64_t digest) {
    char text[20];
    (void)snprintf(text, sizeof text, "%016" PRIx64, digest);
    apd_json_text(json, key, text);
}

uint64_t apd_manifest_digest(const apd_run_state *state) {
    uint64_t digest = apd_digest(state->accuracies.now, (size_t)state->task_count * sizeof(double));
    for (int t = 0; t < state->task_count; t++)
        digest = apd_digest_join(digest, state->records[t].home.digest);
    for (int b = 0; b < state->block_count; b++) {
        digest = apd_digest_join(digest, state->shared[b].sigma.digest);
        for (int c = 0; c < state->shared[b].clusters; c++)
            digest = apd_digest_join(digest, state->shared[b].cluster[c].digest);
    }
    return digest;
}

static void put_program(apd_json *json) {
    apd_json_text(json, "program", "apd " APD_VERSION);
    apd_json_text(json, "revision", apd_revision);
    apd_json_text(json, "build", APD_BUILD_TYPE);
    apd_json_text(json, "compiler", __VERSION__);
    apd_json_text(json, "kernels", apd_kernels_name());
    apd_json_text(json, "blas", apd_blas_library());
    apd_json_text(json, "blas_core", apd_blas_core());
    apd_json_text(json, "mpi", apd_team_library());
    apd_json_text(json, "hdf5", apd_checkpoint_library());
}

static void put_machine(apd_json *json, const apd_run *run, const char *hosts) {
    char processor[256], system[256];
    apd_machine_processor(processor, sizeof processor);
    apd_machine_system(system, sizeof system);
    apd_json_text(json, "processor", processor);
    apd_json_text(json, "system", system);
    apd_json_integer(json, "ranks", apd_team_size(run->team));
    apd_json_text(json, "hosts", hosts);
}

static void put_description(apd_json *json, const apd_run *run) {
    apd_json_integer(json, "shards", run->partition.shards);
    apd_json_text(json, "evaluate", run->stream->measured == APD_PART_TEST ? "test" : "validation");
    apd_json_unsigned(json, "seed", run->description->seed);
    put_digest(json, "config_digest", run->state.config_digest);
    put_digest(json, "data_digest", run->state.data_digest);
    char *init = apd_about_init(&run->state);
    if (init != NULL)
        apd_json_text(json, "init", init);
    free(init);
}

/* Digest and capacity are null before the first task. */
static void put_results(apd_json *json, const apd_run *run, const apd_manifest_figures *figures) {
    const bool any = run->state.task_count > 0;
    const apd_capacity none = {NAN, NAN, NAN, NAN}, *capacity = any ? &figures->capacity : &none;
    if (any)
        put_digest(json, "results_digest", apd_manifest_digest(&run->state));
    apd_json_integer(json, "tasks_done", apd_run_tasks_done(run));
    apd_json_integer(json, "tasks", run->stream->task_count);
    apd_json_integer(json, "commit", run->state.commit);
    apd_json_number(json, "capacity", capacity->weights);
    apd_json_number(json, "capacity_with_heads", capacity->all);
    apd_json_number(json, "capacity_bytes", capacity->bytes);
    apd_json_number(json, "capacity_coded", capacity->coded);
    apd_json_integer(json, "checkpoint_bytes", figures->file_bytes);
    apd_json_integer(json, "peak_bytes_a_rank", figures->peak);
}

static void put_origin(apd_json *json, const origin *of) {
    apd_json_text(json, "command", of->command);
    apd_json_text(json, "directory", of->directory);
    if (of->job[0] != '\0')
        apd_json_text(json, "slurm_job", of->job);
    apd_json_integer(json, "starts", of->starts);
    apd_json_text(json, "first_started", of->first);
    apd_json_text(json, "started", of->started);
}

apd_status apd_manifest_write(const apd_run *run, const char *hosts, const apd_manifest_figures *figures,
                              bool starts, apd_error *error) {
    const char *folder = run->description->output;
    const time_t now = time(NULL);
    char written[APD_UTC_SIZE];
    origin of;
    apd_utc(now, written);
    read_origin(folder, &of);
    if (starts)
        note_start(&of, now - (time_t)(apd_seconds() - run->started));
    apd_text text;
    apd_text_begin(&text, "manifest.json");
    apd_json json = {.file = text.file};
    apd_json_begin_object(&json, NULL);
    put_program(&json);
    put_machine(&json, run, hosts);
    put_description(&json, run);
    put_results(&json, run, figures);
    put_origin(&json, &of);
    apd_json_text(&json, "written", written);
    apd_json_end(&json);
    (void)apd_text_end(&text);
    apd_status status = apd_write_file(folder, "manifest.json", text.text, (int64_t)text.size, error);
    free(text.text);
    return status;
}
