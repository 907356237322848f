/* Reading a commit through, and copying it into one file. A run may commit meanwhile: its parts then go, and what is there by
 * then is read. */
#include "io/checkpoint/commits.h"

#include "base/memory.h"
#include "io/checkpoint/reader.h"
#include "io/checkpoint/results.h"
#include "io/checkpoint/root.h"
#include "io/checkpoint/store.h"
#include "io/hdf5/guard.h"
#include "io/hdf5/read_driver.h"
#include "io/system/durable.h"
#include "io/system/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Read every item, and append it to `writer` where that is not NULL. */
static apd_status read_items(apd_reader *reader, const apd_item_key *items, int count,
                             apd_part_writer *writer, apd_error *error) {
    apd_status status = APD_OK;
    for (int i = 0; i < count && status == APD_OK; i++) {
        apd_item item = apd_item_whole(items[i], apd_reader_layout(reader), apd_reader_state(reader));
        status = apd_reader_item(reader, &item, error);
        if (status == APD_OK && writer != NULL &&
            apd_item_code(&item) != apd_item_home(apd_reader_state(reader), items[i])->code)
            status = apd_fail(error, APD_ERROR_DATA, "%s: its code is longer than apd writes it", item.group);
        if (status == APD_OK && writer != NULL)
            apd_item_append(&item, 1, item.held, NULL, writer);
        apd_item_clear(&item);
    }
    return status;
}

static apd_status verify_results(const apd_reader *reader, const char *path, int *groups, apd_error *error) {
    if (apd_reader_root(reader) == NULL)
        return APD_OK;
    const char *former = apd_h5_guard_begin(path);
    apd_status status = apd_results_verify(apd_reader_root(reader), groups, error);
    if (status != APD_OK)
        status = apd_h5_check_refused(status, error);
    apd_h5_guard_end(former);
    return status;
}

static apd_status verify_once(const char *path, void *out, apd_error *error) {
    apd_reader *reader = NULL;
    int count, groups = 0;
    APD_TRY(apd_reader_open(path, &reader, error));
    apd_item_key *items = apd_item_list(apd_reader_state(reader), &count);
    apd_status status = read_items(reader, items, count, NULL, error);
    if (status == APD_OK)
        status = verify_results(reader, path, &groups, error);
    if (status == APD_OK)
        *(int *)out = groups + count + apd_root_group_count(apd_reader_state(reader));
    free(items);
    apd_reader_destroy(reader);
    return status;
}

/* --- what a commit keeps ---------------------------------------------------------------------------------- */

/* Weights that some task's subnetwork uses. */
static apd_status count_subnetworks(apd_reader *reader, int64_t *used, apd_error *error) {
    const apd_layout *layout = apd_reader_layout(reader);
    apd_run_state *state = apd_reader_state(reader);
    apd_status status = APD_OK;
    int blocks = layout->block_count - 1;
    uint8_t **all = apd_allocate(blocks, sizeof *all, "the tasks' bits");
    for (int t = 0; t < state->task_count && status == APD_OK; t++) {
        if (state->records[t].class_count == 0 || state->records[t].storage != APD_STORAGE_SUBNETWORK)
            continue;
        apd_item item = apd_item_whole((apd_item_key){APD_ITEM_TASK, t, 0}, layout, state);
        status = apd_reader_item(reader, &item, error);
        for (int b = 0; b < blocks && status == APD_OK; b++) {
            int64_t bytes = layout->blocks[b].rows * apd_bit_bytes(layout->blocks[b].cols);
            if (all[b] == NULL)
                all[b] = apd_allocate(bytes, 1, "the tasks' bits");
            for (int64_t i = 0; i < bytes; i++)
                all[b][i] |= item.own[b].bits[i];
        }
        apd_item_clear(&item);
    }
    for (int b = 0; b < blocks; free(all[b++]))
        if (all[b] != NULL)
            *used += apd_bits_count(all[b], layout->blocks[b].rows * apd_bit_bytes(layout->blocks[b].cols));
    free((void *)all);
    return status;
}

