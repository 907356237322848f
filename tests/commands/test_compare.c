/* Runs side by side, on checkpoints made by hand: forgotten tasks, orders, seeds, and every refusal that no
 * run trained to its end can show. */
#include "commands/compare_runs.h"

#include "base/memory.h"
#include "io/checkpoint/commits.h"
#include "io/checkpoint/reader.h"
#include "io/checkpoint/root.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "folder.h"

enum { TASKS = 3, NONE = -1 };

static apd_block blocks[] = {{.name = "dense1", .rows = 2, .cols = 3, .decomposed = true},
                             {.name = "head", .rows = 4, .cols = 2}};
static const apd_layout layout = {.block_count = 2, .blocks = blocks, .decomposed = 6};

/* A run to be written. */
typedef struct sketch {
    const char *name;
    uint64_t seed, data;
    const char *settings; /* lines of the description beside data and seed */
    int tasks;
    int ids[TASKS];     /* in the order of training */
    double last[TASKS]; /* final accuracy by place */
    int forgotten;      /* a place, or NONE */
    int single;         /* a place, or NONE */
    int classes, first_class;
} sketch;

#define SPLIT "stream: {classes_per_task: 2}\n"

static const sketch good = {.seed = 1,
                            .data = 7,
                            .tasks = TASKS,
                            .ids = {3, 5, 8},
                            .last = {0.5, 0.5, 0.5},
                            .forgotten = NONE,
                            .single = NONE,
                            .classes = 2};

static sketch draw(const char *name, uint64_t seed, const int ids[TASKS], const double last[TASKS]) {
    sketch s = good;
    s.name = name;
    s.seed = seed;
    memcpy(s.ids, ids, sizeof s.ids);
    memcpy(s.last, last, sizeof s.last);
    return s;
}

static apd_run_state make_state(const sketch *s) {
    apd_run_state state = {
        .commit = s->tasks + 1, .data_digest = s->data, .seed = s->seed, .shards = 1, .task_count = s->tasks};
    char yaml[512];
    (void)snprintf(yaml, sizeof yaml, "name: %s\nseed: %llu\ndata: {file: /some.h5}\n%s", s->name,
                   (unsigned long long)s->seed, s->settings != NULL ? s->settings : SPLIT);
    state.run_yaml = apd_duplicate_text(yaml);
    state.records = apd_allocate(s->tasks, sizeof *state.records, "records");
    for (int p = 0; p < s->tasks; p++) {
        apd_task_record *record = &state.records[p];
        *record = (apd_task_record){
            .id = s->ids[p], .class_count = p == s->forgotten ? 0 : s->classes, .storage = p == s->single};
        (void)snprintf(record->name, sizeof record->name, "number %d", s->ids[p]);
        record->classes = apd_allocate(s->classes, sizeof(int), "classes");
        for (int k = 0; k < record->class_count; k++)
            record->classes[k] = 10 * s->ids[p] + s->first_class + k;
        apd_accuracies_add_task(&state.accuracies);
        for (int j = 0; j <= p; j++)
            state.accuracies.now[j] = p == s->tasks - 1 ? s->last[j] : 0.5;
    }
    return state;
}

/* The task at `place`; a sparse one has `place` entries of tau. */
static apd_task_part *make_task(const apd_decomposition *made, const sketch *s, int place) {
    apd_task_part *part = apd_task_part_create(
        made, s->classes, place == s->single ? APD_STORAGE_SINGLE : APD_STORAGE_DECOMPOSED);
    if (place == s->single)
        return part;
    apd_sparse_resize(&part->blocks[0].tau, 2, place);
    for (int e = 0; e < place; e++)
        part->blocks[0].tau.columns[e] = e;
    part->blocks[0].tau.offsets[1] = part->blocks[0].tau.offsets[2] = place;
    return part;
}

