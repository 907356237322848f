#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "checkpoint_cases.h"
#include "io/checkpoint/parcel.h"
#include "io/checkpoint/write.h"
#include "method/clustering/consolidate.h"

static void round_trip(sketch s) {
    fixture f = begin(s, "round.h5");
    bool equal = false;
    apd_error error = {0};
    saved(&f);
    const char *const paths[] = {f.newest, f.path};
    for (int i = 0; i < 2; i++) {
        apd_status status = load_and_compare(&f, paths[i], &equal, &error);
        if (status != APD_OK)
            (void)fprintf(stderr, "%s\n", error.message);
        assert_agreed(team, status == APD_OK && equal);
    }
    end(&f);
}

static void load_after_save_every_kind_of_task_is_identical_to_the_bit(void **state) {
    (void)state;
    round_trip(large_plain);
    round_trip(large_run);
    round_trip(small_run);
    round_trip((sketch){&wide, TASKS, false});
}

static void load_after_save_no_tasks_is_identical_to_the_bit(void **state) {
    (void)state;
    round_trip(small_empty);
    round_trip((sketch){&large, 0, true});
}

static void write_alone_tasks(apd_checkpoint_writer *writer, const apd_decomposition *whole) {
    apd_error error = {0};
    for (int t = 0; t < whole->task_count; t++) {
        if (whole->tasks[t] == NULL) {
            assert_int_equal(apd_checkpoint_writer_forgotten(writer, t, &error), APD_OK);
            continue;
        }
        apd_checkpoint_facts facts = {true, t == SINGLE, class_count(t),
                                      apd_decomposition_nonzeros(whole, t)};
        assert_int_equal(apd_checkpoint_writer_begin_task(writer, t, &facts, &error), APD_OK);
        for (int b = 0; b < whole->layout->block_count; b++)
            apd_checkpoint_writer_task_block(writer, b, whole->layout->blocks[b].rows,
                                             &whole->tasks[t]->blocks[b]);
        assert_int_equal(apd_checkpoint_writer_end_task(writer, &error), APD_OK);
    }
}

static void write_alone_clusters(apd_checkpoint_writer *writer, const apd_decomposition *whole) {
    int32_t assignment[TASKS];
    apd_error error = {0};
    for (int b = 0; b < whole->layout->block_count - 1; b++) {
        for (int t = 0; t < whole->task_count; t++)
            assignment[t] = cluster_of(t, b);
        assert_int_equal(apd_checkpoint_writer_clusters(writer, b, CLUSTERS, assignment, &error), APD_OK);
        for (int g = 0; g < CLUSTERS; g++)
            assert_int_equal(apd_checkpoint_writer_cluster(writer, b, g, &whole->groups[b].shared[g], &error),
                             APD_OK);
    }
}

static apd_decomposition *make_whole(const sketch *s) {
    apd_partition alone;
    apd_error error = {0};
    APD_ASSERT(apd_partition_init(&alone, SHARDS, 1, 0, &error) == APD_OK);
    apd_rows *rows = apd_partition_slice(&alone, s->layout);
    apd_decomposition *whole = make_decomposition(s, rows);
    free(rows);
    return whole;
}

/* Rank 0 alone, with all rows in one piece and no team. */
static void write_alone(const sketch *s, const char *path) {
    apd_error error = {0};
    apd_checkpoint_writer *writer = NULL;
    apd_decomposition *whole = make_whole(s);
    apd_run_state state = make_state(s);
    state.commit++; /* as a save does */
    assert_int_equal(apd_checkpoint_writer_open(path, NULL, s->layout, &state, &writer, &error), APD_OK);
    for (int b = 0; b < s->layout->block_count; b++)
        if (s->layout->blocks[b].decomposed)
            assert_int_equal(apd_checkpoint_writer_sigma(writer, b, whole->sigma[b], &error), APD_OK);
    write_alone_tasks(writer, whole);
    if (s->clustered)
        write_alone_clusters(writer, whole);
    assert_int_equal(apd_checkpoint_writer_commit(writer, &error), APD_OK);
    apd_checkpoint_writer_destroy(writer);
    apd_decomposition_destroy(whole);
    apd_run_state_clear(&state);
}

static void ranks_and_one_process_agree(sketch s) {
    fixture f = begin(s, "ranks.h5");
    saved(&f);
    bool equal = true;
    if (apd_team_rank(team) == 0) {
        char alone[300];
        int64_t size, other_size;
        place(alone, sizeof alone, "alone.h5");
        write_alone(&s, alone);
        unsigned char *bytes = read_bytes(f.path, &size), *other = read_bytes(alone, &other_size);
        equal = size == other_size && size > 100000 && same(bytes, other, size, 1);
        free(bytes);
        free(other);
        (void)unlink(alone);
    }
    assert_agreed(team, equal);
    end(&f);
}

