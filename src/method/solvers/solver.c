#include "method/solvers/solver.h"

#include "base/half.h"
#include "base/memory.h"
#include "method/solvers/state.h"
#include "method/solvers/stored.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_head(const apd_solver *solver, int block) {
    return !solver->decomposition->layout->blocks[block].decomposed;
}

static bool has_sigma(const apd_solver *solver, int block) {
    return !is_head(solver, block) && solver->method->storage != APD_STORAGE_SINGLE;
}

static void create_block(apd_solver *solver, int b) {
    solver_block *block = &solver->blocks[b];
    block->rows = apd_local_rows(solver->decomposition, b);
    block->cols = solver->decomposition->layout->blocks[b].cols;
    const bool decomposed = solver->method->storage == APD_STORAGE_DECOMPOSED;
    if (has_sigma(solver, b)) {
        block->sigma = apd_solver_track(solver, b, "sigma", block->cols, true);
        if (decomposed) {
            block->tau = apd_solver_track(solver, b, "tau", block->cols, true);
            block->logit = apd_solver_track(solver, b, "logit", 0, true);
            block->mask = apd_solver_track(solver, b, "mask", 0, true);
        }
        block->sigma_moments = apd_solver_track_moments(solver, b, "sigma", block->cols);
        if (decomposed) {
            block->tau_moments = apd_solver_track_moments(solver, b, "tau", block->cols);
            block->logit_moments = apd_solver_track_moments(solver, b, "logit", 0);
        }
        if (solver->operations->create != NULL)
            solver->operations->create(solver, b);
    } else {
        block->dense = apd_solver_track(solver, b, "dense", block->cols, true);
        block->dense_moments = apd_solver_track_moments(solver, b, "dense", block->cols);
    }
    block->bias = apd_solver_track(solver, b, "bias", 0, true);
    block->bias_moments = apd_solver_track_moments(solver, b, "bias", 0);
}

static void initialise_sigma(apd_solver *solver) {
    const apd_decomposition *d = solver->decomposition;
    const bool masked = solver->method->storage == APD_STORAGE_DECOMPOSED;
    const float scale = masked ? 1.0f / (float)solver->settings.mask_init : 1.0f;
    for (int b = 0; b < d->layout->block_count; b++) {
        if (!has_sigma(solver, b))
            continue;
        apd_random random =
            apd_random_stream(solver->settings.seed, APD_RANDOM_INITIAL_WEIGHTS, (uint32_t)b, 0);
        apd_network_initialise(solver->network, b, d->rows[b], scale, &random, d->sigma[b]);
    }
}

apd_solver *apd_solver_create(const apd_method *method, const apd_network *network,
                              apd_decomposition *decomposition, const apd_solver_settings *settings) {
    apd_solver *solver = apd_allocate(1, sizeof *solver, "the solver");
    solver->method = method;
    solver->operations = method->operations;
    solver->network = network;
    solver->decomposition = decomposition;
    solver->settings = *settings;
    solver->coded = decomposition->half = settings->coded && method->codes;
    decomposition->sigma_coded = solver->coded && settings->sigma_bits < 16;
    for (int a = 0; method->shared != NULL && method->shared[a] != NULL; a++)
        (void)apd_decomposition_shared(decomposition, method->shared[a]);
    solver->blocks = apd_allocate(decomposition->layout->block_count, sizeof *solver->blocks, "the solver");
    for (int b = 0; b < decomposition->layout->block_count; b++)
        create_block(solver, b);
    solver->lasting = solver->array_count;
    if (decomposition->task_count == 0 && !settings->sigma_given)
        initialise_sigma(solver);
    return solver;
}

static void release_blocks(apd_solver *solver) {
    for (int b = 0; b < solver->decomposition->layout->block_count; b++) {
        free(solver->blocks[b].former);
        solver->blocks[b].former = NULL;
        if (solver->blocks[b].own != NULL) {
            solver->operations->release(solver, b);
            free(solver->blocks[b].own);
            solver->blocks[b].own = NULL;
        }
    }
    apd_solver_untrack(solver, solver->lasting);
}

