#include "fuzz_checkpoint_run.h"

#include "base/memory.h"
#include "fuzz.h"
#include "io/checkpoint/links.h"
#include "io/checkpoint/reader.h"
#include "io/checkpoint/root.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const fuzz_run_files[FUZZ_FILES] = {"checkpoint.h5", "segments/000001-0.h5",
                                                "segments/000001-1.h5", "segments/000001-2.h5",
                                                "segments/000001-3.h5"};
struct fuzz_order fuzz_orders[32];
int fuzz_order_count;

#define MUST(call) FUZZ_CHECK((call) == APD_OK)

enum { TASKS = 5, BLOCKS = 3, CLASSES = 2, SHARDS = 2, WIDTH = 4, ARRAYS = 3 };
const int fuzz_part_ends[FUZZ_PARTS] = {4, 6, 8,
                                        11}; /* of the 11 items: shared, two tasks, two more, training */

static const apd_layout *good_layout(void) {
    static apd_block blocks[BLOCKS] = {{.name = "conv1", .rows = 2, .cols = WIDTH, .decomposed = true},
                                       {.name = "dense2", .rows = 3, .cols = WIDTH, .decomposed = true},
                                       {.name = "head", .rows = CLASSES, .cols = 3}};
    static apd_layout layout = {.block_count = BLOCKS, .blocks = blocks, .decomposed = 5 * WIDTH};
    return &layout;
}

/* Tasks 0 and 3 are sparse, 1 is single, 2 is forgotten, 4 is a subnetwork; task 5 is half way. Clear it. */
static void good_state(apd_run_state *state) {
    static const apd_training_array arrays[ARRAYS] = {
        {0, WIDTH, "tau"}, {0, WIDTH, "tau.best"}, {2, 1, "bias"}};
    *state = (apd_run_state){.commit = 1,
                             .shards = SHARDS,
                             .half = 1,
                             .task_count = TASKS,
                             .consolidations = 1,
                             .half_way = 1,
                             .block_count = BLOCKS,
                             .part_count = FUZZ_PARTS};
    state->training =
        (apd_training_state){.id = 5, .epochs = 3, .array_count = ARRAYS, .tally_count = 3 * SHARDS};
    state->run_yaml =
        apd_duplicate_text("data: {file: a.h5}\nstream: {kind: split, classes_per_task: 2}\nnetwork:\n"
                           "  layers: [conv: {units: 2, kernel: 2, padding: valid}, dense: {units: 3}]\n");
    state->about = apd_duplicate_text("input: [1, 2, 3]\nscaling: uint8 images are divided by 255\n");
    state->training.tallies = apd_allocate(3L * SHARDS, sizeof(double), "tallies");
    state->training.arrays = apd_allocate(ARRAYS, sizeof *arrays, "arrays");
    memcpy(state->training.arrays, arrays, sizeof arrays);
    state->records = apd_allocate(TASKS, sizeof *state->records, "tasks");
    state->shared = apd_allocate(BLOCKS, sizeof *state->shared, "blocks");
    state->parts = apd_allocate(FUZZ_PARTS, sizeof *state->parts, "parts");
    for (int b = 0; b + 1 < BLOCKS; b++) {
        state->shared[b].clusters = 1;
        state->shared[b].cluster = apd_allocate(1, sizeof(apd_home), "clusters");
    }
    for (int t = 0; t < TASKS; t++) {
        apd_task_record *record = &state->records[t];
        *record = (apd_task_record){.id = t,
                                    .storage = t == 1   ? APD_STORAGE_SINGLE
                                               : t == 4 ? APD_STORAGE_SUBNETWORK
                                                        : APD_STORAGE_DECOMPOSED,
                                    .class_count = t == 2 ? 0 : CLASSES};
        (void)snprintf(record->name, sizeof record->name, "task %d", t);
        record->normalisation.deviation[0] = 1;
        record->classes = apd_allocate(CLASSES, sizeof(int), "classes");
        record->groups = apd_allocate(BLOCKS, sizeof(int32_t), "clusters");
        for (int b = 0; b < BLOCKS; b++)
            record->groups[b] = t % 3 == 0 && b + 1 < BLOCKS ? 0 : -1;
        apd_accuracies_add_task(&state->accuracies);
        for (int j = 0; j <= t; j++)
            state->accuracies.now[j] = 0.5 + 0.1 * j;
    }
}

