/* A walk over all groups of a commit: reading it through, and copying it into one file on the way. */
#include "io/checkpoint/checkpoint.h"
#include "io/checkpoint/parcel.h"
#include "io/checkpoint/read.h"
#include "io/checkpoint/write.h"

#include <stdlib.h>

typedef struct walk {
    apd_checkpoint_reader *reader;
    apd_checkpoint_writer *writer;       /* NULL: what is read goes nowhere */
    const apd_checkpoint_choice *choice; /* NULL: all; else a part, and no writer */
    bool
        sparing; /* of what was written now, whose bytes have been read back: large data sets are looked at only */
} walk;

/* Whether `weights` numbers are read though their bytes have been. */
static bool reads(const walk *w, int64_t weights) {
    enum { FEW = 1 << 20 };
    return !w->sparing || weights <= FEW;
}

static apd_status walk_sigma(const walk *w, int block, apd_error *error) {
    const apd_block *facts = &apd_checkpoint_reader_layout(w->reader)->blocks[block];
    float *sigma = NULL;
    if (!reads(w, facts->rows * facts->cols))
        return apd_checkpoint_reader_look_at_sigma(w->reader, block, error);
    apd_status status = apd_checkpoint_reader_sigma(w->reader, block, &sigma, error);
    if (status == APD_OK && w->writer != NULL)
        status = apd_checkpoint_writer_sigma(w->writer, block, sigma, error);
    free(sigma);
    return status;
}

static apd_status walk_blocks(const walk *w, int head_rows, apd_error *error) {
    const apd_layout *layout = apd_checkpoint_reader_layout(w->reader);
    for (int b = 0; b < layout->block_count; b++) {
        int64_t rows = layout->blocks[b].decomposed ? layout->blocks[b].rows : head_rows;
        apd_task_block *whole = NULL;
        APD_TRY(apd_checkpoint_reader_task_block(w->reader, b, head_rows, &whole, error));
        if (w->writer != NULL)
            apd_checkpoint_writer_task_block(w->writer, b, rows, whole);
        apd_checkpoint_block_destroy(whole);
    }
    return APD_OK;
}

static apd_status walk_task(const walk *w, int place, apd_error *error) {
    apd_checkpoint_facts facts;
    APD_TRY(apd_checkpoint_reader_begin_task(w->reader, place, &facts, error));
    if (!facts.present)
        return w->writer != NULL ? apd_checkpoint_writer_forgotten(w->writer, place, error) : APD_OK;
    if (!reads(w, facts.single ? apd_checkpoint_decomposed_weights(apd_checkpoint_reader_layout(w->reader))
                               : facts.entries))
        return apd_checkpoint_reader_skip_task(w->reader, error);
    if (w->writer != NULL)
        APD_TRY(apd_checkpoint_writer_begin_task(w->writer, place, &facts, error));
    APD_TRY(walk_blocks(w, facts.classes, error));
    APD_TRY(apd_checkpoint_reader_end_task(w->reader, error));
    return w->writer != NULL ? apd_checkpoint_writer_end_task(w->writer, error) : APD_OK;
}

static apd_status walk_cluster(const walk *w, int block, int cluster, apd_error *error) {
    apd_sparse shared = {0};
    apd_status status = apd_checkpoint_reader_cluster(w->reader, block, cluster, &shared, error);
    if (status == APD_OK && w->writer != NULL)
        status = apd_checkpoint_writer_cluster(w->writer, block, cluster, &shared, error);
    apd_sparse_clear(&shared);
    return status;
}

static apd_status walk_clusters(const walk *w, int block, apd_error *error) {
    int32_t *assignment = NULL;
    int clusters = 0;
    apd_status status = apd_checkpoint_reader_clusters(w->reader, block, &clusters, &assignment, error);
    if (status == APD_OK && w->writer != NULL)
        status = apd_checkpoint_writer_clusters(w->writer, block, clusters, assignment, error);
    free(assignment);
    for (int g = 0; g < clusters && status == APD_OK; g++)
        status = walk_cluster(w, block, g, error);
    return status;
}