void apd_solver_destroy(apd_solver *solver) {
    if (solver == NULL)
        return;
    release_blocks(solver);
    for (int b = 0; b < solver->decomposition->layout->block_count; b++)
        if (solver->blocks[b].lasting != NULL) {
            solver->operations->destroy(solver, b);
            free(solver->blocks[b].lasting);
        }
    apd_solver_untrack(solver, 0);
    free(solver->arrays);
    free(solver->blocks);
    free(solver);
}

/* The biases of the last task that is not forgotten; before the first task those that came with sigma. */
static void begin_biases(apd_solver *solver, int b) {
    const apd_decomposition *d = solver->decomposition;
    solver_block *block = &solver->blocks[b];
    int last = d->task_count - 1;
    while (last >= 0 && d->tasks[last] == NULL)
        last--;
    const float *from = last >= 0            ? d->tasks[last]->blocks[b].bias
                        : d->task_count == 0 ? d->first_biases[b]
                                             : NULL;
    if (from != NULL)
        memcpy(block->bias, from, (size_t)block->rows * sizeof(float));
}

static void begin_block(apd_solver *solver, int b) {
    solver_block *block = &solver->blocks[b];
    uint32_t task = (uint32_t)solver->task_id;
    if (block->sigma != NULL)
        memcpy(block->sigma, solver->decomposition->sigma[b],
               (size_t)(block->rows * block->cols) * sizeof(float));
    if (block->sigma != NULL && block->mask == NULL)
        begin_biases(solver, b);
    if (block->mask != NULL) {
        double mask = solver->settings.mask_init;
        for (int64_t r = 0; r < block->rows; r++) {
            block->logit[r] = (float)log(mask / (1.0 - mask));
            block->mask[r] = solver->coded ? apd_stored_mask((float)mask) : (float)mask;
        }
    }
    if (block->dense == NULL)
        return;
    apd_random random =
        is_head(solver, b)
            ? apd_random_stream(solver->settings.seed, APD_RANDOM_HEAD_WEIGHTS, task, 0)
            : apd_random_stream(solver->settings.seed, APD_RANDOM_INITIAL_WEIGHTS, (uint32_t)b, task + 1);
    apd_network_initialise(solver->network, b, solver->decomposition->rows[b], 1.0f, &random, block->dense);
    for (int64_t r = 0; r < block->rows && is_head(solver, b); r++)
        if (solver->decomposition->rows[b].begin + r >= solver->classes)
            memset(block->dense + r * block->cols, 0, (size_t)block->cols * sizeof(float));
}

/* Track head and biases of the finished tasks. */
static void begin_former(apd_solver *solver, int b) {
    const apd_decomposition *d = solver->decomposition;
    solver_block *block = &solver->blocks[b];
    if (!solver->method->rehearses)
        return;
    block->former = apd_allocate(d->task_count, sizeof *block->former, "finished tasks' heads and biases");
    for (int t = 0; t < d->task_count; t++) {
        if (d->tasks[t] == NULL)
            continue;
        const apd_task_block *stored = &d->tasks[t]->blocks[b];
        solver_own *own = &block->former[t];
        char name[32];
        (void)snprintf(name, sizeof name, "old%06d_bias", t);
        own->bias = apd_solver_track(solver, b, name, 0, true);
        own->bias_moments = apd_solver_track_moments(solver, b, name, 0);
        memcpy(own->bias, stored->bias, (size_t)block->rows * sizeof(float));
        if (!is_head(solver, b))
            continue;
        (void)snprintf(name, sizeof name, "old%06d_dense", t);
        own->dense = apd_solver_track(solver, b, name, block->cols, true);
        own->dense_moments = apd_solver_track_moments(solver, b, name, block->cols);
        memcpy(own->dense, stored->dense, (size_t)(block->rows * block->cols) * sizeof(float));
    }
}

