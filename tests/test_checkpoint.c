#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agreed.h"
#include "base/digest.h"
#include "base/memory.h"
#include "base/random.h"
#include "io/checkpoint.h"
#include "io/checkpoint_parcel.h"
#include "io/checkpoint_write.h"
#include "method/consolidate.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static apd_team *team;
static char folder[256]; /* the same on all ranks; gone at the end */

/* --- contents: every number a function of where it stands, whoever owns the row ------------------------- */

enum { TASKS = 7, SHARDS = 4 };
enum { PLAIN, NO_TAU, SINGLE, ONE_CLASS, FORGOTTEN, FULL, DENSE_ROWS }; /* what the task at a place is */

static apd_block large_blocks[] = {{.name = "conv1", .rows = 7, .cols = 25, .decomposed = true},
                                   {.name = "narrow", .rows = 3, .cols = 40, .decomposed = true},
                                   {.name = "dense3", .rows = 90, .cols = 801, .decomposed = true},
                                   {.name = "head", .rows = 6, .cols = 90}};
static apd_block small_blocks[] = {{.name = "dense1", .rows = 2, .cols = 9, .decomposed = true},
                                   {.name = "dense2", .rows = 11, .cols = 30, .decomposed = true},
                                   {.name = "head", .rows = 6, .cols = 11}};
static const apd_layout large = {.block_count = 4, .blocks = large_blocks};
static const apd_layout small = {.block_count = 3, .blocks = small_blocks};

static uint64_t mix(int task, int block, int64_t row, int64_t col) {
    int64_t key[4] = {task, block, row, col};
    return apd_digest(key, sizeof key);
}

/* Any bits of a finite float, now and then -0 and tiny ones. */
static float number(int task, int block, int64_t row, int64_t col) {
    uint64_t bits = mix(task + 100, block, row, col);
    if (bits % 61 == 0)
        return -0.0F;
    float magnitude = bits % 67 == 0 ? 1e-41F : 1.0F;
    return magnitude * ((float)(bits >> 40) / 8388608.0F - 1.0F);
}

static bool has_entry(int task, int block, int64_t row, int64_t col) {
    if (task == NO_TAU)
        return false;
    if (task == FULL)
        return true;
    if (task == DENSE_ROWS)
        return row % 3 == 1;
    return mix(task, block, row, col) % 10 == 0;
}

static void fill_tau(apd_sparse *tau, int task, int block, apd_rows rows, int64_t cols) {
    int64_t count = rows.end - rows.begin, entries = 0;
    for (int64_t r = rows.begin; r < rows.end; r++)
        for (int64_t c = 0; c < cols; c++)
            entries += has_entry(task, block, r, c);
    apd_sparse_resize(tau, count, entries);
    entries = 0;
    for (int64_t r = 0; r < count; r++) {
        for (int64_t c = 0; c < cols; c++) {
            if (!has_entry(task, block, rows.begin + r, c))
                continue;
            tau->columns[entries] = (int32_t)c;
            tau->values[entries++] = number(task, block, rows.begin + r, c);
        }
        tau->offsets[r + 1] = entries;
    }
}

static apd_task_part *make_part(const apd_decomposition *made, int task, int classes) {
    apd_task_part *part = apd_task_part_create(made, classes, task == SINGLE);
    for (int b = 0; b < made->layout->block_count; b++) {
        const apd_block *shape = &made->layout->blocks[b];
        apd_task_block *block = &part->blocks[b];
        apd_rows rows = made->rows[b];
        for (int64_t r = 0; r < rows.end - rows.begin; r++) {
            bool in_use = shape->decomposed || rows.begin + r < classes;
            block->bias[r] = in_use ? number(task, b, rows.begin + r, -1) : 0;
            if (block->mask != NULL)
                block->mask[r] = 0.25F + (float)(mix(task, b, rows.begin + r, -2) >> 41) / 16777216.0F;
            for (int64_t c = 0; block->dense != NULL && in_use && c < shape->cols; c++)
                block->dense[r * shape->cols + c] = number(task, b, rows.begin + r, c);
        }
        if (block->dense == NULL)
            fill_tau(&block->tau, task, b, rows, shape->cols);
    }
    return part;
}

/* --- clusters of tasks: three in every block, one of them empty ----------------------------------- */

enum { CLUSTERS = 3, EMPTY_CLUSTER = 1 };

