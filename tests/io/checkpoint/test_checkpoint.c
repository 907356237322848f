#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "checkpoint_cases.h"
#include "io/checkpoint/theta.h"
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
    round_trip(large_half);
    round_trip((sketch){&wide, TASKS, false, false});
}

static void load_after_save_no_tasks_is_identical_to_the_bit(void **state) {
    (void)state;
    round_trip(small_empty);
    round_trip((sketch){&large, 0, true, false});
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

/* Rank 0 alone, with all rows in one piece. */
static void write_alone(const apd_team *self, const sketch *s, const char *path) {
    apd_error error = {0};
    apd_partition alone;
    apd_run_state state = make_state(s);
    apd_decomposition *whole = make_whole(s);
    char store[400], newest[430];
    int groups;
    (void)snprintf(store, sizeof store, "%s.run", path);
    (void)snprintf(newest, sizeof newest, "%s/checkpoint.h5", store);
    (void)mkdir(store, 0777);
    assert_int_equal(apd_partition_init(&alone, SHARDS, 1, 0, &error), APD_OK);
    assert_int_equal(apd_checkpoint_save(self, &alone, newest, whole, &state, NULL, &error), APD_OK);
    assert_int_equal(apd_checkpoint_pack(newest, path, APD_PACK_COMMIT, &groups, &error), APD_OK);
    assert_int_equal(apd_checkpoint_remove(newest, &error), APD_OK);
    (void)rmdir(store);
    apd_decomposition_destroy(whole);
    apd_run_state_clear(&state);
}

static void ranks_and_one_process_agree(sketch s) {
    fixture f = begin(s, "ranks.h5");
    saved(&f);
    bool equal = true;
    apd_team *self = apd_team_split(team, apd_team_rank(team) == 0 ? 0 : -1);
    if (apd_team_rank(team) == 0) {
        char alone[300];
        int64_t size, other_size;
        place(alone, sizeof alone, "alone.h5");
        write_alone(self, &s, alone);
        unsigned char *bytes = read_bytes(f.path, &size), *other = read_bytes(alone, &other_size);
        equal = size == other_size && size > 100000 && same(bytes, other, size, 1);
        free(bytes);
        free(other);

        (void)unlink(alone);
        apd_team_destroy(self);
    }
    assert_agreed(team, equal);
    end(&f);
}

static void save_any_number_of_ranks_gives_the_file_of_one_process(void **state) {
    (void)state;
    ranks_and_one_process_agree(large_plain);
    ranks_and_one_process_agree(large_half);
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
    apd_accuracies_forget(&f.state.accuracies, FULL);
    saved(&f);
    assert_agreed(team, load_and_compare(&f, f.path, &equal, &error) == APD_OK && equal);
    end(&f);
}

/* Rows packed in two runs, cut anywhere, unpacked into blocks of so many rows, and packed again, are the same bytes. */
static void pack_cut_anywhere_and_unpacked_is_the_item(void **state) {
    (void)state;
    apd_decomposition *whole = make_whole(&small_run);
    apd_run_state run = make_state(&small_run);
    run.block_count = small.block_count;
    for (int cut = 0; cut <= 11; cut++)
        for (int p = 0; p < 2; p++) {
            apd_rows rows[3];
            for (int b = 0; b < 3; b++) {
                int64_t count = small.blocks[b].rows, middle = count * cut / 11;
                rows[b] = p == 0 ? (apd_rows){0, middle} : (apd_rows){middle, count};
            }
            apd_decomposition *part = make_decomposition(&small_run, rows);
            apd_decomposition *blank = apd_decomposition_create(&small, rows);
            for (int t = 0; t < TASKS; t++)
                apd_decomposition_append(
                    blank,
                    t == FORGOTTEN ? NULL : apd_task_part_create(blank, class_count(t), storage_of(t)));
            for (int t = 0; t < TASKS; t++) {
                if (t == FORGOTTEN)
                    continue;
                run.records[t].storage = (int32_t)storage_of(t);
                apd_item from = apd_item_of((apd_item_key){APD_ITEM_TASK, t, 0}, whole, &run, NULL);
                apd_item into = apd_item_of((apd_item_key){APD_ITEM_TASK, t, 0}, blank, &run, NULL);
                int64_t bytes = apd_item_packed_bytes(&from, rows);
                unsigned char *packed = apd_allocate_bytes(bytes + 8, "packed rows");
                assert_ptr_equal(apd_item_pack(&from, rows, packed), packed + bytes);
                assert_ptr_equal(apd_item_unpack(&into, packed), packed + bytes);
                for (int b = 0; b < 3; b++) {
                    blank->tasks[t]->blocks[b].group = part->tasks[t]->blocks[b].group;
                    assert_true(same_block(&blank->tasks[t]->blocks[b], &part->tasks[t]->blocks[b],
                                           rows[b].end - rows[b].begin, small.blocks[b].cols));
                }
                free(packed);
                apd_item_clear(&from);
                apd_item_clear(&into);
            }
            apd_decomposition_destroy(blank);
            apd_decomposition_destroy(part);
        }
    apd_decomposition_destroy(whole);
    apd_run_state_clear(&run);
}

/* theta by a process without MPI. */
static void reader_theta_is_the_decompositions(void **state) {
    const sketch *s = *state;
    fixture f = begin(*s, "theta.h5");
    saved(&f);
    apd_decomposition *whole = make_whole(s);
    apd_reader *reader = NULL;
    apd_error error = {0};
    bool equal = true;
    apd_theta_terms terms;
    assert_agreed(team, apd_reader_open(f.newest, &reader, &error) == APD_OK &&
                            apd_theta_read_terms(reader, &terms, &error) == APD_OK);
    for (int t = 0; t < TASKS; t++) {
        apd_item task = {0};
        equal = equal && (t == FORGOTTEN || apd_theta_read_task(reader, t, &task, &error) == APD_OK);
        for (int b = 0; b < 4 && t != FORGOTTEN && equal; b++) {
            int64_t rows = b == 3 ? class_count(t) : large.blocks[b].rows, cols = large.blocks[b].cols;
            float *weights = apd_allocate(large.blocks[b].rows * cols, 4, "theta");
            float *bias = apd_allocate(large.blocks[b].rows, 4, "bias");
            float *right = apd_allocate(large.blocks[b].rows * cols, 4, "theta");
            float *right_bias = apd_allocate(large.blocks[b].rows, 4, "bias");
            apd_decomposition_theta(whole, t, b, right, right_bias);
            apd_theta_compose(&terms, &task, b, weights, bias);
            equal = same(weights, right, rows * cols, 4) && same(bias, right_bias, rows, 4);
            free(weights);
            free(bias);
            free(right);
            free(right_bias);
        }
        apd_item_clear(&task);
    }
    assert_agreed(team, equal);
    apd_theta_clear_terms(&terms);
    apd_reader_destroy(reader);
    apd_decomposition_destroy(whole);
    end(&f);
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
    /* the root's seven, two sigma, the tasks but the forgotten one, two blocks' clusters */
    assert_agreed(team, groups == 8 + 2 + TASKS - 1 + 2 * CLUSTERS);
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
    for (int b = 0; b < 3; b++) /* what the one subnetwork uses of sigma */
        for (int64_t r = 0; r < large_blocks[b].rows; r++)
            for (int64_t c = 0; c < large_blocks[b].cols; c++)
                kept += has_entry(SUBNETWORK, b, r, c);
    kept += (TASKS - 4) * (7 + 3 + 90); /* masks */
    assert_agreed(team, apd_checkpoint_survey(f.path, &read, &capacity, &error) == APD_OK);
    assert_agreed(team,
                  fabs(capacity.weights - ((double)kept + (double)weights / 32.0) / (double)weights) < 1e-12);
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
    const sketch sketches[] = {large_plain, large_run, large_half};
    for (int i = 0; i < 3; i++) {
        fixture f = begin(sketches[i], "python.h5");
        saved(&f);
        assert_agreed(team, apd_team_rank(team) != 0 || python_agrees(&sketches[i], f.path));
        end(&f);
    }
}

int main(int argc, char **argv) {
    sketch plain = large_run, half = large_half;
    begin_tests(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_after_save_every_kind_of_task_is_identical_to_the_bit),
        cmocka_unit_test(load_after_save_no_tasks_is_identical_to_the_bit),
        cmocka_unit_test(save_any_number_of_ranks_gives_the_file_of_one_process),
        cmocka_unit_test(load_after_save_task_forgotten_from_its_cluster_is_identical),
        cmocka_unit_test(pack_cut_anywhere_and_unpacked_is_the_item),
        cmocka_unit_test_prestate(reader_theta_is_the_decompositions, &plain),
        cmocka_unit_test_prestate(reader_theta_is_the_decompositions, &half),
        cmocka_unit_test(read_state_and_verify_after_save_agree_with_what_was_saved),
        cmocka_unit_test(survey_counts_what_every_group_holds),
        cmocka_unit_test(save_read_by_h5py_gives_theta_and_nonzeros),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    end_tests();
    return failures;
}