static apd_decomposition *make_decomposition(const sketch *s) {
    static const float sigma[6] = {0.5F, 0, -0.25F, 1, 0, 2}; /* four are not zero */
    const apd_rows all[2] = {{0, 2}, {0, 4}};
    apd_decomposition *made = apd_decomposition_create(&layout, all);
    memcpy(made->sigma[0], sigma, sizeof sigma);
    for (int p = 0; p < s->tasks; p++)
        apd_decomposition_append(made, p == s->forgotten ? NULL : make_task(made, s, p));
    return made;
}

enum { GROUPS = 16 };

/* One file with the root and all items. `digests` (items) are set: the index of a good file has them. */
static apd_status write_file(const char *path, apd_run_state *state, const apd_decomposition *made,
                             uint64_t digests[GROUPS], apd_error *error) {
    apd_root root;
    apd_part_group groups[GROUPS];
    apd_part_plan plan = {.commit = state->commit, .groups = groups};
    apd_item items[GROUPS];
    void *storage[GROUPS];
    uint64_t found[GROUPS], digest;
    int64_t bytes;
    int count;
    apd_part_writer *writer = NULL;
    apd_item_key *keys = apd_item_list(state, &count);
    apd_root_describe(state, &layout, false, &root);
    assert_true(root.group_count + count <= GROUPS);
    memcpy(groups, root.groups, (size_t)root.group_count * sizeof *groups);
    for (int i = 0; i < count; i++) {
        items[i] = apd_item_of(keys[i], made, state, NULL);
        apd_item_describe(&items[i], state, apd_item_code(&items[i]), &groups[root.group_count + i],
                          &storage[i]);
    }
    plan.group_count = root.group_count + count;
    apd_status status;
    APD_GO(apd_part_create(path, &plan, &writer, error));
    apd_root_append(&root, writer);
    for (int i = 0; i < count; i++)
        apd_item_append(&items[i], 1, items[i].held, NULL, writer);
    APD_GO(apd_part_finish(writer, found, &bytes, &digest, error));
    APD_GO(apd_part_wait(writer, error));
    apd_part_keep(writer);
    memcpy(digests, found + root.group_count, (size_t)count * sizeof *found);
out:
    apd_part_destroy(writer);
    for (int i = 0; i < count; i++) {
        apd_item_clear(&items[i]);
        free(storage[i]);
    }
    apd_root_clear(&root);
    free(keys);
    return status;
}

/* A packed commit: written once for its items' digests, and again with them. */
static apd_status write_all(const sketch *s, apd_run_state *state, apd_error *error) {
    uint64_t digests[GROUPS] = {0};
    int count;
    apd_decomposition *made = make_decomposition(s);
    state->block_count = layout.block_count;
    state->shared = apd_allocate(layout.block_count, sizeof *state->shared, "blocks");
    apd_item_key *keys = apd_item_list(state, &count);
    apd_status status = APD_OK;
    for (int round = 0; round < 2 && status == APD_OK; round++) {
        (void)unlink(in_folder(s->name));
        for (int i = 0; i < count; i++) {
            apd_item item = apd_item_of(keys[i], made, state, NULL);
            *apd_item_home(state, keys[i]) =
                (apd_home){state->commit, -1, apd_item_entries(&item), apd_item_code(&item), digests[i]};
            apd_item_clear(&item);
        }
        status = write_file(in_folder(s->name), state, made, digests, error);
    }
    free(keys);
    apd_decomposition_destroy(made);
    return status;
}

static const char *write_run(sketch s) {
    apd_error error = {0};
    apd_run_state state = make_state(&s);
    apd_status status = write_all(&s, &state, &error);
    apd_run_state_clear(&state);
    if (status != APD_OK)
        fail_msg("%s", error.message);
    return in_folder(s.name);
}

static void compare(const char *const *names, int count, apd_comparison *out) {
    apd_error error = {0};
    if (apd_comparison_make(names, count, out, &error) != APD_OK)
        fail_msg("%s", error.message);
}