static void save_any_number_of_ranks_gives_the_file_of_one_process(void **state) {
    (void)state;
    ranks_and_one_process_agree(large_plain);
    ranks_and_one_process_agree(large_run);
}

/* In one block FULL leaves a cluster with one member, whose sigma_g is folded into its tau. */
static void load_after_save_task_forgotten_from_its_cluster_is_identical(void **state) {
    (void)state;
    fixture f = begin(large_run, "forgotten.h5");
    apd_error error = {0};
    bool equal;
    assert_agreed(team, apd_forget(f.decomposition, FULL) == 1);
    apd_task_record *record = &f.state.records[FULL];
    record->class_count = 0;
    free(record->classes);
    record->classes = NULL;
    record->normalisation = (apd_normalisation){{0}, {0}};
    for (int t = 0; t < f.state.task_count; t++)
        f.state.accuracy[t * f.state.task_count + FULL] = (double)NAN;
    saved(&f);
    assert_agreed(team, load_and_compare(&f, f.path, &equal, &error) == APD_OK && equal);
    end(&f);
}

/* The parcel as a block holds the rows of `block` that it was made of. */
static void check_view(const apd_task_block *block, int64_t cols, apd_rows rows, uint32_t *parcel) {
    int64_t offsets[16], count = rows.end - rows.begin, first = block->tau.offsets[rows.begin];
    apd_task_block view;
    assert_int_equal(apd_checkpoint_parcel_view(parcel, count, cols, true, offsets, &view),
                     apd_checkpoint_parcel_words(block, cols, rows));
    assert_memory_equal(view.bias, block->bias + rows.begin, (size_t)count * sizeof(float));
    assert_memory_equal(view.mask, block->mask + rows.begin, (size_t)count * sizeof(float));
    for (int64_t r = 0; r <= count; r++)
        assert_int_equal(view.tau.offsets[r], block->tau.offsets[rows.begin + r] - first);
    assert_memory_equal(view.tau.columns, block->tau.columns + first, (size_t)offsets[count] * 4);
    assert_memory_equal(view.tau.values, block->tau.values + first, (size_t)offsets[count] * 4);
}

static void parcel_cut_anywhere_and_joined_is_the_block(void **state) {
    (void)state;
    const int64_t cols = 30, rows = 11;
    apd_task_block *block = apd_checkpoint_block_create(rows, cols, true, 0);
    fill_tau(&block->tau, PLAIN, 1, (apd_rows){0, rows}, cols);
    for (int64_t cut = 0; cut <= rows; cut++) {
        apd_rows parts[2] = {{0, cut}, {cut, rows}};
        apd_task_block *joined = apd_checkpoint_block_create(rows, cols, true, block->tau.offsets[rows]);
        for (int p = 0; p < 2; p++) {
            int64_t words = apd_checkpoint_parcel_words(block, cols, parts[p]);
            uint32_t *parcel = apd_allocate(words, sizeof *parcel, "a parcel");
            apd_checkpoint_parcel_pack(block, cols, parts[p], parcel);
            assert_int_equal(apd_checkpoint_parcel_unpack(joined, cols, parts[p], parcel), words);
            check_view(block, cols, parts[p], parcel);
            free(parcel);
        }
        assert_true(same_block(block, joined, rows, cols));
        apd_checkpoint_block_destroy(joined);
    }
    apd_checkpoint_block_destroy(block);
}

/* --- reading by others ---------------------------------------------------------------------------------- */

static void read_state_and_verify_after_save_agree_with_what_was_saved(void **state) {
    (void)state;
    fixture f = begin(small_run, "state.h5");
    apd_error error = {0};
    apd_run_state read = {0};
    int groups = 0;
    saved(&f);
    apd_team_barrier(team);
    assert_agreed(team, apd_checkpoint_read_state(f.path, &read, &error) == APD_OK);
    assert_agreed(team, same_state(&f.state, &read));
    assert_agreed(team, apd_checkpoint_verify(f.path, &groups, &error) == APD_OK);
    /* root, layout, two sigma, the tasks, two assignments with their clusters */
    assert_agreed(team, groups == 1 + 1 + 2 + TASKS + 2 * (1 + CLUSTERS));
    apd_run_state_clear(&read);
    end(&f);
}

