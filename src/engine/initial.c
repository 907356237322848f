#include "engine/initial.h"

#include "base/counted.h"
#include "base/half.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/manifest.h"
#include "trained/trained.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool apd_initial_is_given(const apd_description *description) {
    return strcmp(description->init, APD_INIT_RANDOM) != 0;
}

/* --- whether it fits --------------------------------------------------------------------------------------------- */

static apd_status refuse(const apd_trained_run *from, const char *key, const char *theirs, const char *mine,
                         apd_error *error) {
    return apd_fail(error, APD_ERROR_USAGE,
                    "init: %s has %s %.300s, and this run has %.300s; a run with the same is needed",
                    from->path, key, theirs, mine);
}

static apd_status check_shape(const apd_run *run, const apd_trained_run *from, apd_error *error) {
    const apd_image_shape a = from->shape, b = run->dataset->shape;
    char texts[2][64];
    if (memcmp(&a, &b, sizeof a) == 0)
        return APD_OK;
    (void)snprintf(texts[0], sizeof texts[0], "%d x %d x %d", a.channels, a.height, a.width);
    (void)snprintf(texts[1], sizeof texts[1], "%d x %d x %d", b.channels, b.height, b.width);
    return refuse(from, "images of", texts[0], texts[1], error);
}

static apd_status check_layers(const apd_run *run, const apd_trained_run *from, apd_error *error) {
    const apd_description *both[2] = {from->description, run->description};
    char *texts[2];
    for (int i = 0; i < 2; i++) {
        apd_text text;
        apd_text_begin(&text, "the network's layers");
        apd_description_write_layers(both[i], text.file);
        texts[i] = apd_text_end(&text);
    }
    apd_status status =
        strcmp(texts[0], texts[1]) == 0 ? APD_OK : refuse(from, "network.layers", texts[0], texts[1], error);
    free(texts[0]);
    free(texts[1]);
    return status;
}

static apd_status check_method(const apd_run *run, const apd_trained_run *from, apd_error *error) {
    const apd_description *a = from->description, *b = run->description;
    const apd_method *mine = b->method.row, *theirs = a->method.row;
    char texts[2][32];
    if (theirs->storage == APD_STORAGE_SINGLE || mine->storage == APD_STORAGE_SINGLE)
        return apd_fail(error, APD_ERROR_USAGE,
                        "init: method.name is %s in %s and %s in this run: a method whose tasks share sigma "
                        "is needed in both",
                        theirs->name, from->path, mine->name);
    if (theirs->storage != mine->storage)
        return refuse(from, "method.name", theirs->name, mine->name, error);
    if (mine->storage != APD_STORAGE_DECOMPOSED || a->method.mask_init == b->method.mask_init)
        return APD_OK;
    (void)snprintf(texts[0], sizeof texts[0], "%.10g", a->method.mask_init);
    (void)snprintf(texts[1], sizeof texts[1], "%.10g", b->method.mask_init);
    return refuse(from, "method.mask_init", texts[0], texts[1], error);
}

/* Some task has ended and none is in training, so that the commit is not one of many that come and go. */
static apd_status check_state(const apd_trained_run *from, apd_error *error) {
    const apd_run_state *state = from->state;
    if (state->task_count > 0 && !state->half_way && state->ending == APD_ENDING_COMPLETE)
        return APD_OK;
    return apd_fail(error, APD_ERROR_USAGE,
                    "init: %s is in the middle of a task, after %s; train it to its end first", from->path,
                    apd_count(state->task_count, "finished task").text);
}

static apd_status check(const apd_run *run, const apd_trained_run *from, apd_error *error) {
    APD_TRY(check_state(from, error));
    APD_TRY(check_shape(run, from, error));
    APD_TRY(check_layers(run, from, error));
    APD_TRY(check_method(run, from, error));
    const apd_layout *mine = apd_network_layout(run->network), *theirs = apd_reader_layout(from->reader);
    bool same = mine->block_count == theirs->block_count;
    for (int b = 0; same && b < mine->block_count; b++)
        same = mine->blocks[b].cols == theirs->blocks[b].cols &&
               (!mine->blocks[b].decomposed || mine->blocks[b].rows == theirs->blocks[b].rows);
    return same ? APD_OK
                : apd_fail(error, APD_ERROR_DATA, "%s: its parameters are not those of its description",
                           from->path);
}

/* --- its numbers ------------------------------------------------------------------------------------------------- */

/* This rank's rows of sigma. What the run stores in 16 bits begins with 16 bits. */
static void copy_sigma(apd_run *run, const apd_trained_run *from) {
    apd_decomposition *d = run->decomposition;
    const apd_description *described = run->description;
    const bool half = described->method.storage == APD_STORE_CODED && described->method.row->codes;
    for (int b = 0; b < from->terms.blocks; b++) {
        const int64_t cols = d->layout->blocks[b].cols, count = apd_local_rows(d, b) * cols;
        const float *values = from->terms.sigma[b].own->dense + d->rows[b].begin * cols;
        if (half)
            apd_half_all(d->sigma[b], values, count);
        else if (count > 0)
            memcpy(d->sigma[b], values, (size_t)count * sizeof *values);
    }
}

/* This rank's rows of the biases of the last task that is not forgotten, if there is one. */
static apd_status copy_biases(apd_run *run, const apd_trained_run *from, apd_error *error) {
    apd_decomposition *d = run->decomposition;
    int last = from->state->task_count - 1;
    while (last >= 0 && from->state->records[last].class_count == 0)
        last--;
    if (run->description->method.row->storage == APD_STORAGE_DECOMPOSED || last < 0)
        return APD_OK;
    apd_item task = {0};
    APD_TRY(apd_theta_read_task(from->reader, last, &task, error));
    for (int b = 0; b < from->terms.blocks; b++) {
        const int64_t rows = apd_local_rows(d, b);
        d->first_biases[b] = apd_allocate(rows, sizeof(float), "the first biases");
        if (rows > 0)
            memcpy(d->first_biases[b], task.own[b].bias + d->rows[b].begin, (size_t)rows * sizeof(float));
    }
    apd_item_clear(&task);
    return APD_OK;
}

static apd_status load(apd_run *run, apd_trained_run *from, apd_error *error) {
    APD_TRY(apd_trained_run_open(run->description->init, false, from, error));
    APD_TRY(check(run, from, error));
    copy_sigma(run, from);
    return copy_biases(run, from, error);
}

apd_status apd_initial_load(apd_run *run, char **text, apd_error *error) {
    apd_trained_run from = {0};
    if (!apd_initial_is_given(run->description))
        return APD_OK;
    apd_status status = apd_team_agree(run->team, load(run, &from, error), error);
    if (status != APD_OK) {
        apd_trained_run_close(&from);
        return status;
    }
    const uint64_t digest = apd_manifest_digest(from.state);
    apd_text said;
    apd_text_begin(&said, "where sigma comes from");
    (void)fprintf(said.file, "%s, commit %d, digest %016" PRIx64, run->description->init, from.state->commit,
                  digest);
    *text = apd_text_end(&said);
    run->sigma_given = true;
    apd_trained_run_close(&from);
    if (apd_team_same(run->team, digest))
        return APD_OK;
    free(*text);
    *text = NULL;
    return apd_fail(error, APD_ERROR_DATA,
                    "init: the ranks see different commits of %s; put one where all nodes see it",
                    run->description->init);
}