/* NO_TAU and PLAIN share cluster 0; in cluster 2 either two share, or ONE_CLASS is alone and nothing is. */
static int cluster_of(int task, int block) {
    if (task == SINGLE || task == FORGOTTEN || task == DENSE_ROWS)
        return -1;
    if (block % 2 == 1)
        return task == FULL || task == ONE_CLASS ? 2 : 0;
    return task == ONE_CLASS ? 2 : task == FULL ? -1 : 0;
}

static bool has_shared(int cluster, int block, int64_t row, int64_t col) {
    if (cluster == EMPTY_CLUSTER || (cluster == 2 && block % 2 == 0))
        return false;
    return mix(50 + cluster, block, row, col) % 7 == 0;
}

static void fill_shared(apd_sparse *shared, int cluster, int block, apd_rows rows, int64_t cols) {
    int64_t count = rows.end - rows.begin, entries = 0;
    apd_sparse_resize(shared, count, count * cols);
    for (int64_t r = 0; r < count; r++) {
        for (int64_t c = 0; c < cols; c++) {
            if (!has_shared(cluster, block, rows.begin + r, c))
                continue;
            shared->columns[entries] = (int32_t)c;
            shared->values[entries++] = number(60 + cluster, block, rows.begin + r, c);
        }
        shared->offsets[r + 1] = entries;
    }
}

static void add_clusters(apd_decomposition *made) {
    for (int b = 0; b < made->layout->block_count; b++) {
        apd_block_groups *groups = &made->groups[b];
        if (!made->layout->blocks[b].decomposed)
            continue;
        groups->count = CLUSTERS;
        groups->shared = apd_allocate(CLUSTERS, sizeof *groups->shared, "clusters");
        for (int g = 0; g < CLUSTERS; g++)
            fill_shared(&groups->shared[g], g, b, made->rows[b], made->layout->blocks[b].cols);
        for (int t = 0; t < made->task_count; t++)
            if (made->tasks[t] != NULL)
                made->tasks[t]->blocks[b].group = cluster_of(t, b);
    }
}

static int class_count(int task) {
    return task == ONE_CLASS ? 1 : 2 + task % 5;
}

/* What a file is made of. */
typedef struct sketch {
    const apd_layout *layout;
    int tasks;
    bool clustered;
} sketch;

static apd_decomposition *make_decomposition(const sketch *s, const apd_rows *rows) {
    const apd_layout *layout = s->layout;
    apd_decomposition *made = apd_decomposition_create(layout, rows);
    for (int b = 0; b < layout->block_count; b++)
        for (int64_t r = 0; layout->blocks[b].decomposed && r < apd_local_rows(made, b); r++)
            for (int64_t c = 0; c < layout->blocks[b].cols; c++)
                made->sigma[b][r * layout->blocks[b].cols + c] = number(-1, b, rows[b].begin + r, c);
    for (int t = 0; t < s->tasks; t++)
        apd_decomposition_append(made, t == FORGOTTEN ? NULL : make_part(made, t, class_count(t)));
    if (s->clustered)
        add_clusters(made);
    return made;
}

static const sketch large_run = {&large, TASKS, true}, small_run = {&small, TASKS, true};
static const sketch large_plain = {&large, TASKS, false}, small_empty = {&small, 0, false};

static void make_record(apd_task_record *record, int task) {
    record->id = 31 - task;
    (void)snprintf(record->name, sizeof record->name, "task number %d", task);
    record->class_count = task == FORGOTTEN ? 0 : class_count(task);
    record->classes = task == FORGOTTEN ? NULL : apd_allocate(record->class_count, sizeof(int), "classes");
    for (int c = 0; c < record->class_count; c++)
        record->classes[c] = 10 * task + c;
    record->accuracy = 0.5 + 0.01 * task;
    record->seconds = 1e3 / (task + 3);
    record->epochs = 20 + task;
    for (int c = 0; task != FORGOTTEN && c < 1 + task % 3; c++) {
        record->normalisation.mean[c] = c == 0 ? 0.0F : 0.1F * (float)c;
        record->normalisation.deviation[c] = 0.3F;
    }
}

static apd_run_state make_state(const sketch *s) {
    int tasks = s->tasks;
    apd_run_state state = {.commit = 12,
                           .config_digest = 1ULL << 63,
                           .data_digest = 77,
                           .seed = UINT64_MAX,
                           .shards = SHARDS,
                           .task_count = tasks,
                           .consolidations = s->clustered ? 3 : 0,
                           .run_yaml = apd_duplicate_text("name: a run\nseed: 3  # default\n")};
    state.records = apd_allocate(tasks, sizeof *state.records, "records");
    state.accuracy = apd_allocate((int64_t)tasks * tasks, sizeof(double), "accuracy");
    for (int t = 0; t < tasks; t++) {
        make_record(&state.records[t], t);
        for (int j = 0; j < tasks; j++)
            state.accuracy[t * tasks + j] = j > t || j == FORGOTTEN ? (double)NAN : 1.0 / (1 + t + j);
    }
    return state;
}

