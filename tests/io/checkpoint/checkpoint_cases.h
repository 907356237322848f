/* checkpoint_cases: contents for the tests of checkpoints, at any number of ranks, how they are compared, and a
 * run's folder to save them in. cmocka.h comes before this header. */
#ifndef APD_TESTS_CHECKPOINT_CASES_H
#define APD_TESTS_CHECKPOINT_CASES_H

#include "agreed.h"
#include "base/digest.h"
#include "base/half.h"
#include "base/memory.h"
#include "base/random.h"
#include "io/saving/checkpoint.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static apd_team *team;
static char folder[256]; /* the same on all ranks; gone at the end */

/* --- contents: every number a function of where it stands, whoever owns the row ------------------------- */

enum { TASKS = 9, SHARDS = 4 };
enum {
    PLAIN,
    NO_TAU,
    SINGLE,
    ONE_CLASS,
    FORGOTTEN,
    FULL,
    DENSE_ROWS,
    BODY,
    SUBNETWORK
}; /* what the task at a place is */

static apd_block large_blocks[] = {{.name = "conv1", .rows = 7, .cols = 25, .decomposed = true},
                                   {.name = "narrow", .rows = 3, .cols = 40, .decomposed = true},
                                   {.name = "dense3", .rows = 90, .cols = 801, .decomposed = true},
                                   {.name = "head", .rows = 6, .cols = 90}};
static apd_block small_blocks[] = {{.name = "dense1", .rows = 2, .cols = 9, .decomposed = true},
                                   {.name = "dense2", .rows = 11, .cols = 30, .decomposed = true},
                                   {.name = "head", .rows = 6, .cols = 11}};
/* Data sets that a commit looks at only, once their bytes have been read back. */
static apd_block wide_blocks[] = {{.name = "dense1", .rows = 1040, .cols = 1030, .decomposed = true},
                                  {.name = "head", .rows = 6, .cols = 1040}};
static const apd_layout wide = {.block_count = 2, .blocks = wide_blocks};
static const apd_layout large = {.block_count = 4, .blocks = large_blocks};
static const apd_layout small = {.block_count = 3, .blocks = small_blocks};

static uint64_t mix(int task, int block, int64_t row, int64_t col) {
    int64_t key[4] = {task, block, row, col};
    return apd_digest(key, sizeof key);
}

/* Any bits of a finite float, now and then -0 and tiny ones. */
static inline float number(int task, int block, int64_t row, int64_t col) {
    uint64_t bits = mix(task + 100, block, row, col);
    if (bits % 61 == 0)
        return -0.0F;
    float magnitude = bits % 67 == 0 ? 1e-41F : 1.0F;
    return magnitude * ((float)(bits >> 40) / 8388608.0F - 1.0F);
}

static inline bool has_entry(int task, int block, int64_t row, int64_t col) {
    if (task == NO_TAU)
        return false;
    if (task == FULL)
        return true;
    if (task == DENSE_ROWS)
        return row % 3 == 1;
    return mix(task, block, row, col) % 10 == 0;
}

static inline void fill_tau(apd_sparse *tau, int task, int block, apd_rows rows, int64_t cols) {
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

static inline apd_storage storage_of(int task) {
    return task == SINGLE       ? APD_STORAGE_SINGLE
           : task == BODY       ? APD_STORAGE_SHARED
           : task == SUBNETWORK ? APD_STORAGE_SUBNETWORK
                                : APD_STORAGE_DECOMPOSED;
}

static inline apd_task_part *make_part(const apd_decomposition *made, int task, int classes) {
    apd_task_part *part = apd_task_part_create(made, classes, storage_of(task));
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
            for (int64_t c = 0; block->bits != NULL && c < shape->cols; c++)
                if (has_entry(task, b, rows.begin + r, c))
                    apd_bit_set(block->bits + r * apd_bit_bytes(shape->cols), c);
        }
        if (block->mask != NULL)
            fill_tau(&block->tau, task, b, rows, shape->cols);
    }
    return part;
}

/* --- clusters of tasks: three in every block, one of them empty ----------------------------------- */