void apd_solver_begin_task(apd_solver *solver, int task_id, int classes) {
    release_blocks(solver);
    solver->task_id = task_id;
    solver->classes = classes;
    solver->steps = 0;
    solver->turn = (apd_solver_turn){.place = -1, .shown = -1};
    solver->polishing = solver->has_snapshot = solver->whole = false;
    solver->sigma_bits = solver->settings.sigma_bits;
    for (int i = 0; i < solver->array_count; i++) {
        apd_solver_array *array = &solver->arrays[i];
        free(array->snapshot);
        array->snapshot = NULL;
        memset(array->values, 0, (size_t)(array->rows * array->width) * sizeof(float));
    }
    for (int b = 0; b < solver->decomposition->layout->block_count; b++) {
        begin_block(solver, b);
        begin_former(solver, b);
        if (solver->blocks[b].sigma != NULL && solver->operations->begin_task != NULL)
            solver->operations->begin_task(solver, b);
    }
}

static solver_own own_of(const solver_block *block, int place) {
    if (place >= 0)
        return block->former[place];
    return (solver_own){block->dense, block->bias, block->dense_moments, block->bias_moments};
}

/* Numbers of a head or biases: as they will be stored, or as they are. */
static void show(bool stored, float *out, const float *in, int64_t count) {
    if (stored)
        apd_half_all(out, in, count);
    else
        memcpy(out, in, (size_t)count * sizeof(float));
}

void apd_solver_theta(const apd_solver *solver, int b, float *weights, float *bias) {
    const solver_block *block = &solver->blocks[b];
    const solver_own own = own_of(block, solver->turn.shown);
    const bool stored = apd_solver_shows_stored(solver);
    show(stored, bias, own.bias, block->rows);
    if (own.dense != NULL) {
        show(stored, weights, own.dense, block->rows * block->cols);
        return;
    }
    if (solver->operations->theta != NULL) {
        solver->operations->theta(solver, b, weights);
        return;
    }
    if (block->mask == NULL)
        memcpy(weights, block->sigma, (size_t)(block->rows * block->cols) * sizeof(float));
    for (int64_t r = 0; r < block->rows && stored; r++)
        apd_solver_stored_row(solver, block, r, weights + r * block->cols);
    for (int64_t r = 0; r < block->rows && block->mask != NULL && !stored; r++)
        for (int64_t c = 0, j = r * block->cols; c < block->cols; c++, j++)
            weights[j] = block->mask[r] * block->sigma[j] + block->tau[j];
}

void apd_solver_take_turn(apd_solver *solver, apd_solver_turn turn) {
    APD_ASSERT(solver->method->rehearses || (turn.place < 0 && turn.shown < 0));
    solver->turn = turn;
}

void apd_solver_begin_step(apd_solver *solver, double learning_rate) {
    const apd_solver_settings *settings = &solver->settings;
    solver->steps++;
    int64_t own = solver->turn.number > 0 ? solver->turn.number : solver->steps;
    solver->adam =
        apd_adam_step(learning_rate, settings->beta1, settings->beta2, settings->epsilon, solver->steps);
    solver->own_adam = apd_adam_step(learning_rate, settings->beta1, settings->beta2, settings->epsilon, own);
}

/* How many of `rows` are in use: rows of the head beyond the task's classes stay 0. */
static int64_t rows_in_use(const apd_solver *solver, int b, apd_rows rows) {
    const int place = solver->turn.place;
    int classes = place < 0 ? solver->classes : solver->decomposition->tasks[place]->classes;
    int64_t used = classes - solver->decomposition->rows[b].begin - rows.begin;
    if (!is_head(solver, b) || used > rows.end - rows.begin)
        return rows.end - rows.begin;
    return used > 0 ? used : 0;
}