static bool has_subnetworks(const apd_run_state *state) {
    bool any = false;
    for (int t = 0; t < state->task_count; t++)
        any =
            any || (state->records[t].class_count > 0 && state->records[t].storage == APD_STORAGE_SUBNETWORK);
    return any;
}

/* Weights of sigma in use: as apd_decomposition_sigma_used. */
static apd_status count_sigma(apd_reader *reader, int64_t *nonzeros, apd_error *error) {
    if (has_subnetworks(apd_reader_state(reader)))
        return count_subnetworks(reader, nonzeros, error);
    const apd_layout *layout = apd_reader_layout(reader);
    apd_status status = APD_OK;
    for (int b = 0; b + 1 < layout->block_count && status == APD_OK; b++) {
        apd_item item =
            apd_item_whole((apd_item_key){APD_ITEM_SIGMA, b, 0}, layout, apd_reader_state(reader));
        status = apd_reader_item(reader, &item, error);
        for (int64_t j = 0; j < layout->blocks[b].rows * layout->blocks[b].cols && status == APD_OK; j++)
            *nonzeros += item.own->dense[j] != 0.0f;
        apd_item_clear(&item);
    }
    return status;
}

/* All but sigma's, of the first `tasks`, from the state alone: tau counts sigma_g, too. */
static void count_items(const apd_run_state *state, const apd_layout *layout, int tasks,
                        apd_capacity_counts *counts) {
    int64_t rows = 0, cols = layout->blocks[layout->block_count - 1].cols;
    for (int b = 0; b + 1 < layout->block_count; b++)
        rows += layout->blocks[b].rows;
    for (int b = 0; b < state->block_count; b++)
        for (int g = 0; g < state->shared[b].clusters; g++)
            counts->tau += state->shared[b].cluster[g].entries;
    for (int t = 0; t < tasks; t++) {
        const apd_task_record *record = &state->records[t];
        if (record->class_count == 0)
            continue;
        counts->tau += record->storage == APD_STORAGE_SINGLE ? layout->decomposed : record->home.entries;
        counts->masks += record->storage == APD_STORAGE_DECOMPOSED ? rows : 0;
        counts->bits += record->storage == APD_STORAGE_SUBNETWORK ? layout->decomposed : 0;
        counts->own += rows + record->class_count * (cols + 1);
    }
}

/* --- packing ---------------------------------------------------------------------------------------------- */

typedef struct packing {
    const char *to;
    apd_pack_kind kind;
    apd_reader *reader;
    apd_item_key *items;
    int count; /* 0: results alone */
    int group_count;
    apd_item *shapes;       /* (count) */
    apd_part_group *groups; /* of the root, then (count), then of the results */
    void **storage;         /* (count) */
    apd_root root;
    apd_results_part results;
    apd_part_attribute *attributes; /* the root's */
} packing;

static void describe_items(packing *p) {
    for (int i = 0; i < p->count; i++) {
        int64_t code = apd_item_home(apd_reader_state(p->reader), p->items[i])->code;
        p->shapes[i] = apd_item_whole(p->items[i], apd_reader_layout(p->reader), apd_reader_state(p->reader));
        apd_item_describe(&p->shapes[i], apd_reader_state(p->reader), code,
                          &p->groups[p->root.group_count + i], &p->storage[i]);
    }
}

/* The capacity of what the commit keeps for the first t+1 tasks: (tasks), to be freed. */
static apd_status count_capacities(apd_reader *reader, double **out, apd_error *error) {
    const apd_run_state *state = apd_reader_state(reader);
    const apd_layout *layout = apd_reader_layout(reader);
    int64_t sigma = 0;
    APD_TRY(count_sigma(reader, &sigma, error));
    double *capacities = apd_allocate(state->task_count, sizeof *capacities, "capacities");
    for (int t = 0; t < state->task_count; t++) {
        apd_capacity_counts counts = {.sigma = sigma, .coded = NAN};
        count_items(state, layout, t + 1, &counts);
        capacities[t] =
            apd_capacity_of(layout, (int)layout->blocks[layout->block_count - 1].rows, &counts).weights;
    }
    *out = capacities;
    return APD_OK;
}