/* --- comparisons, bit for bit --------------------------------------------------------------------------- */

static bool same(const void *a, const void *b, int64_t count, size_t size) {
    return count == 0 || memcmp(a, b, (size_t)count * size) == 0;
}

static bool same_sparse(const apd_sparse *a, const apd_sparse *b, int64_t rows) {
    return a->rows == rows && b->rows == rows && same(a->offsets, b->offsets, rows + 1, 8) &&
           same(a->columns, b->columns, a->offsets[rows], 4) &&
           same(a->values, b->values, a->offsets[rows], 4);
}

static bool same_block(const apd_task_block *a, const apd_task_block *b, int64_t rows, int64_t cols) {
    if ((a->mask == NULL) != (b->mask == NULL) || (a->dense == NULL) != (b->dense == NULL) ||
        a->group != b->group || !same(a->bias, b->bias, rows, 4))
        return false;
    if (a->dense != NULL)
        return same(a->dense, b->dense, rows * cols, 4);
    return same(a->mask, b->mask, rows, 4) && same_sparse(&a->tau, &b->tau, rows);
}

static bool same_groups(const apd_block_groups *a, const apd_block_groups *b, int64_t rows) {
    bool equal = a->count == b->count;
    for (int g = 0; equal && g < a->count; g++)
        equal = same_sparse(&a->shared[g], &b->shared[g], rows);
    return equal;
}

static bool same_decomposition(const apd_decomposition *a, const apd_decomposition *b) {
    if (a->task_count != b->task_count)
        return false;
    for (int k = 0; k < a->layout->block_count; k++) {
        int64_t rows = apd_local_rows(a, k), cols = a->layout->blocks[k].cols;
        if (rows != apd_local_rows(b, k) ||
            (a->sigma[k] != NULL && !same(a->sigma[k], b->sigma[k], rows * cols, 4)) ||
            !same_groups(&a->groups[k], &b->groups[k], rows))
            return false;
        for (int t = 0; t < a->task_count; t++) {
            const apd_task_part *p = a->tasks[t], *q = b->tasks[t];
            if ((p == NULL) != (q == NULL))
                return false;
            if (p != NULL &&
                (p->classes != q->classes || !same_block(&p->blocks[k], &q->blocks[k], rows, cols)))
                return false;
        }
    }
    return true;
}

static bool same_record(const apd_task_record *a, const apd_task_record *b) {
    return a->id == b->id && strcmp(a->name, b->name) == 0 && a->class_count == b->class_count &&
           same(a->classes, b->classes, a->class_count, sizeof(int)) &&
           same(&a->accuracy, &b->accuracy, 1, 8) && same(&a->seconds, &b->seconds, 1, 8) &&
           a->epochs == b->epochs && same(&a->normalisation, &b->normalisation, 1, sizeof a->normalisation);
}

static bool same_state(const apd_run_state *a, const apd_run_state *b) {
    bool equal = a->commit == b->commit && a->config_digest == b->config_digest &&
                 a->data_digest == b->data_digest && a->seed == b->seed && a->shards == b->shards &&
                 a->task_count == b->task_count && a->consolidations == b->consolidations &&
                 strcmp(a->run_yaml, b->run_yaml) == 0;
    for (int t = 0; equal && t < a->task_count; t++)
        equal = same_record(&a->records[t], &b->records[t]);
    return equal && same(a->accuracy, b->accuracy, (int64_t)a->task_count * a->task_count, 8);
}

/* --- the file as bytes ---------------------------------------------------------------------------------- */

static unsigned char *read_bytes(const char *path, int64_t *size) {
    FILE *file = fopen(path, "rb");
    struct stat facts;
    *size = -1;
    if (file == NULL || fstat(fileno(file), &facts) != 0)
        return NULL;
    unsigned char *bytes = apd_allocate(facts.st_size, 1, "a file");
    *size = (int64_t)fread(bytes, 1, (size_t)facts.st_size, file);
    (void)fclose(file);
    return bytes;
}

static void write_bytes(const char *path, const unsigned char *bytes, int64_t size) {
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, (size_t)size, file) != (size_t)size || fclose(file) != 0)
        apd_fatal(APD_ERROR_IO, "%s: the test cannot write", path);
}

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

