/* Reading a commit through, and copying it into one file. */
#include "io/checkpoint.h"
#include "io/checkpoint_parcel.h"
#include "io/checkpoint_read.h"
#include "io/checkpoint_write.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static apd_status check_task(apd_checkpoint_reader *reader, int place, apd_error *error) {
    apd_checkpoint_facts facts;
    APD_TRY(apd_checkpoint_reader_begin_task(reader, place, &facts, error));
    for (int b = 0; facts.present && b < apd_checkpoint_reader_layout(reader)->block_count; b++) {
        apd_task_block *whole = NULL;
        APD_TRY(apd_checkpoint_reader_task_block(reader, b, facts.classes, &whole, error));
        apd_checkpoint_block_destroy(whole);
    }
    return facts.present ? apd_checkpoint_reader_end_task(reader, error) : APD_OK;
}

static apd_status check_sigma(apd_checkpoint_reader *reader, int block, apd_error *error) {
    float *sigma = NULL;
    apd_status status = apd_checkpoint_reader_sigma(reader, block, &sigma, error);
    free(sigma);
    return status;
}

static apd_status check_clusters(apd_checkpoint_reader *reader, int block, apd_error *error) {
    int32_t *assignment = NULL;
    int clusters;
    APD_TRY(apd_checkpoint_reader_clusters(reader, block, &clusters, &assignment, error));
    free(assignment);
    for (int g = 0; g < clusters; g++) {
        apd_sparse shared = {0};
        APD_TRY(apd_checkpoint_reader_cluster(reader, block, g, &shared, error));
        apd_sparse_clear(&shared);
    }
    return APD_OK;
}

static apd_status check_training(apd_checkpoint_reader *reader, apd_error *error) {
    const apd_training_names *names = NULL;
    APD_TRY(apd_checkpoint_reader_begin_training(reader, &names, error));
    for (int64_t i = 0; i < names->count; i++) {
        int64_t rows = APD_CHECKPOINT_ANY, width = APD_CHECKPOINT_ANY;
        float *values = NULL;
        APD_TRY(apd_checkpoint_reader_array(reader, names->names[i], &rows, &width, &values, error));
        free(values);
    }
    return apd_checkpoint_reader_end_training(reader, error);
}

/* Order of the groups: see checkpoint_read.h. */
static apd_status check_groups(apd_checkpoint_reader *reader, const apd_checkpoint_choice *choice,
                               apd_error *error) {
    const apd_layout *layout = apd_checkpoint_reader_layout(reader);
    const apd_run_state *state = apd_checkpoint_reader_state(reader);
    bool shared = choice == NULL || choice->shared;
    for (int b = 0; shared && b < layout->block_count; b++)
        if (layout->blocks[b].decomposed)
            APD_TRY(check_sigma(reader, b, error));
    for (int t = 0; t < state->task_count; t++)
        if (choice == NULL || choice->tasks[t])
            APD_TRY(check_task(reader, t, error));
        else
            apd_checkpoint_reader_pass_task(reader, t);
    for (int b = 0; shared && b < layout->block_count; b++)
        if (apd_checkpoint_reader_clustered(reader) && layout->blocks[b].decomposed)
            APD_TRY(check_clusters(reader, b, error));
    if (!shared)
        apd_checkpoint_reader_pass_shared(reader);
    return state->half_way ? check_training(reader, error) : APD_OK;
}

apd_status apd_checkpoint_reader_check(const char *path, const apd_checkpoint_choice *choice, int *groups,
                                       apd_error *error) {
    apd_checkpoint_reader *reader = NULL;
    apd_status status;
    APD_GO(apd_checkpoint_reader_open(path, &reader, error));
    APD_GO(check_groups(reader, choice, error));
    APD_GO(apd_checkpoint_reader_finish(reader, error));
    *groups = apd_checkpoint_reader_groups(reader);
out:
    apd_checkpoint_reader_destroy(reader);
    return status;
}

/* --- pack ----------------------------------------------------------------------------------------------- */

typedef struct packing {
    apd_checkpoint_reader *reader;
    apd_checkpoint_writer *writer;
} packing;