/* Put the results' groups behind the others, and lead viewers to them from the root, which is the first. */
static void add_results(packing *p) {
    int more = 0;
    const apd_part_attribute *added = apd_results_root(&more);
    apd_part_group *root = &p->groups[0];
    if (p->results.group_count == 0)
        return;
    p->attributes = apd_allocate(root->attribute_count + more, sizeof *p->attributes, "attributes");
    if (root->attribute_count > 0)
        memcpy(p->attributes, root->attributes, (size_t)root->attribute_count * sizeof *added);
    memcpy(p->attributes + root->attribute_count, added, (size_t)more * sizeof *added);
    root->attributes = p->attributes;
    root->attribute_count += more;
    memcpy(p->groups + p->group_count, p->results.groups, (size_t)p->results.group_count * sizeof *p->groups);
    p->group_count += p->results.group_count;
}

static apd_status describe_file(packing *p, apd_error *error) {
    const apd_run_state *state = apd_reader_state(p->reader);
    if (p->kind != APD_PACK_COMMIT) {
        double *capacities = NULL;
        APD_TRY(count_capacities(p->reader, &capacities, error));
        apd_results_describe(state, capacities, p->kind == APD_PACK_RESULTS, &p->results);
        free(capacities);
    }
    if (p->kind == APD_PACK_RESULTS && p->results.group_count == 0)
        return apd_fail(error, APD_ERROR_USAGE, "%s has no finished task, so that there are no results",
                        p->to);
    if (p->kind != APD_PACK_RESULTS)
        apd_root_describe(state, apd_reader_layout(p->reader), true, &p->root);
    p->group_count = p->kind == APD_PACK_RESULTS ? 1 : p->root.group_count + p->count;
    p->groups = apd_allocate(p->group_count + (int64_t)APD_RESULT_GROUPS, sizeof *p->groups, "groups");
    p->groups[0].name = "";
    memcpy(p->groups, p->root.groups, (size_t)p->root.group_count * sizeof *p->groups);
    describe_items(p);
    add_results(p);
    return APD_OK;
}

static apd_status write_packed(packing *p, const char *path, apd_part_writer **writer, apd_error *error) {
    uint64_t *digests = apd_allocate(p->group_count, sizeof *digests, "groups' digests"), digest;
    int64_t bytes;
    apd_part_plan plan = {
        .commit = apd_reader_state(p->reader)->commit, .group_count = p->group_count, .groups = p->groups};
    apd_status status;
    APD_GO(apd_part_create(path, &plan, writer, error));
    apd_root_append(&p->root, *writer);
    APD_GO(read_items(p->reader, p->items, p->count, *writer, error));
    apd_results_append(&p->results, *writer);
    APD_GO(apd_part_finish(*writer, digests, &bytes, &digest, error));
    APD_GO(apd_part_wait(*writer, error));
out:
    free(digests);
    return status;
}

static apd_status write_file(packing *p, apd_error *error) {
    apd_part_writer *writer = NULL;
    char *temporary = apd_store_temporary(p->to);
    apd_status status;
    APD_GO(describe_file(p, error));
    APD_GO(apd_file_delete(temporary, error));
    APD_GO(write_packed(p, temporary, &writer, error));
    APD_GO(apd_rename_durably(temporary, p->to, error));
    apd_part_keep(writer);
out:
    apd_part_destroy(writer);
    free(temporary);
    return status;
}

