/* Runs side by side, on checkpoints made by hand: forgotten tasks, orders, seeds, and every refusal that no
 * run trained to its end can show. */
#include "commands/compare_runs.h"

#include "base/memory.h"
#include "io/checkpoint/parcel.h"
#include "io/checkpoint/write.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { TASKS = 3, NONE = -1 };

static apd_block blocks[] = {{.name = "dense1", .rows = 2, .cols = 3, .decomposed = true},
                             {.name = "head", .rows = 4, .cols = 2}};
static const apd_layout layout = {.block_count = 2, .blocks = blocks, .decomposed = 6};
static char folder[] = "/tmp/apd-compare-XXXXXX";

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

static const char *path_of(const char *name) {
    static char paths[16][128];
    static int next;
    char *path = paths[next++ % 16];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static apd_run_state make_state(const sketch *s) {
    apd_run_state state = {
        .commit = s->tasks + 1, .data_digest = s->data, .seed = s->seed, .shards = 1, .task_count = s->tasks};
    char yaml[512];
    (void)snprintf(yaml, sizeof yaml, "name: %s\nseed: %llu\ndata: {file: /some.h5}\n%s", s->name,
                   (unsigned long long)s->seed, s->settings != NULL ? s->settings : SPLIT);
    state.run_yaml = apd_duplicate_text(yaml);
    state.records = apd_allocate(s->tasks, sizeof *state.records, "records");
    state.accuracy = apd_allocate((int64_t)s->tasks * s->tasks, sizeof(double), "accuracy");
    for (int p = 0; p < s->tasks; p++) {
        apd_task_record *record = &state.records[p];
        *record = (apd_task_record){.id = s->ids[p], .class_count = p == s->forgotten ? 0 : s->classes};
        (void)snprintf(record->name, sizeof record->name, "number %d", s->ids[p]);
        record->classes = apd_allocate(s->classes, sizeof(int), "classes");
        for (int k = 0; k < record->class_count; k++)
            record->classes[k] = 10 * s->ids[p] + s->first_class + k;
        for (int j = 0; j < s->tasks; j++)
            state.accuracy[p * s->tasks + j] = j > p ? (double)NAN : p == s->tasks - 1 ? s->last[j] : 0.5;
    }
    return state;
}

/* The task at `place`; a sparse one has `place` entries of tau. */
static apd_status write_task(apd_checkpoint_writer *writer, const sketch *s, int place, apd_error *error) {
    bool single = place == s->single;
    int64_t entries = single ? 0 : place;
    apd_checkpoint_facts facts = {true, single, s->classes, entries};
    apd_task_block *hidden = apd_checkpoint_block_create(2, 3, !single, entries);
    apd_task_block *head = apd_checkpoint_block_create(4, 2, false, 0);
    for (int64_t e = 0; e < entries; e++)
        hidden->tau.columns[e] = (int32_t)e;
    for (int64_t r = 1; !single && r <= 2; r++)
        hidden->tau.offsets[r] = entries;
    apd_status status;
    APD_GO(apd_checkpoint_writer_begin_task(writer, place, &facts, error));
    apd_checkpoint_writer_task_block(writer, 0, 2, hidden);
    apd_checkpoint_writer_task_block(writer, 1, 4, head);
    APD_GO(apd_checkpoint_writer_end_task(writer, error));
out:
    apd_checkpoint_block_destroy(hidden);
    apd_checkpoint_block_destroy(head);
    return status;
}

static apd_status write_all(const sketch *s, apd_run_state *state, apd_error *error) {
    const float sigma[6] = {0.5F, 0, -0.25F, 1, 0, 2}; /* four are not zero */
    apd_checkpoint_writer *writer = NULL;
    apd_status status;
    APD_GO(apd_checkpoint_writer_open(path_of(s->name), NULL, &layout, state, &writer, error));
    APD_GO(apd_checkpoint_writer_sigma(writer, 0, sigma, error));
    for (int p = 0; p < s->tasks; p++)
        APD_GO(p == s->forgotten ? apd_checkpoint_writer_forgotten(writer, p, error)
                                 : write_task(writer, s, p, error));
    APD_GO(apd_checkpoint_writer_commit(writer, error));
out:
    apd_checkpoint_writer_destroy(writer);
    return status;
}

static const char *write_run(sketch s) {
    apd_error error = {0};
    apd_run_state state = make_state(&s);
    apd_status status = write_all(&s, &state, &error);
    apd_run_state_clear(&state);
    if (status != APD_OK)
        fail_msg("%s", error.message);
    return path_of(s.name);
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
    assert_true(c.order_count == 2 && c.task_count == TASKS);
    assert_true(c.tasks[0] == 3 && c.tasks[1] == 5 && c.tasks[2] == 8);
    const int orders[4] = {0, 1, 0, 1};
    assert_memory_equal(c.order_of, orders, sizeof orders);
    /* by identity 3, 5, 8 */
    const double means[2][TASKS] = {{0.625, 0.5, 0.375}, {0.25, 0.75, 0.625}};
    const double opd[TASKS] = {0.375, 0.25, 0.25};
    assert_memory_equal(c.means, means, sizeof means);
    assert_memory_equal(c.opd, opd, sizeof opd);
    assert_true(fabs(c.spread.average - 0.875 / 3) < 1e-15 && c.spread.largest == 0.375);
    assert_true(c.tasks[c.spread.task] == 3 && c.spread.least_runs == 2 && c.spread.most_runs == 2);
    assert_true(c.left_out[0] == NONE && c.left_out[1] == NONE && c.left_out[2] == NONE);
    /* learned: 0.5 save the last task, R[2][2] */
    assert_true(c.runs[0].metrics.average == 0.5 && fabs(c.runs[0].metrics.learning - 1.25 / 3) < 1e-15);
    assert_true(c.runs[0].metrics.backward == 0.125);
    assert_string_equal(apd_comparison_record(&c, 1, 2)->name, "number 8");
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
    assert_true(c.left_out[0] == NONE && c.left_out[1] == 1 && c.left_out[2] == NONE);
    assert_true(c.opd[0] == 0.25 && isnan(c.opd[1]) && c.opd[2] == 0.25);
    assert_true(c.spread.tasks == 2 && c.spread.average == 0.25 && c.spread.largest == 0.25);
    assert_true(c.runs[0].metrics.average == 0.375 && c.runs[1].metrics.average == 0.375);
    assert_true(c.runs[0].metrics.learning == 0.375); /* R[0][0] 0.5, R[2][2] 0.25 */
    apd_comparison_clear(&c);
}

static void make_unmeasured_task_is_left_out(void **state) {
    (void)state;
    const char *name = write_run(draw("a1", 1, (int[]){3, 5, 8}, (double[]){0.5, NAN, 0.25}));
    apd_comparison c;
    compare(&name, 1, &c);
    assert_true(c.left_out[1] == 0 && c.runs[0].metrics.average == 0.375);
    apd_comparison_clear(&c);
}

static void make_one_run_has_no_spread(void **state) {
    (void)state;
    const char *name = write_run(draw("a1", 1, (int[]){3, 5, 8}, (double[]){0.5, 0.75, 0.25}));
    apd_comparison c;
    compare(&name, 1, &c);
    assert_true(c.order_count == 1 && isnan(c.spread.average) && isnan(c.spread.largest));
    assert_true(c.means[0] == 0.5 && c.means[1] == 0.75 && c.means[2] == 0.25);
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

static void make_other_classes_are_refused(void **state) {
    (void)state;
    sketch s = other_seed();
    s.classes = 3;
    REFUSE(good, s, APD_ERROR_USAGE, "second: task 3 has 3 classes", "it has 2");
    s = other_seed();
    s.first_class = 1;
    REFUSE(good, s, APD_ERROR_USAGE, "second: class 0 of task 3 is 31", "it is 30");
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
    assert_int_equal(c.order_count, 2);
    apd_comparison_clear(&c);
}

static void make_missing_or_foreign_file_is_refused(void **state) {
    (void)state;
    apd_comparison c;
    apd_error error = {0};
    const char *missing = path_of("no-such-run");
    assert_int_equal(apd_comparison_make(&missing, 1, &c, &error), APD_ERROR_IO);
    assert_non_null(strstr(error.message, "no-such-run"));
    const char *foreign = path_of("text");
    FILE *file = fopen(foreign, "w");
    assert_true(file != NULL && fputs("no checkpoint", file) >= 0 && fclose(file) == 0);
    error = (apd_error){0};
    assert_int_equal(apd_comparison_make(&foreign, 1, &c, &error), APD_ERROR_DATA);
    assert_non_null(strstr(error.message, "text"));
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state) {
    (void)state;
    static const char *const names[] = {"a1", "a2", "b1", "b2", "first", "second", "text"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)unlink(path_of(names[i]));
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
        cmocka_unit_test(make_other_classes_are_refused),
        cmocka_unit_test(make_same_order_and_seed_is_refused),
        cmocka_unit_test(make_permutations_need_the_same_seeds_in_every_order),
        cmocka_unit_test(make_missing_or_foreign_file_is_refused),
    };
    return cmocka_run_group_tests_name("compare", tests, make_folder, remove_folder);
}