/* Numbers for an item that has none: two entries a row, 0.5 everywhere. */
static void fill(const apd_item *item) {
    static const int64_t ends[] = {2, 4, 6};
    for (int a = 0; a < item->count; a++) {
        const apd_item_array *array = &item->arrays[a];
        if (array->array.extent != APD_ENTRIES)
            apd_item_allocate(item, array);
        for (int b = array->first; b < array->end; b++) {
            apd_rows rows = apd_item_rows(item, b, item->held[b]);
            if (array->array.extent == APD_ENDS)
                apd_item_set_ends(array, b, rows.end, ends, 0);
            int64_t count = apd_item_numbers(item, array, b, rows.end, 2 * rows.end);
            for (int64_t i = 0; i < count && array->array.extent != APD_ENDS; i++) {
                if (array->array.number == APD_I32)
                    ((int32_t *)apd_item_at(array, b))[i] = 1 + (int32_t)(i % 2);
                else if (array->array.number == APD_U8)
                    ((uint8_t *)apd_item_at(array, b))[i] = 0xa0;
                else
                    ((float *)apd_item_at(array, b))[i] = 0.5F;
            }
        }
    }
}

static void keep_order(const apd_part_group *group) {
    struct fuzz_order *order = &fuzz_orders[fuzz_order_count++];
    FUZZ_CHECK(fuzz_order_count <= (int)(sizeof fuzz_orders / sizeof *fuzz_orders) &&
               group->array_count <= 16);
    (void)snprintf(order->group, sizeof order->group, "%s", group->name);
    for (int a = 0; a < group->array_count; a++)
        (void)snprintf(order->names[order->count++], sizeof order->names[0], "%s", group->arrays[a].name);
}

static void write_part(const char *run_folder, apd_run_state *state, const apd_item_key *keys, int first,
                       int end, int part) {
    apd_item items[8];
    apd_part_group groups[8];
    void *storage[8];
    uint64_t digests[8];
    apd_part_record *record = &state->parts[part];
    apd_part_plan plan = {.commit = 1, .group_count = end - first, .groups = groups};
    apd_part_writer *writer = NULL;
    char name[256];
    for (int i = 0; i < end - first; i++) {
        items[i] = apd_item_whole(keys[first + i], good_layout(), state);
        fill(&items[i]);
        apd_item_describe(&items[i], state, apd_item_code(&items[i]), &groups[i], &storage[i]);
        keep_order(&groups[i]);
    }
    (void)snprintf(name, sizeof name, "%s/%s", run_folder, fuzz_run_files[1 + part]);
    *record = (apd_part_record){.commit = 1, .part = part, .items = end - first};
    MUST(apd_part_create(name, &plan, &writer, NULL));
    for (int i = 0; i < end - first; i++)
        apd_item_append(&items[i], 1, items[i].held, NULL, writer);
    MUST(apd_part_finish(writer, digests, &record->bytes, &record->digest, NULL));
    MUST(apd_part_wait(writer, NULL));
    apd_part_keep(writer);
    apd_part_destroy(writer);
    for (int i = 0; i < end - first; i++) {
        *apd_item_home(state, keys[first + i]) =
            (apd_home){1, part, apd_item_entries(&items[i]), apd_item_code(&items[i]), digests[i]};
        apd_item_clear(&items[i]);
        free(storage[i]);
    }
}

static void write_root(const char *run_folder, apd_run_state *state) {
    char path[256];
    apd_part_plan plan = {.commit = 1};
    apd_part_link *links = NULL;
    apd_part_writer *writer = NULL;
    apd_root root;
    uint64_t digests[8], digest;
    int64_t bytes;
    (void)snprintf(path, sizeof path, "%s/%s", run_folder, fuzz_run_files[0]);
    apd_root_describe(state, good_layout(), false, &root);
    MUST(apd_links_make(state, good_layout(), &links, &plan.link_count, &plan.begin, NULL));
    plan.links = links;
    plan.groups = root.groups;
    plan.group_count = root.group_count;
    for (int g = 0; g < root.group_count; g++)
        keep_order(&root.groups[g]);
    MUST(apd_part_create(path, &plan, &writer, NULL));
    apd_root_append(&root, writer);
    MUST(apd_part_finish(writer, digests, &bytes, &digest, NULL));
    MUST(apd_part_wait(writer, NULL));
    apd_part_keep(writer);
    apd_part_destroy(writer);
    apd_root_clear(&root);
    free(links);
}

void fuzz_write_run(const char *run_folder) {
    apd_run_state state;
    int count;
    good_state(&state);
    apd_item_key *keys = apd_item_list(&state, &count);
    FUZZ_CHECK(count == fuzz_part_ends[FUZZ_PARTS - 1]);
    for (int p = 0; p < FUZZ_PARTS; p++)
        write_part(run_folder, &state, keys, p > 0 ? fuzz_part_ends[p - 1] : 0, fuzz_part_ends[p], p);
    write_root(run_folder, &state);
    free(keys);
    apd_run_state_clear(&state);
}