static void refuse(sketch first, sketch second, apd_status code, const char *words[3]) {
    first.name = "first";
    second.name = "second";
    const char *names[2] = {write_run(first), write_run(second)};
    apd_comparison c;
    apd_error error = {0};
    assert_int_equal(apd_comparison_make(names, 2, &c, &error), code);
    for (int w = 0; w < 3 && words[w] != NULL; w++)
        if (strstr(error.message, words[w]) == NULL)
            fail_msg("no \"%s\" in: %s", words[w], error.message);
}
#define REFUSE(first, second, code, ...) refuse(first, second, code, (const char *[3]){__VA_ARGS__})

/* --- figures
 * ------------------------------------------------------------------------------------------------
 */

/* Orders 3 5 8 (seeds 1, 2) and 8 3 5 (seeds 1, 2); everything in eighths. */
static void make_two_orders_of_two_seeds_agree_with_hand(void **state) {
    (void)state;
    const char *names[4] = {write_run(draw("a1", 1, (int[]){3, 5, 8}, (double[]){0.5, 0.75, 0.25})),
                            write_run(draw("b1", 1, (int[]){8, 3, 5}, (double[]){0.5, 0.25, 1.0})),
                            write_run(draw("a2", 2, (int[]){3, 5, 8}, (double[]){0.75, 0.25, 0.5})),
                            write_run(draw("b2", 2, (int[]){8, 3, 5}, (double[]){0.75, 0.25, 0.5}))};
    apd_comparison c;
    compare(names, 4, &c);
    assert_true(c.line.order_count == 2 && c.side.task_count == TASKS);
    assert_true(c.side.tasks[0] == 3 && c.side.tasks[1] == 5 && c.side.tasks[2] == 8);
    const int orders[4] = {0, 1, 0, 1};
    assert_memory_equal(c.side.order_of, orders, sizeof orders);
    /* by identity 3, 5, 8 */
    const double means[2][TASKS] = {{0.625, 0.5, 0.375}, {0.25, 0.75, 0.625}};
    const double opd[TASKS] = {0.375, 0.25, 0.25};
    assert_memory_equal(c.line.means, means, sizeof means);
    assert_memory_equal(c.line.opd, opd, sizeof opd);
    assert_true(fabs(c.line.spread.average - 0.875 / 3) < 1e-15 && c.line.spread.largest == 0.375);
    assert_true(c.side.tasks[c.line.spread.task] == 3 && c.line.spread.least_runs == 2 &&
                c.line.spread.most_runs == 2);
    assert_true(c.side.left_out[0] == NONE && c.side.left_out[1] == NONE && c.side.left_out[2] == NONE);
    /* learned: 0.5 save the last task, R[2][2] */
    assert_true(c.side.figures[0][APD_ACC] == 0.5 && fabs(c.side.figures[0][APD_LA] - 1.25 / 3) < 1e-15);
    assert_true(c.side.figures[0][APD_BWT] == 0.125);
    assert_string_equal(apd_side_record(&c.side, 1, 2)->name, "number 8");
    apd_comparison_clear(&c);
}

/* Left out of both runs, or their averages would be of different tasks. */
static void make_task_forgotten_in_one_run_is_left_out_of_all(void **state) {
    (void)state;
    sketch forgetful = draw("b1", 1, (int[]){8, 3, 5}, (double[]){0.5, 0.25, 1.0});
    forgetful.forgotten = 2;
    const char *names[2] = {write_run(draw("a1", 1, (int[]){3, 5, 8}, (double[]){0.5, 0.75, 0.25})),
                            write_run(forgetful)};
    apd_comparison c;
    compare(names, 2, &c);
    assert_true(c.side.left_out[0] == NONE && c.side.left_out[1] == 1 && c.side.left_out[2] == NONE);
    assert_true(c.line.opd[0] == 0.25 && isnan(c.line.opd[1]) && c.line.opd[2] == 0.25);
    assert_true(c.line.spread.tasks == 2 && c.line.spread.average == 0.25 && c.line.spread.largest == 0.25);
    assert_true(c.side.figures[0][APD_ACC] == 0.375 && c.side.figures[1][APD_ACC] == 0.375);
    assert_true(c.side.figures[0][APD_LA] == 0.375); /* R[0][0] 0.5, R[2][2] 0.25 */
    apd_comparison_clear(&c);
}