enum { CLUSTERS = 3, EMPTY_CLUSTER = 1 };

/* NO_TAU and PLAIN share cluster 0; in cluster 2 either two share, or ONE_CLASS is alone and nothing is. */
static inline int cluster_of(int task, int block) {
    if (task == SINGLE || task == FORGOTTEN || task == DENSE_ROWS || task >= BODY)
        return -1;
    if (block % 2 == 1)
        return task == FULL || task == ONE_CLASS ? 2 : 0;
    return task == ONE_CLASS ? 2 : task == FULL ? -1 : 0;
}

static inline bool has_shared(int cluster, int block, int64_t row, int64_t col) {
    if (cluster == EMPTY_CLUSTER || (cluster == 2 && block % 2 == 0))
        return false;
    return mix(50 + cluster, block, row, col) % 7 == 0;
}

static inline void fill_shared(apd_sparse *shared, int cluster, int block, apd_rows rows, int64_t cols) {
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

static inline void add_clusters(apd_decomposition *made) {
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

/* Two arrays beside sigma. */
static inline void add_shared_arrays(apd_decomposition *made) {
    static const char *const names[] = {"importance", "anchor"};
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < made->layout->block_count; b++)
            for (int64_t r = 0; made->layout->blocks[b].decomposed && r < apd_local_rows(made, b); r++)
                for (int64_t c = 0, cols = made->layout->blocks[b].cols; c < cols; c++)
                    apd_decomposition_shared(made, names[a])[b][r * cols + c] =
                        number(70 + a, b, made->rows[b].begin + r, c);
}

static inline int class_count(int task) {
    return task == ONE_CLASS ? 1 : 2 + task % 5;
}

/* What a file is made of. */
typedef struct sketch {
    const apd_layout *layout;
    int tasks;
    bool clustered;
    bool half; /* numbers of 16 bits, and theta of every kind that the code knows */
} sketch;

/* Former values (mask times 16 bits), integers, both, or any, by row; sigma, masks, biases and heads of 16 bits. */
static inline void make_half(apd_decomposition *made) {
    made->half = true;
    for (int b = 0; b < made->layout->block_count; b++) {
        int64_t rows = apd_local_rows(made, b), cols = made->layout->blocks[b].cols;
        if (made->sigma[b] != NULL)
            apd_half_all(made->sigma[b], made->sigma[b], rows * cols);
        for (int t = 0; t < made->task_count; t++) {
            apd_task_block *block = made->tasks[t] != NULL ? &made->tasks[t]->blocks[b] : NULL;
            if (block == NULL)
                continue;
            apd_half_all(block->bias, block->bias, rows);
            if (!made->layout->blocks[b].decomposed)
                apd_half_all(block->dense, block->dense, rows * cols);
            for (int64_t r = 0; block->mask != NULL && r < rows; r++) {
                block->mask[r] = apd_half(block->mask[r]);
                for (int64_t e = block->tau.offsets[r]; e < block->tau.offsets[r + 1]; e++) {
                    float *value = &block->tau.values[e];
                    int64_t what = (made->rows[b].begin + r) % 4, column = block->tau.columns[e];
                    if (what == 0 || (what == 1 && column % 3 == 0))
                        *value = block->mask[r] * apd_half(*value);
                    else if (what < 3)
                        *value = floorf(*value * 31.0F) / 256.0F + 0.0F;
                }
            }
        }
    }
}

static inline apd_decomposition *make_decomposition(const sketch *s, const apd_rows *rows) {
    const apd_layout *layout = s->layout;
    apd_decomposition *made = apd_decomposition_create(layout, rows);
    for (int b = 0; b < layout->block_count; b++)
        for (int64_t r = 0; layout->blocks[b].decomposed && r < apd_local_rows(made, b); r++)
            for (int64_t c = 0; c < layout->blocks[b].cols; c++)
                made->sigma[b][r * layout->blocks[b].cols + c] = number(-1, b, rows[b].begin + r, c);
    for (int t = 0; t < s->tasks; t++)
        apd_decomposition_append(made, t == FORGOTTEN ? NULL : make_part(made, t, class_count(t)));
    if (s->clustered) {
        add_clusters(made);
        add_shared_arrays(made);
    }
    if (s->half)
        make_half(made);
    return made;
}

static const sketch large_run = {&large, TASKS, true, false}, small_run = {&small, TASKS, true, false};
static const sketch large_plain = {&large, TASKS, false, false}, small_empty = {&small, 0, false, false};
static const sketch large_half = {&large, TASKS, false, true};

static inline void make_record(apd_task_record *record, int task) {
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

static inline apd_run_state make_state(const sketch *s) {
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
    for (int t = 0; t < tasks; t++) {
        make_record(&state.records[t], t);
        apd_accuracies_add_task(&state.accuracies);
        for (int j = 0; j <= t; j++) /* every third row has changes */
            state.accuracies.now[j] = j == FORGOTTEN ? (double)NAN : 1.0 / (1 + t / 3 + j);
    }
    return state;
}

/* --- comparisons, bit for bit --------------------------------------------------------------------------- */

static inline bool same(const void *a, const void *b, int64_t count, size_t size) {
    return count == 0 || memcmp(a, b, (size_t)count * size) == 0;
}

static inline bool same_sparse(const apd_sparse *a, const apd_sparse *b, int64_t rows) {
    return a->rows == rows && b->rows == rows && same(a->offsets, b->offsets, rows + 1, 8) &&
           same(a->columns, b->columns, a->offsets[rows], 4) &&
           same(a->values, b->values, a->offsets[rows], 4);
}

static inline bool same_block(const apd_task_block *a, const apd_task_block *b, int64_t rows, int64_t cols) {
    if ((a->mask == NULL) != (b->mask == NULL) || (a->dense == NULL) != (b->dense == NULL) ||
        a->group != b->group || !same(a->bias, b->bias, rows, 4))
        return false;
    if (a->dense != NULL)
        return same(a->dense, b->dense, rows * cols, 4);
    if (a->bits != NULL)
        return b->bits != NULL && same(a->bits, b->bits, rows * apd_bit_bytes(cols), 1);
    if (a->mask == NULL)
        return b->bits == NULL;
    return same(a->mask, b->mask, rows, 4) && same_sparse(&a->tau, &b->tau, rows);
}

static inline bool same_groups(const apd_block_groups *a, const apd_block_groups *b, int64_t rows) {
    bool equal = a->count == b->count;
    for (int g = 0; equal && g < a->count; g++)
        equal = same_sparse(&a->shared[g], &b->shared[g], rows);
    return equal;
}

static inline bool same_decomposition(const apd_decomposition *a, const apd_decomposition *b) {
    if (a->task_count != b->task_count || a->shared_count != b->shared_count)
        return false;
    for (int k = 0; k < a->layout->block_count; k++) {
        int64_t rows = apd_local_rows(a, k), cols = a->layout->blocks[k].cols;
        if (rows != apd_local_rows(b, k) ||
            (a->sigma[k] != NULL && !same(a->sigma[k], b->sigma[k], rows * cols, 4)) ||
            !same_groups(&a->groups[k], &b->groups[k], rows))
            return false;
        for (int i = 0; i < a->shared_count; i++)
            if (strcmp(a->shared[i].name, b->shared[i].name) != 0 ||
                (a->sigma[k] != NULL &&
                 !same(a->shared[i].values[k], b->shared[i].values[k], rows * cols, 4)))
                return false;
        for (int t = 0; t < a->task_count; t++) {
            const apd_task_part *p = a->tasks[t], *q = b->tasks[t];
            if ((p == NULL) != (q == NULL))
                return false;
            if (p != NULL && (p->storage != q->storage || p->classes != q->classes ||
                              !same_block(&p->blocks[k], &q->blocks[k], rows, cols)))
                return false;
        }
    }
    return true;
}

static inline bool same_record(const apd_task_record *a, const apd_task_record *b) {
    return a->id == b->id && strcmp(a->name, b->name) == 0 && a->class_count == b->class_count &&
           same(a->classes, b->classes, a->class_count, sizeof(int)) &&
           same(&a->accuracy, &b->accuracy, 1, 8) && same(&a->seconds, &b->seconds, 1, 8) &&
           a->epochs == b->epochs && same(&a->normalisation, &b->normalisation, 1, sizeof a->normalisation);
}

static inline bool same_state(const apd_run_state *a, const apd_run_state *b) {
    bool equal = a->commit == b->commit && a->config_digest == b->config_digest &&
                 a->data_digest == b->data_digest && a->seed == b->seed && a->shards == b->shards &&
                 a->task_count == b->task_count && a->consolidations == b->consolidations &&
                 strcmp(a->run_yaml, b->run_yaml) == 0;
    for (int t = 0; equal && t < a->task_count; t++)
        equal = same_record(&a->records[t], &b->records[t]);
    double left[64], right[64];
    for (int t = 0; equal && t < a->task_count; t++) {
        apd_accuracies_next_row(&a->accuracies, t, left);
        apd_accuracies_next_row(&b->accuracies, t, right);
        for (int j = 0; j < a->task_count; j++)
            equal = equal && (isnan(left[j]) ? isnan(right[j]) : same(&left[j], &right[j], 1, 8));
    }
    return equal;
}

/* --- the file as bytes ---------------------------------------------------------------------------------- */

static inline unsigned char *read_bytes(const char *path, int64_t *size) {
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

static inline void write_bytes(const char *path, const unsigned char *bytes, int64_t size) {
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, (size_t)size, file) != (size_t)size || fclose(file) != 0)
        apd_fatal(APD_ERROR_IO, "%s: the test cannot write", path);
}

static inline bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

static inline void place(char *path, size_t size, const char *name) {
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

static inline fixture begin(sketch s, const char *name) {
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

static inline void end(fixture *f) {
    apd_decomposition_destroy(f->decomposition);
    apd_run_state_clear(&f->state);
    if (apd_team_rank(team) == 0) {
        (void)apd_checkpoint_remove(f->newest, NULL);
        (void)rmdir(f->store);
        (void)unlink(f->path);
    }
    apd_team_barrier(team);
}

static inline apd_status save(fixture *f, apd_error *error) {
    return apd_checkpoint_save(team, &f->partition, f->newest, f->decomposition, &f->state, NULL, error);
}

/* No file is left that a commit makes on its way. */
static inline bool is_tidy(const fixture *f) {
    char temporary[360];
    (void)snprintf(temporary, sizeof temporary, "%s.tmp", f->newest);
    return !exists(temporary);
}

static inline void saved(fixture *f) {
    apd_error error = {0};
    int groups;
    apd_status status = save(f, &error);
    if (status == APD_OK && apd_team_rank(team) == 0)
        status = apd_checkpoint_pack(f->newest, f->path, APD_PACK_COMMIT, &groups, &error);
    if (status != APD_OK)
        (void)fprintf(stderr, "%s\n", error.message);
    assert_agreed(team, status == APD_OK && is_tidy(f));
}

/* Load `path`; on success compare with the fixture. */
static inline apd_status load_and_compare(const fixture *f, const char *path, bool *equal, apd_error *error) {
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

static inline bool have_h5py(void) {
    return system("/usr/bin/python3 -c 'import h5py, numpy' 2>/dev/null") == 0;
}

/* --- the frame of such a test's main ----------------------------------------------------------------------- */

static inline void begin_tests(int *argc, char ***argv) {
    team = apd_team_create(argc, argv);
    if (apd_team_rank(team) == 0) {
        const char *base = getenv("TMPDIR");
        (void)snprintf(folder, sizeof folder, "%s/apd-checkpoint-XXXXXX", base != NULL ? base : "/tmp");
        if (mkdtemp(folder) == NULL)
            apd_fatal(APD_ERROR_IO, "%s: the test cannot make its folder", folder);
    }
    apd_team_broadcast(team, folder, sizeof folder);
}

static inline void end_tests(void) {
    if (apd_team_rank(team) == 0)
        (void)rmdir(folder);
    apd_team_destroy(team);
}

#endif