static adam_moments moments_at(adam_moments moments, int64_t offset) {
    return (adam_moments){moments.first + offset, moments.second + offset};
}

void apd_solver_step_rows(apd_solver *solver, int b, apd_rows rows, const float *gradient,
                          const float *bias_gradient, float *weights, float *bias) {
    solver_block *block = &solver->blocks[b];
    APD_ASSERT(rows.begin >= 0 && rows.begin <= rows.end && rows.end <= block->rows);
    const solver_own own = own_of(block, solver->turn.place), shown = own_of(block, solver->turn.shown);
    int64_t used = rows_in_use(solver, b, rows), count = rows.end - rows.begin;
    int64_t first = rows.begin * block->cols;
    apd_adam_update(&solver->own_adam, own.bias + rows.begin, moments_at(own.bias_moments, rows.begin),
                    bias_gradient, 0.0f, used);
    show(apd_solver_shows_stored(solver), bias, shown.bias + rows.begin, count);
    if (own.dense == NULL) {
        solver->operations->step(solver, b, rows, gradient, weights);
        return;
    }
    apd_adam_update(&solver->own_adam, own.dense + first, moments_at(own.dense_moments, first), gradient,
                    (float)solver->settings.weight_decay, used * block->cols);
    show(apd_solver_shows_stored(solver), weights, shown.dense + first, count * block->cols);
}

bool apd_solver_begin_polish(apd_solver *solver) {
    const bool begins = !solver->polishing, prunes = begins && solver->operations->begin_polish != NULL;
    solver->polishing = true;
    for (int b = 0; b < solver->decomposition->layout->block_count && prunes; b++)
        if (solver->blocks[b].sigma != NULL)
            solver->operations->begin_polish(solver, b);
    return prunes || (begins && solver->coded);
}

static size_t array_bytes(const apd_solver_array *array) {
    return (size_t)(array->rows * array->width) * sizeof(float);
}

static void allocate_snapshots(apd_solver *solver) {
    for (int i = 0; i < solver->array_count; i++) {
        apd_solver_array *array = &solver->arrays[i];
        if (array->parameter && array->snapshot == NULL)
            array->snapshot =
                apd_allocate(array->rows * array->width, sizeof(float), "the snapshot of a task");
    }
    solver->has_snapshot = true;
}

void apd_solver_snapshot(apd_solver *solver) {
    allocate_snapshots(solver);
    for (int i = 0; i < solver->array_count; i++)
        if (solver->arrays[i].parameter)
            memcpy(solver->arrays[i].snapshot, solver->arrays[i].values, array_bytes(&solver->arrays[i]));
}

static void notify_rewritten(apd_solver *solver) {
    for (int b = 0; b < solver->decomposition->layout->block_count; b++)
        if (solver->blocks[b].own != NULL && solver->operations->rewritten != NULL)
            solver->operations->rewritten(solver, b);
}

void apd_solver_restore(apd_solver *solver) {
    for (int i = 0; i < solver->array_count && solver->has_snapshot; i++)
        if (solver->arrays[i].parameter)
            memcpy(solver->arrays[i].values, solver->arrays[i].snapshot, array_bytes(&solver->arrays[i]));
    notify_rewritten(solver);
}

int apd_solver_array_count(const apd_solver *solver) {
    return solver->array_count;
}

const apd_solver_array *apd_solver_array_at(const apd_solver *solver, int index) {
    return &solver->arrays[index];
}

apd_solver_progress apd_solver_progress_of(const apd_solver *solver) {
    return (apd_solver_progress){solver->steps, solver->polishing, solver->has_snapshot};
}

void apd_solver_resume(apd_solver *solver, apd_solver_progress progress) {
    solver->steps = progress.steps;
    solver->polishing = progress.polishing != 0;
    if (progress.has_snapshot != 0)
        allocate_snapshots(solver);
    notify_rewritten(solver);
}