static apd_status walk_array(const walk *w, const char *name, apd_error *error) {
    int64_t rows = APD_CHECKPOINT_ANY, width = APD_CHECKPOINT_ANY;
    float *values = NULL;
    apd_status status = apd_checkpoint_reader_array(w->reader, name, &rows, &width, &values, error);
    if (status == APD_OK && w->writer != NULL)
        status = apd_checkpoint_writer_array(w->writer, name, rows, width, values, error);
    free(values);
    return status;
}

static apd_status walk_training(const walk *w, apd_error *error) {
    const apd_training_names *names = NULL;
    APD_TRY(apd_checkpoint_reader_begin_training(w->reader, &names, error));
    if (w->writer != NULL)
        APD_TRY(apd_checkpoint_writer_begin_training(w->writer, names, error));
    for (int64_t i = 0; i < names->count; i++)
        APD_TRY(walk_array(w, names->names[i], error));
    return apd_checkpoint_reader_end_training(w->reader, error);
}

/* In the order that checkpoint_read.h and checkpoint_write.h ask for. */
static apd_status walk_groups(const walk *w, apd_error *error) {
    const apd_layout *layout = apd_checkpoint_reader_layout(w->reader);
    const apd_run_state *state = apd_checkpoint_reader_state(w->reader);
    bool shared = w->choice == NULL || w->choice->shared;
    for (int b = 0; shared && b < layout->block_count; b++)
        if (layout->blocks[b].decomposed)
            APD_TRY(walk_sigma(w, b, error));
    for (int t = 0; t < state->task_count; t++)
        if (w->choice == NULL)
            APD_TRY(walk_task(w, t, error));
        else
            APD_TRY(apd_checkpoint_reader_pass_task(w->reader, t, w->choice->parts[t], error));
    for (int b = 0; shared && b < layout->block_count; b++)
        if (apd_checkpoint_reader_clustered(w->reader) && layout->blocks[b].decomposed)
            APD_TRY(walk_clusters(w, b, error));
    if (!shared)
        apd_checkpoint_reader_pass_shared(w->reader);
    if (state->half_way)
        APD_TRY(w->choice == NULL ? walk_training(w, error)
                                  : apd_checkpoint_reader_skip_training(w->reader, error));
    return apd_checkpoint_reader_finish(w->reader, error);
}

apd_status apd_checkpoint_reader_check(const char *path, const apd_checkpoint_choice *choice, int *groups,
                                       apd_error *error) {
    walk w = {.choice = choice, .sparing = choice != NULL};
    apd_status status;
    APD_GO(apd_checkpoint_reader_open(path, &w.reader, error));
    APD_GO(walk_groups(&w, error));
    *groups = apd_checkpoint_reader_groups(w.reader);
out:
    apd_checkpoint_reader_destroy(w.reader);
    return status;
}

apd_status apd_checkpoint_reader_check_part(const apd_checkpoint_part *part, apd_error *error) {
    walk w = {.sparing = true};
    apd_status status;
    APD_GO(apd_checkpoint_reader_open_part(part, &w.reader, error));
    for (int i = 0; i < part->count; i++)
        APD_GO(walk_task(&w, part->places[i], error));
out:
    apd_checkpoint_reader_destroy(w.reader);
    return status;
}

apd_status apd_checkpoint_pack_once(const char *path, const char *to, int *groups, apd_error *error) {
    walk w = {0};
    apd_status status;
    APD_GO(apd_checkpoint_reader_open(path, &w.reader, error));
    APD_GO(apd_checkpoint_writer_open(to, NULL, apd_checkpoint_reader_layout(w.reader),
                                      apd_checkpoint_reader_state(w.reader), &w.writer, error));
    APD_GO(walk_groups(&w, error));
    APD_GO(apd_checkpoint_writer_commit(w.writer, error));
    *groups = apd_checkpoint_reader_groups(w.reader);
out:
    apd_checkpoint_writer_destroy(w.writer);
    apd_checkpoint_reader_destroy(w.reader);
    return status;
}