static void make_unmeasured_task_is_left_out(void **state) {
    (void)state;
    const char *name = write_run(draw("a1", 1, (int[]){3, 5, 8}, (double[]){0.5, NAN, 0.25}));
    apd_comparison c;
    compare(&name, 1, &c);
    assert_true(c.side.left_out[1] == 0 && c.side.figures[0][APD_ACC] == 0.375);
    apd_comparison_clear(&c);
}

static void make_one_run_has_no_spread(void **state) {
    (void)state;
    const char *name = write_run(draw("a1", 1, (int[]){3, 5, 8}, (double[]){0.5, 0.75, 0.25}));
    apd_comparison c;
    compare(&name, 1, &c);
    assert_true(c.line.order_count == 1 && isnan(c.line.spread.average) && isnan(c.line.spread.largest));
    assert_true(c.line.means[0] == 0.5 && c.line.means[1] == 0.75 && c.line.means[2] == 0.25);
    apd_comparison_clear(&c);
}

static double file_bytes(const char *path) {
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return (double)info.st_size;
}

static void survey_counts_agree_with_hand(void **state) {
    (void)state;
    const char *path = write_run(draw("a1", 1, (int[]){3, 5, 8}, (double[]){0.5, 0.5, 0.5}));
    apd_run_state found;
    apd_capacity capacity;
    apd_error error = {0};
    assert_int_equal(apd_checkpoint_survey(path, &found, &capacity, &error), APD_OK);
    assert_true(found.task_count == TASKS && found.records[2].id == 8);
    /* sigma 4, tau 0+1+2, masks 3*2; own: 3 * (2 biases + a head of 2*2 + 2) */
    assert_true(fabs(capacity.weights - 13.0 / 6.0) < 1e-15);
    assert_true(fabs(capacity.all - (13.0 + 24.0) / (6.0 + 24.0)) < 1e-15);
    /* one network: 6 weights, 2 biases, a head of 4*2 + 4 */
    assert_true(fabs(capacity.bytes - file_bytes(path) / (4.0 * 20.0)) < 1e-9);
    apd_run_state_clear(&found);
    sketch mixed = good;
    mixed.name = "a1";
    mixed.forgotten = 1;
    mixed.single = 2;
    path = write_run(mixed);
    assert_int_equal(apd_checkpoint_survey(path, &found, &capacity, &error), APD_OK);
    /* sigma 4, tau 0 + 6 dense weights, masks 2; own 2*8 */
    assert_true(fabs(capacity.weights - 12.0 / 6.0) < 1e-15);
    assert_true(fabs(capacity.all - (12.0 + 16.0) / (6.0 + 16.0)) < 1e-15);
    apd_run_state_clear(&found);
}

/* --- refusals
 * -----------------------------------------------------------------------------------------------
 */

static sketch other_seed(void) {
    sketch s = good;
    s.seed = 2;
    return s;
}

static void make_other_data_is_refused(void **state) {
    (void)state;
    sketch s = other_seed();
    s.data = 0xabc;
    REFUSE(good, s, APD_ERROR_USAGE, "second: data.file", "digest 0000000000000abc",
           "digest 0000000000000007");
}

static void make_other_key_is_refused_with_both_values(void **state) {
    (void)state;
    sketch s = other_seed();
    s.settings = SPLIT "training: {lr: 0.25}\n";
    REFUSE(good, s, APD_ERROR_USAGE, "second: training.lr is 0.25", "first it is 0.001");
    s.settings = SPLIT "method: {name: stl}\n";
    REFUSE(good, s, APD_ERROR_USAGE, "second: method.name is stl", "first it is apd");
    s.settings = SPLIT "network: {preset: mlp, widths: [3]}\n";
    REFUSE(good, s, APD_ERROR_USAGE, "second: network.preset is \"mlp\"", "first it is \"lenet\"");
}

static void make_shorter_run_is_refused_by_name(void **state) {
    (void)state;
    sketch s = other_seed();
    s.tasks = 2;
    REFUSE(good, s, APD_ERROR_USAGE, "second has finished 2 tasks", "first 3");
    REFUSE(s, good, APD_ERROR_USAGE, "first has finished 2 tasks", "second 3");
}