void apd_solver_add_fisher(apd_solver *solver, int b, apd_rows rows, const float *sums, int64_t images) {
    if (solver->blocks[b].sigma != NULL)
        solver->operations->add_fisher(solver, b, rows, sums, 1.0f / (float)images);
}

/* Move the decomposition's sigma, and with it the tasks whose theta it is. */
static void end_sigma(apd_solver *solver, int b, apd_task_part *part) {
    const solver_block *block = &solver->blocks[b];
    apd_decomposition *d = solver->decomposition;
    float *sigma = d->sigma[b];
    size_t bytes = (size_t)(block->rows * block->cols) * sizeof(float);
    float *anchor = apd_allocate(block->rows * block->cols, sizeof(float), "the former sigma");
    memcpy(anchor, sigma, bytes);
    for (int64_t r = 0; r < block->rows && solver->coded; r++)
        apd_stored_sigma(solver->sigma_bits, block->sigma + r * block->cols, block->cols,
                         block->sigma + r * block->cols);
    memcpy(sigma, block->sigma, bytes);
    if (solver->operations->end_task != NULL)
        solver->operations->end_task(solver, b, anchor, part);
    bool moved = bytes > 0 && memcmp(anchor, sigma, bytes) != 0;
    for (int t = 0; t < d->task_count && moved; t++)
        if (d->tasks[t] != NULL && d->tasks[t]->storage == APD_STORAGE_SHARED)
            d->tasks[t]->moved = true;
    free(anchor);
}

/* Copy `count` floats; returns whether any bit changed. */
static bool replace(float *out, const float *in, int64_t count) {
    size_t bytes = (size_t)count * sizeof *out;
    if (count == 0 || memcmp(out, in, bytes) == 0)
        return false;
    memcpy(out, in, bytes);
    return true;
}

/* Give the finished tasks their new heads and biases. */
static void end_former(apd_solver *solver, int b) {
    const solver_block *block = &solver->blocks[b];
    for (int t = 0; t < solver->decomposition->task_count && block->former != NULL; t++) {
        apd_task_part *part = solver->decomposition->tasks[t];
        const solver_own *own = &block->former[t];
        if (part == NULL)
            continue;
        bool changed = replace(part->blocks[b].bias, own->bias, block->rows);
        if (own->dense != NULL && replace(part->blocks[b].dense, own->dense, block->rows * block->cols))
            changed = true;
        part->changed = part->changed || changed;
        part->moved = part->moved || changed;
    }
}

void apd_solver_end_task(apd_solver *solver) {
    apd_decomposition *d = solver->decomposition;
    apd_task_part *part = apd_task_part_create(d, solver->classes, solver->method->storage);
    for (int b = 0; b < d->layout->block_count; b++) {
        const solver_block *block = &solver->blocks[b];
        apd_task_block *stored = &part->blocks[b];
        end_former(solver, b);
        show(solver->coded, stored->bias, block->bias, block->rows);
        if (block->dense != NULL) {
            show(solver->coded, stored->dense, block->dense, block->rows * block->cols);
            continue;
        }
        if (block->mask != NULL)
            memcpy(stored->mask, block->mask, (size_t)block->rows * sizeof(float));
        end_sigma(solver, b, part);
    }
    apd_decomposition_append(d, part);
    release_blocks(solver);
}

int64_t apd_solver_bytes(const apd_solver *solver) {
    int64_t bytes = (int64_t)sizeof *solver;
    for (int i = 0; i < solver->array_count; i++)
        bytes += (int64_t)array_bytes(&solver->arrays[i]) * (solver->arrays[i].snapshot != NULL ? 2 : 1);
    for (int b = 0; b < solver->decomposition->layout->block_count; b++)
        if (solver->blocks[b].own != NULL || solver->blocks[b].lasting != NULL)
            bytes += solver->operations->bytes(solver, b);
    return bytes;
}