static void place(char *path, size_t size, const char *name) {
    (void)snprintf(path, size, "%s/%s", folder, name);
}

/* --- a fixture: contents in memory, a partition, a path --------------------------------------------------
 */

typedef struct fixture {
    apd_partition partition;
    apd_decomposition *decomposition;
    apd_run_state state;
    char path[300];               /* packed, for what looks into a file */
    char store[320], newest[340]; /* the run's folder, and checkpoint.h5 in it */
} fixture;

static fixture begin(sketch s, const char *name) {
    fixture f = {.state = make_state(&s)};
    apd_error error = {0};
    assert_agreed(team, apd_partition_init(&f.partition, SHARDS, apd_team_size(team), apd_team_rank(team),
                                           &error) == APD_OK);
    apd_rows *rows = apd_partition_slice(&f.partition, s.layout);
    f.decomposition = make_decomposition(&s, rows);
    free(rows);
    place(f.path, sizeof f.path, name);
    (void)snprintf(f.store, sizeof f.store, "%s.run", f.path);
    (void)snprintf(f.newest, sizeof f.newest, "%s/checkpoint.h5", f.store);
    if (apd_team_rank(team) == 0)
        (void)mkdir(f.store, 0777);
    apd_team_barrier(team);
    return f;
}

static void end(fixture *f) {
    apd_decomposition_destroy(f->decomposition);
    apd_run_state_clear(&f->state);
    if (apd_team_rank(team) == 0) {
        (void)apd_checkpoint_remove(f->newest, NULL);
        (void)rmdir(f->store);
        (void)unlink(f->path);
    }
    apd_team_barrier(team);
}

static apd_status save(fixture *f, apd_error *error) {
    return apd_checkpoint_save(team, &f->partition, f->newest, f->decomposition, &f->state, NULL, error);
}

/* No file is left that a commit makes on its way. */
static bool is_tidy(const fixture *f) {
    char temporary[360];
    (void)snprintf(temporary, sizeof temporary, "%s.tmp", f->newest);
    return !exists(temporary);
}

static void saved(fixture *f) {
    apd_error error = {0};
    int groups;
    apd_status status = save(f, &error);
    if (status == APD_OK && apd_team_rank(team) == 0)
        status = apd_checkpoint_pack(f->newest, f->path, &groups, &error);
    if (status != APD_OK)
        (void)fprintf(stderr, "%s\n", error.message);
    assert_agreed(team, status == APD_OK && is_tidy(f));
}

/* Load `path`; on success compare with the fixture. */
static apd_status load_and_compare(const fixture *f, const char *path, bool *equal, apd_error *error) {
    apd_decomposition *loaded = NULL;
    apd_run_state state = {0};
    apd_status status =
        apd_checkpoint_load(team, &f->partition, path, f->decomposition->layout, &loaded, &state, error);
    *equal =
        status == APD_OK && same_decomposition(f->decomposition, loaded) && same_state(&f->state, &state);
    if (status != APD_OK && (loaded != NULL || state.records != NULL))
        *equal = true; /* outputs of a failure: the caller expects false */
    apd_decomposition_destroy(loaded);
    apd_run_state_clear(&state);
    return status;
}

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
            assert_int_equal(apd_checkpoint_writer_task_block(writer, b, &whole->tasks[t]->blocks[b], &error),
                             APD_OK);
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
    assert_int_equal(apd_checkpoint_writer_open(path, true, s->layout, &state, &writer, &error), APD_OK);
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