static void make_run_without_tasks_is_refused(void **state) {
    (void)state;
    sketch s = other_seed();
    s.tasks = 0;
    REFUSE(good, s, APD_ERROR_USAGE, "second has no finished task");
}

static void make_other_tasks_are_refused(void **state) {
    (void)state;
    sketch s = other_seed();
    s.ids[1] = 4;
    REFUSE(good, s, APD_ERROR_USAGE, "not the same ones", "task 4");
    s.ids[1] = 9;
    REFUSE(good, s, APD_ERROR_USAGE, "not the same ones", "task 5");
}

static void make_task_twice_is_damage(void **state) {
    (void)state;
    sketch s = other_seed();
    s.ids[1] = 3;
    REFUSE(good, s, APD_ERROR_DATA, "second: two of its tasks", "task 3");
    REFUSE(s, good, APD_ERROR_DATA, "first: two of its tasks", "task 3");
}

static void make_same_order_and_seed_is_refused(void **state) {
    (void)state;
    REFUSE(good, good, APD_ERROR_USAGE, "first and ", "second have the same", "seed 1");
}

/* Permuted pixels are drawn from the seed: orders with other seeds have other tasks. */
static void make_permutations_need_the_same_seeds_in_every_order(void **state) {
    (void)state;
    sketch a = good, b = other_seed();
    a.settings = b.settings = "stream: {kind: permutation, tasks: 3}\n";
    b.ids[0] = 5;
    b.ids[1] = 3;
    REFUSE(a, b, APD_ERROR_USAGE, "seed 1", "permutation");
    b.seed = 1;
    a.name = "first";
    b.name = "second";
    const char *names[2] = {write_run(a), write_run(b)};
    apd_comparison c;
    compare(names, 2, &c);
    assert_int_equal(c.line.order_count, 2);
    apd_comparison_clear(&c);
}

static void make_missing_or_foreign_file_is_refused(void **state) {
    (void)state;
    apd_comparison c;
    apd_error error = {0};
    const char *missing = in_folder("no-such-run");
    assert_int_equal(apd_comparison_make(&missing, 1, &c, &error), APD_ERROR_IO);
    assert_non_null(strstr(error.message, "no-such-run"));
    const char *foreign = in_folder("text");
    FILE *file = fopen(foreign, "w");
    assert_true(file != NULL && fputs("no checkpoint", file) >= 0 && fclose(file) == 0);
    error = (apd_error){0};
    assert_int_equal(apd_comparison_make(&foreign, 1, &c, &error), APD_ERROR_DATA);
    assert_non_null(strstr(error.message, "text"));
}

static int remove_folder(void **state) {
    (void)state;
    static const char *const names[] = {"a1", "a2", "b1", "b2", "first", "second", "text"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)unlink(in_folder(names[i]));
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(make_two_orders_of_two_seeds_agree_with_hand),
        cmocka_unit_test(make_task_forgotten_in_one_run_is_left_out_of_all),
        cmocka_unit_test(make_unmeasured_task_is_left_out),
        cmocka_unit_test(make_one_run_has_no_spread),
        cmocka_unit_test(survey_counts_agree_with_hand),
        cmocka_unit_test(make_other_data_is_refused),
        cmocka_unit_test(make_other_key_is_refused_with_both_values),
        cmocka_unit_test(make_shorter_run_is_refused_by_name),
        cmocka_unit_test(make_run_without_tasks_is_refused),
        cmocka_unit_test(make_other_tasks_are_refused),
        cmocka_unit_test(make_task_twice_is_damage),
        cmocka_unit_test(make_same_order_and_seed_is_refused),
        cmocka_unit_test(make_permutations_need_the_same_seeds_in_every_order),
        cmocka_unit_test(make_missing_or_foreign_file_is_refused),
    };
    return cmocka_run_group_tests_name("compare", tests, make_folder, remove_folder);
}