static void survey_counts_what_every_group_holds(void **state) {
    (void)state;
    fixture f = begin(large_run, "survey.h5");
    saved(&f);
    apd_team_barrier(team);
    apd_decomposition *whole = make_whole(&large_run);
    apd_error error = {0};
    apd_run_state read = {0};
    apd_capacity capacity = {0};
    int64_t kept = apd_decomposition_group_nonzeros(whole), weights = 7 * 25 + 3 * 40 + 90 * 801;
    for (int t = 0; t < TASKS; t++)
        kept += apd_decomposition_nonzeros(whole, t);
    for (int b = 0; b < 3; b++)
        for (int64_t j = 0; j < large_blocks[b].rows * large_blocks[b].cols; j++)
            kept += whole->sigma[b][j] != 0;
    kept += (TASKS - 2) * (7 + 3 + 90); /* masks */
    assert_agreed(team, apd_checkpoint_survey(f.path, &read, &capacity, &error) == APD_OK);
    assert_agreed(team, fabs(capacity.weights - (double)kept / (double)weights) < 1e-12);
    assert_agreed(team, same_state(&f.state, &read));
    apd_run_state_clear(&read);
    apd_decomposition_destroy(whole);
    end(&f);
}

/* The checksum of check_checkpoint.py over a whole decomposition. */
static uint64_t theta_checksum(const apd_decomposition *whole, int task) {
    uint64_t sum = 0, k = 0;
    int head = whole->layout->block_count - 1;
    for (int pass = 0; pass < 4; pass++)
        for (int b = pass < 2 ? 0 : head; b < (pass < 2 ? head : head + 1); b++) {
            int64_t rows = whole->layout->blocks[b].rows, cols = whole->layout->blocks[b].cols;
            float *weights = apd_allocate(rows * cols, 4, "theta"), *bias = apd_allocate(rows, 4, "bias");
            apd_decomposition_theta(whole, task, b, weights, bias);
            int64_t used = b == head ? whole->tasks[task]->classes : rows;
            int64_t count = pass % 2 == 0 ? used * cols : used;
            for (int64_t i = 0; i < count; i++, k++) {
                uint32_t bits;
                memcpy(&bits, (pass % 2 == 0 ? weights : bias) + i, sizeof bits);
                sum += (2 * k + 1) * bits;
            }
            free(weights);
            free(bias);
        }
    return sum;
}

static bool python_agrees(const sketch *s, const char *path) {
    char command[1200], expected[200], line[200];
    bool agrees = true;
    apd_decomposition *whole = make_whole(s);
    (void)snprintf(command, sizeof command, "/usr/bin/python3 '%.*s/check_checkpoint.py' '%s'",
                   (int)(strrchr(__FILE__, '/') - __FILE__), __FILE__, path);
    FILE *output = popen(command, "r");
    for (int t = 0; output != NULL && t <= TASKS; t++) {
        if (t == FORGOTTEN)
            continue;
        if (t == TASKS)
            (void)snprintf(expected, sizeof expected, "shared %" PRId64 "\n",
                           apd_decomposition_group_nonzeros(whole));
        else
            (void)snprintf(expected, sizeof expected, "%d %" PRId64 " %" PRIu64 "\n", t,
                           apd_decomposition_nonzeros(whole, t), theta_checksum(whole, t));
        agrees = agrees && fgets(line, sizeof line, output) != NULL && strcmp(line, expected) == 0;
    }
    agrees = output != NULL && pclose(output) == 0 && agrees;
    apd_decomposition_destroy(whole);
    return agrees;
}

static void save_read_by_h5py_gives_theta_and_nonzeros(void **state) {
    (void)state;
    bool skipped = apd_team_rank(team) == 0 && !have_h5py();
    if (apd_team_any(team, skipped)) {
        (void)fprintf(stderr, "skipped: /usr/bin/python3 has no h5py\n");
        skip();
    }
    const sketch sketches[] = {large_plain, large_run};
    for (int i = 0; i < 2; i++) {
        fixture f = begin(sketches[i], "python.h5");
        saved(&f);
        assert_agreed(team, apd_team_rank(team) != 0 || python_agrees(&sketches[i], f.path));
        end(&f);
    }
}

int main(int argc, char **argv) {
    begin_tests(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_after_save_every_kind_of_task_is_identical_to_the_bit),
        cmocka_unit_test(load_after_save_no_tasks_is_identical_to_the_bit),
        cmocka_unit_test(save_any_number_of_ranks_gives_the_file_of_one_process),
        cmocka_unit_test(load_after_save_task_forgotten_from_its_cluster_is_identical),
        cmocka_unit_test(parcel_cut_anywhere_and_joined_is_the_block),
        cmocka_unit_test(read_state_and_verify_after_save_agree_with_what_was_saved),
        cmocka_unit_test(survey_counts_what_every_group_holds),
        cmocka_unit_test(save_read_by_h5py_gives_theta_and_nonzeros),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    end_tests();
    return failures;
}