static bool have_h5py(void) {
    return system("/usr/bin/python3 -c 'import h5py, numpy' 2>/dev/null") == 0;
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

/* --- damage --------------------------------------------------------------------------------------------- */

static void load_one_byte_flipped_is_found_or_harmless(void **state) {
    (void)state;
    fixture f = begin(small_run, "flip.h5");
    int64_t size = 0;
    unsigned char *bytes = NULL;
    int found = 0;
    saved(&f);
    if (apd_team_rank(team) == 0)
        bytes = read_bytes(f.path, &size);
    apd_random random = apd_random_stream(5, APD_RANDOM_TEST, 1, 0);
    for (int i = 0; i < 200; i++) {
        if (apd_team_rank(team) == 0) {
            int64_t at = apd_random_below(&random, 2 * i, size);
            unsigned char old = bytes[at];
            bytes[at] ^= (unsigned char)(1U << apd_random_below(&random, 2 * i + 1, 8));
            write_bytes(f.path, bytes, size);
            bytes[at] = old;
        }
        apd_error error = {0};
        bool equal;
        apd_status status = load_and_compare(&f, f.path, &equal, &error);
        bool named = strstr(error.message, f.path) != NULL && strchr(error.message, '\n') == NULL;
        assert_agreed(team, status == APD_OK ? equal : !equal && named);
        assert_agreed(team, status == APD_OK || status == APD_ERROR_DATA || status == APD_ERROR_IO);
        found += status != APD_OK;
    }
    assert_agreed(team, found > 100); /* most of the file is in use */
    free(bytes);
    end(&f);
}

static void load_cut_anywhere_is_refused(void **state) {
    (void)state;
    fixture f = begin(small_run, "cut.h5");
    int64_t size = 0;
    unsigned char *bytes = NULL;
    saved(&f);
    if (apd_team_rank(team) == 0)
        bytes = read_bytes(f.path, &size);
    apd_random random = apd_random_stream(6, APD_RANDOM_TEST, 2, 0);
    for (int i = 0; i < 40; i++) {
        if (apd_team_rank(team) == 0)
            write_bytes(f.path, bytes, i == 0 ? 0 : i == 1 ? size - 1 : apd_random_below(&random, i, size));
        apd_error error = {0};
        bool equal;
        apd_status status = load_and_compare(&f, f.path, &equal, &error);
        assert_agreed(team, status == APD_ERROR_DATA && !equal && strstr(error.message, f.path) != NULL);
    }
    free(bytes);
    end(&f);
}

/* A change made with h5py to a copy, and what the complaint must contain. */
static const struct {
    const char *change, *complaint;
} damages[] = {
    {"f.attrs['format_version'] = np.int32(1)", "format_version: is 1"},
    {"f.attrs['format'] = np.bytes_('apd-checkpoinu  ')", "format: is not"},
    {"f.attrs['task_count'] = np.int32(2147483647)", "task_count"},
    {"f.attrs['seed'] = np.uint64(1)", "damaged"},
    {"f.attrs['seed'] = np.float32(1)", "seed: the attribute has another type"},
    {"del f.attrs['shards']", "shards: the attribute is missing"},
    {"del f['layout']", "/layout: missing"},
    {"del f['shared/dense1']", "/shared/dense1: missing"},
    {"del f['shared/dense2/sigma']", "/shared/dense2/sigma: missing"},
    {"del f['tasks/000001']", "task_count"},
    {"f.move('tasks/000001', 'tasks/000009')", "/tasks/000001: missing"},
    {"f.move('tasks/000001', 'x'); f.move('tasks/000005', 'tasks/000001'); f.move('x', 'tasks/000005')",
     "/tasks/000001/row: has another extent"},
    {"f.move('forgotten/000004', 'tasks/000004')", "/tasks/000004"},
    {"del f['tasks/000000/mask']", "/tasks/000000/mask: missing"},
    {"del f['tasks/000000/head']", "/tasks/000000/head/weight: missing"},
    {"del f['tasks/000002/weight']", "/tasks/000002/weight: missing"},
    {"f['tasks/000000/mask'][3] += 1e-6", "/tasks/000000: damaged"},
    {"f['tasks/000000/tau/row_offsets'][2] = 1 << 40", "row_offsets: an offset falls"},
    {"f['tasks/000000/tau/row_offsets'][0] = 1", "row_offsets: does not begin with 0"},
    {"f['tasks/000000/tau/row_offsets'][-1] -= 1", "row_offsets: does not end with"},
    {"f['tasks/000000/tau/columns'][0] = -1", "columns: a row's columns do not rise"},
    {"f['tasks/000005/tau/columns'][1] = 9", "columns: a row's columns do not rise"},
    {"f['tasks/000000'].attrs['classes'] = np.arange(7, dtype='i4')", "classes"},
    {"f['tasks/000000'].attrs['single'] = np.int32(1)", "/tasks/000000/weight: missing"},
    {"n = f['tasks/000000/tau']; del n['theta']; n.create_dataset('theta', (1 << 40,), 'f4', chunks=(1024,))",
     "/tasks/000000/tau/theta: 0 bytes are stored"},
    {"n = f['tasks/000000']; del n['mask']; n['mask'] = np.zeros(13)", "mask: holds another type"},
    {"n = f['tasks/000000']; del n['mask']; n['mask'] = np.zeros(12, 'f4')", "mask: has another extent"},
    {"n = f['tasks/000003']; del n['normalisation']; n['normalisation'] = np.zeros((2, 17), 'f4')",
     "normalisation: must have 1 to 16"},
    {"del f['groups']", "/groups/dense1: missing"},
    {"del f['groups/dense2']", "/groups/dense2: missing"},
    {"del f['groups/dense1/assignment']", "clusters: is 3, but the group holds 2"},
    {"del f['groups/dense1/002']", "clusters: is 3, but the group holds 2"},
    {"n = f['groups/dense1']; n.move('001', '003')", "/groups/dense1/001: missing"},
    {"n = f['groups/dense1']; n.move('000', 'x'); n.move('001', '000'); n.move('x', '001')",
     "/groups/dense1/000: damaged"},
    {"f['groups/dense1'].attrs['clusters'] = np.int32(2147483647)", "clusters: is 2147483647"},
    {"f['groups/dense1'].attrs['clusters'] = np.int32(-1)", "clusters: is -1"},
    {"f['groups/dense1/assignment'][0] = 3",
     "/groups/dense1/assignment: the task at place 0 is in cluster 3"},
    {"f['groups/dense1/assignment'][6] = -2",
     "/groups/dense1/assignment: the task at place 6 is in cluster -2"},
    {"f['groups/dense1/assignment'][0] = 1", "/groups/dense1: damaged"},
    {"f['groups/dense1/assignment'][4] = 0",
     "/groups/dense1/assignment: the task at place 4 is in a cluster"},
    {"f['groups/dense1/assignment'][2] = 0",
     "/groups/dense1/assignment: the task at place 2 is in a cluster"},
    {"n = f['groups/dense1']; del n['assignment']; n['assignment'] = np.zeros(6, 'i4')",
     "assignment: has another extent"},
    {"f['groups/dense2/000/values'][3] += 1", "/groups/dense2/000: damaged"},
    {"f['groups/dense2/000/columns'][1] = 30", "/groups/dense2/000/columns: a row's columns do not rise"},
    {"f['groups/dense2/000/columns'][1] = f['groups/dense2/000/columns'][0]",
     "columns: a row's columns do not"},
    {"f['groups/dense2/000/row_offsets'][0] = 1", "/groups/dense2/000/row_offsets: does not begin with 0"},
    {"f['groups/dense2/000/row_offsets'][2] = 1 << 40", "/groups/dense2/000/row_offsets: an offset falls"},
    {"f['groups/dense2/000/row_offsets'][-1] -= 1", "row_offsets: does not end with"},
    {"n = f['groups/dense2/001']; del n['columns']; n['columns'] = np.zeros(1, 'i4')",
     "columns: has another extent"},
    {"del f['groups/dense2/001/values']", "/groups/dense2/001/values: missing"},
    {"del f.attrs['consolidations']", "/: damaged"},
    {"f.attrs['consolidations'] = np.int32(0)", "consolidations: must be at least 1"},
    {"f['layout/rows'][0] = 1 << 62", "/layout/rows"},
    {"f['layout/rows'][0] = 3", "/layout: damaged"},
    {"f['tasks/000001/row'][0] = 1", "/tasks/000001: damaged"},
    {"f['digests'][1] = 5", "/: damaged"},
    {"f.attrs['shared_digest'] = np.uint64(5)", "/: damaged"},
    {"del f['run_yaml']; f['run_yaml'] = np.bytes_('other')", "/: damaged"},
    {"del f['digests']; f.create_group('digests')", "digests"},
    {"del f['tasks/000001']; f['tasks/000001'] = h5py.SoftLink('/tasks/000000')", "leads out of the run"},
    {"del f['tasks/000001']; f['tasks/000001'] = h5py.ExternalLink('/etc/passwd', '/tasks/000001')",
     "/tasks/000001: leads out of the run"},
    {"del f['tasks/000001']; f['tasks/000001'] = h5py.ExternalLink('segments/../../000001-tasks.h5', "
     "'/tasks/000001')",
     "/tasks/000001: leads out of the run"},
    {"del f['tasks/000001']; f['tasks/000001'] = h5py.ExternalLink('segments/000001-tasks.h5', "
     "'/tasks/000000')",
     "/tasks/000001: leads out of the run"},
    {"del f['shared/dense1']; f['shared/dense1'] = h5py.ExternalLink('segments/000001-tasks.h5', "
     "'/shared/dense1')",
     "/shared/dense1: leads out of the run"},
    {"n = f['tasks/000000']; del n['mask']; n['mask'] = h5py.SoftLink('/tasks/000003/mask')",
     "/tasks/000000/mask: missing"},
    {"n = f['tasks/000000']; del n['mask']; n.create_dataset('mask', (13,), 'f4', external=[('/etc/passwd', "
     "0, 52)])",
     "/tasks/000000/mask"},
    {"del f['tasks/000000']; f['tasks/000000'] = np.zeros(3)", "/tasks/000000: cannot be opened"},
};
enum { DAMAGES = sizeof damages / sizeof damages[0] };

static bool make_damaged(const char *path) {
    char script[300], command[700];
    place(script, sizeof script, "damage.py");
    FILE *file = fopen(script, "w");
    if (file == NULL)
        return false;
    (void)fprintf(file, "import shutil, h5py, numpy as np\n");
    for (int d = 0; d < DAMAGES; d++)
        (void)fprintf(file, "shutil.copy('%s', '%s.%d')\nwith h5py.File('%s.%d', 'r+') as f:\n    %s\n", path,
                      path, d, path, d, damages[d].change);
    (void)fclose(file);
    (void)snprintf(command, sizeof command, "/usr/bin/python3 '%s'", script);
    bool done = system(command) == 0;
    (void)unlink(script);
    return done;
}

static void load_parts_missing_or_wrong_names_the_part(void **state) {
    (void)state;
    bool skipped = apd_team_rank(team) == 0 && !have_h5py();
    if (apd_team_any(team, skipped)) {
        (void)fprintf(stderr, "skipped: /usr/bin/python3 has no h5py\n");
        skip();
    }
    fixture f = begin(small_run, "parts.h5");
    saved(&f);
    assert_agreed(team, apd_team_rank(team) != 0 || make_damaged(f.path));
    for (int d = 0; d < DAMAGES; d++) {
        char path[320];
        bool equal;
        int groups = -1;
        apd_error error = {0}, verify_error = {0};
        (void)snprintf(path, sizeof path, "%s.%d", f.path, d);
        apd_status status = load_and_compare(&f, path, &equal, &error);
        bool named = strstr(error.message, damages[d].complaint) != NULL;
        if (!named)
            (void)fprintf(stderr, "%s\n    gives: %s\n", damages[d].change, error.message);
        assert_agreed(team, status == APD_ERROR_DATA && !equal && named);
        assert_agreed(team, apd_checkpoint_verify(path, &groups, &verify_error) == APD_ERROR_DATA);
        assert_agreed(team, groups == -1 && strcmp(verify_error.message, error.message) == 0);
        if (apd_team_rank(team) == 0)
            (void)unlink(path);
    }
    end(&f);
}

static void load_another_network_names_the_block(void **state) {
    (void)state;
    fixture f = begin(small_run, "other.h5");
    apd_decomposition *loaded = NULL;
    apd_run_state read = {0};
    apd_error error = {0};
    apd_block blocks[3] = {small_blocks[0], small_blocks[1], small_blocks[2]};
    apd_layout other = {.block_count = 3, .blocks = blocks};
    blocks[1].cols = 31;
    saved(&f);
    apd_status status = apd_checkpoint_load(team, &f.partition, f.path, &other, &loaded, &read, &error);
    assert_agreed(team, status == APD_ERROR_DATA && loaded == NULL && read.records == NULL);
    assert_agreed(team, strstr(error.message, "dense2 (11 x 30)") != NULL);
    assert_agreed(team, strstr(error.message, "dense2 (11 x 31)") != NULL);
    end(&f);
}

static void load_missing_file_is_an_io_error(void **state) {
    (void)state;
    fixture f = begin(small_empty, "nowhere.h5");
    apd_error error = {0};
    bool equal;
    assert_agreed(team, load_and_compare(&f, f.path, &equal, &error) == APD_ERROR_IO && !equal);
    assert_agreed(team, strstr(error.message, "No such file or directory") != NULL);
    end(&f);
}

/* --- refusals while writing ----------------------------------------------------------------------------- */

/* Files of rank 0 may grow to `bytes`. */
static void limit_files(rlim_t bytes) {
    struct rlimit limit = {bytes, RLIM_INFINITY};
    if (apd_team_rank(team) == 0 && setrlimit(RLIMIT_FSIZE, &limit) != 0)
        apd_fatal(APD_ERROR_INTERNAL, "the test cannot limit file sizes");
}

/* The largest file of the fixture's commit. */
static int64_t largest_file(const fixture *f) {
    static const char *const names[] = {"checkpoint.h5", "segments/%06d-tasks.h5", "segments/%06d-shared.h5"};
    int64_t largest = 0;
    for (int i = 0; i < 3; i++) {
        char name[64], path[420];
        struct stat facts = {0};
        (void)snprintf(name, sizeof name, names[i], f->state.commit);
        (void)snprintf(path, sizeof path, "%s/%s", f->store, name);
        if (stat(path, &facts) == 0 && (int64_t)facts.st_size > largest)
            largest = (int64_t)facts.st_size;
    }
    return largest;
}

static void save_no_room_at_any_point_keeps_the_former_commit(void **state) {
    (void)state;
    fixture f = begin(large_run, "full.h5");
    saved(&f);
    int64_t size = largest_file(&f), commit = f.state.commit;
    (void)signal(SIGXFSZ, SIG_IGN);
    for (int i = 0; i <= 16; i++) {
        apd_error error = {0};
        bool equal = false;
        for (int t = 0; t < f.decomposition->task_count; t++)
            if (f.decomposition->tasks[t] != NULL)
                f.decomposition->tasks[t]->changed = true;
        limit_files((rlim_t)(i == 16 ? size - 1 : size * i / 16));
        apd_status status = save(&f, &error);
        limit_files(RLIM_INFINITY);
        assert_agreed(team, status == APD_ERROR_IO && is_tidy(&f));
        assert_agreed(team,
                      strstr(error.message, f.store) != NULL && strstr(error.message, "cannot ") != NULL);
        assert_agreed(team, strstr(error.message, "File too large") != NULL);
        assert_agreed(team, f.state.commit == commit);
        assert_agreed(team, load_and_compare(&f, f.newest, &equal, &error) == APD_OK && equal);
    }
    saved(&f);
    end(&f);
}

static void save_folder_missing_names_the_step(void **state) {
    (void)state;
    fixture f = begin(small_run, "no-such-folder/file.h5");
    apd_error error = {0};
    assert_agreed(team, save(&f, &error) == APD_ERROR_IO);
    assert_agreed(team, strstr(error.message, "cannot make the folder") != NULL);
    assert_agreed(team, strstr(error.message, "No such file or directory") != NULL);
    end(&f);
}

static void save_onto_a_folder_fails_and_leaves_nothing(void **state) {
    (void)state;
    fixture f = begin(small_run, "folder.h5");
    apd_error error = {0};
    assert_agreed(team, apd_team_rank(team) != 0 || mkdir(f.newest, 0777) == 0);
    assert_agreed(team, save(&f, &error) == APD_ERROR_IO);
    assert_agreed(team, strstr(error.message, "not a regular file") != NULL && is_tidy(&f));
    if (apd_team_rank(team) == 0)
        (void)rmdir(f.newest);
    end(&f);
}

int main(int argc, char **argv) {
    team = apd_team_create(&argc, &argv);
    if (apd_team_rank(team) == 0) {
        const char *base = getenv("TMPDIR");
        (void)snprintf(folder, sizeof folder, "%s/apd-checkpoint-XXXXXX", base != NULL ? base : "/tmp");
        if (mkdtemp(folder) == NULL)
            apd_fatal(APD_ERROR_IO, "%s: the test cannot make its folder", folder);
    }
    apd_team_broadcast(team, folder, sizeof folder);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_after_save_every_kind_of_task_is_identical_to_the_bit),
        cmocka_unit_test(load_after_save_no_tasks_is_identical_to_the_bit),
        cmocka_unit_test(save_any_number_of_ranks_gives_the_file_of_one_process),
        cmocka_unit_test(load_after_save_task_forgotten_from_its_cluster_is_identical),
        cmocka_unit_test(parcel_cut_anywhere_and_joined_is_the_block),
        cmocka_unit_test(read_state_and_verify_after_save_agree_with_what_was_saved),
        cmocka_unit_test(survey_counts_what_every_group_holds),
        cmocka_unit_test(save_read_by_h5py_gives_theta_and_nonzeros),
        cmocka_unit_test(load_one_byte_flipped_is_found_or_harmless),
        cmocka_unit_test(load_cut_anywhere_is_refused),
        cmocka_unit_test(load_parts_missing_or_wrong_names_the_part),
        cmocka_unit_test(load_another_network_names_the_block),
        cmocka_unit_test(load_missing_file_is_an_io_error),
        cmocka_unit_test(save_no_room_at_any_point_keeps_the_former_commit),
        cmocka_unit_test(save_folder_missing_names_the_step),
        cmocka_unit_test(save_onto_a_folder_fails_and_leaves_nothing),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    if (apd_team_rank(team) == 0)
        (void)rmdir(folder);
    apd_team_destroy(team);
    return failures;
}