static apd_status pack_once(const char *path, void *out, apd_error *error) {
    packing *asked = out, p = {.to = asked->to, .kind = asked->kind};
    APD_TRY(apd_reader_open(path, &p.reader, error));
    p.items = apd_item_list(apd_reader_state(p.reader), &p.count);
    if (p.kind == APD_PACK_RESULTS)
        p.count = 0;
    p.shapes = apd_allocate(p.count, sizeof *p.shapes, "items");
    p.storage = apd_allocate(p.count, sizeof *p.storage, "items' arrays");
    apd_status status = write_file(&p, error);
    if (status == APD_OK)
        asked->group_count = p.group_count;
    for (int i = 0; i < p.count; i++) {
        apd_item_clear(&p.shapes[i]);
        free(p.storage[i]);
    }
    free(p.storage);
    free(p.shapes);
    free(p.groups);
    free(p.items);
    free(p.attributes);
    apd_results_clear(&p.results);
    apd_root_clear(&p.root);
    apd_reader_destroy(p.reader);
    return status;
}

/* --- the run's state --------------------------------------------------------------------------------------- */

typedef struct findings {
    apd_run_state *state;
    apd_capacity *capacity; /* NULL: not asked for */
} findings;

static apd_status survey_once(const char *path, void *out, apd_error *error) {
    const findings *found = out;
    apd_reader *reader = NULL;
    apd_capacity_counts counts = {.coded = NAN}; /* would need every row's offsets */
    APD_TRY(apd_reader_open(path, &reader, error));
    apd_run_state *state = apd_reader_state(reader);
    const apd_layout *layout = apd_reader_layout(reader);
    apd_status status = found->capacity != NULL ? count_sigma(reader, &counts.sigma, error) : APD_OK;
    if (status == APD_OK && found->capacity != NULL) {
        count_items(state, layout, state->task_count, &counts);
        counts.file_bytes = apd_checkpoint_bytes(path, state);
        *found->capacity =
            apd_capacity_of(layout, (int)layout->blocks[layout->block_count - 1].rows, &counts);
    }
    if (status == APD_OK) {
        *found->state = *state;
        *state = (apd_run_state){0};
    }
    apd_reader_destroy(reader);
    return status;
}

int64_t apd_checkpoint_bytes(const char *path, const apd_run_state *state) {
    struct stat facts;
    int64_t bytes = stat(path, &facts) == 0 ? (int64_t)facts.st_size : 0;
    for (int p = 0; p < state->part_count; p++)
        bytes += state->parts[p].bytes;
    return bytes;
}

/* --- reading while the run may commit --------------------------------------------------------------------- */

apd_status apd_checkpoint_read_newest(const char *path, apd_checkpoint_reading *attempt, void *out,
                                      apd_error *error) {
    enum { ATTEMPTS = 20 };
    for (int i = 1;; i++) {
        apd_error found = {0};
        struct stat before = {0}, after = {0};
        (void)stat(path, &before);
        apd_status status = attempt(path, out, &found);
        (void)stat(path, &after);
        bool same = before.st_ino == after.st_ino && before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
                    before.st_mtim.tv_nsec == after.st_mtim.tv_nsec;
        if (status == APD_OK)
            return APD_OK;
        if (same || i == ATTEMPTS)
            return apd_fail(error, status, "%s", found.message);
    }
}

apd_status apd_checkpoint_read_state(const char *path, apd_run_state *state, apd_error *error) {
    findings found = {state, NULL};
    return apd_checkpoint_read_newest(path, survey_once, &found, error);
}

apd_status apd_checkpoint_survey(const char *path, apd_run_state *state, apd_capacity *capacity,
                                 apd_error *error) {
    findings found = {state, capacity};
    return apd_checkpoint_read_newest(path, survey_once, &found, error);
}

apd_status apd_checkpoint_verify(const char *path, int *groups, apd_error *error) {
    return apd_checkpoint_read_newest(path, verify_once, groups, error);
}

apd_status apd_checkpoint_pack(const char *path, const char *to, apd_pack_kind kind, int *groups,
                               apd_error *error) {
    packing asked = {.to = to, .kind = kind};
    APD_TRY(apd_checkpoint_read_newest(path, pack_once, &asked, error));
    if (kind != APD_PACK_RESULTS)
        return apd_checkpoint_verify(to, groups, error);
    *groups = asked.group_count;
    return APD_OK;
}