static apd_status pack_task(const packing *p, int place, apd_error *error) {
    apd_checkpoint_facts facts;
    APD_TRY(apd_checkpoint_reader_begin_task(p->reader, place, &facts, error));
    if (!facts.present)
        return apd_checkpoint_writer_forgotten(p->writer, place, error);
    APD_TRY(apd_checkpoint_writer_begin_task(p->writer, place, &facts, error));
    for (int b = 0; b < apd_checkpoint_reader_layout(p->reader)->block_count; b++) {
        apd_task_block *whole = NULL;
        APD_TRY(apd_checkpoint_reader_task_block(p->reader, b, facts.classes, &whole, error));
        apd_checkpoint_writer_task_block(p->writer, b, whole);
        apd_checkpoint_block_destroy(whole);
    }
    APD_TRY(apd_checkpoint_reader_end_task(p->reader, error));
    return apd_checkpoint_writer_end_task(p->writer, error);
}

static apd_status pack_sigma(const packing *p, int block, apd_error *error) {
    float *sigma = NULL;
    APD_TRY(apd_checkpoint_reader_sigma(p->reader, block, &sigma, error));
    apd_status status = apd_checkpoint_writer_sigma(p->writer, block, sigma, error);
    free(sigma);
    return status;
}

static apd_status pack_clusters(const packing *p, int block, apd_error *error) {
    int32_t *assignment = NULL;
    int clusters;
    APD_TRY(apd_checkpoint_reader_clusters(p->reader, block, &clusters, &assignment, error));
    apd_status status = apd_checkpoint_writer_clusters(p->writer, block, clusters, assignment, error);
    free(assignment);
    for (int g = 0; g < clusters && status == APD_OK; g++) {
        apd_sparse shared = {0};
        APD_TRY(apd_checkpoint_reader_cluster(p->reader, block, g, &shared, error));
        status = apd_checkpoint_writer_cluster(p->writer, block, g, &shared, error);
        apd_sparse_clear(&shared);
    }
    return status;
}

static apd_status pack_training(const packing *p, apd_error *error) {
    const apd_training_names *names = NULL;
    APD_TRY(apd_checkpoint_reader_begin_training(p->reader, &names, error));
    APD_TRY(apd_checkpoint_writer_begin_training(p->writer, names, error));
    for (int64_t i = 0; i < names->count; i++) {
        int64_t rows = APD_CHECKPOINT_ANY, width = APD_CHECKPOINT_ANY;
        float *values = NULL;
        APD_TRY(apd_checkpoint_reader_array(p->reader, names->names[i], &rows, &width, &values, error));
        apd_status status =
            apd_checkpoint_writer_array(p->writer, names->names[i], rows, width, values, error);
        free(values);
        APD_TRY(status);
    }
    return apd_checkpoint_reader_end_training(p->reader, error);
}

static apd_status pack_groups(const packing *p, apd_error *error) {
    const apd_layout *layout = apd_checkpoint_reader_layout(p->reader);
    const apd_run_state *state = apd_checkpoint_reader_state(p->reader);
    for (int b = 0; b < layout->block_count; b++)
        if (layout->blocks[b].decomposed)
            APD_TRY(pack_sigma(p, b, error));
    for (int t = 0; t < state->task_count; t++)
        APD_TRY(pack_task(p, t, error));
    for (int b = 0; b < layout->block_count; b++)
        if (apd_checkpoint_reader_clustered(p->reader) && layout->blocks[b].decomposed)
            APD_TRY(pack_clusters(p, b, error));
    return state->half_way ? pack_training(p, error) : APD_OK;
}

apd_status apd_checkpoint_pack_once(const char *path, const char *to, int *groups, apd_error *error) {
    packing p = {0};
    apd_status status;
    APD_GO(apd_checkpoint_reader_open(path, &p.reader, error));
    APD_GO(apd_checkpoint_writer_open(to, true, apd_checkpoint_reader_layout(p.reader),
                                      apd_checkpoint_reader_state(p.reader), &p.writer, error));
    APD_GO(pack_groups(&p, error));
    APD_GO(apd_checkpoint_reader_finish(p.reader, error));
    APD_GO(apd_checkpoint_writer_commit(p.writer, error));
    *groups = apd_checkpoint_reader_groups(p.reader);
out:
    apd_checkpoint_writer_destroy(p.writer);
    apd_checkpoint_reader_destroy(p.reader);
    return status;
}
