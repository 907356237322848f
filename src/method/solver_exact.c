/* exact: proximal Adam with the old tasks eliminated (see method/proximal.h for the one-dimensional problem).
 *
 * A step, weight by weight, with G the gradient of theta, g = G + decay*theta, m the row's mask:
 *     tau   <- soft(tau - eta_tau*dir(g), eta_tau*lambda1)
 *     sigma <- argmin_s (s - z)^2/(2*eta) + sum over old tasks h_i(s),   z = sigma - eta*dir(m*g)
 *     theta <- m*sigma + tau
 * For every weight we keep the piece on which the old tasks' derivative is linear and sigma lies. A row is
 * first moved as if every weight stayed on its piece, without branches; those that left theirs, few, are then
 * solved from scratch. So a step touches a constant number of bytes a weight, however many tasks there are.
 */
#include "method/solver_internal.h"

#include "base/memory.h"
#include "method/cells.h"
#include "method/proximal.h"
#include "method/retarget.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct exact_block {
    float *low, *high, *a, *b; /* (rows, C): the piece of each weight, as in apd_piece; registered */
    double *masks;             /* (rows): sum of the old tasks' masks */
    apd_huber_row *zones;      /* (rows): finite lambda2 with old tasks only, else NULL */
    apd_cells cells;
    apd_stray *strays; /* room for the largest cell */
    float *z, *eta;    /* (C): a row on its way */
} exact_block;

static exact_block *own_of(const apd_solver *solver, int block) {
    return solver->blocks[block].own;
}

/* (rows, C): sigma when the task began: the centre of all tasks that are no strays. */
static const float *anchor_of(const apd_solver *solver, int block) {
    return solver->decomposition->sigma[block];
}

static bool finite_lambda2(const apd_solver *solver) {
    return isfinite(solver->settings.lambda2);
}

/* The old tasks' masks of a row into `masks`; returns how many. */
static int row_masks(const apd_solver *solver, int b, int64_t r, double *masks) {
    const apd_decomposition *d = solver->decomposition;
    int count = 0;
    for (int t = 0; t < d->task_count; t++)
        if (apd_task_is_decomposed(d, t, b))
            masks[count++] = (double)d->tasks[t]->blocks[b].mask[r];
    return count;
}

static void begin_row(apd_solver *solver, int b, int64_t r, double *masks) {
    const solver_block *block = &solver->blocks[b];
    exact_block *own = own_of(solver, b);
    int count = row_masks(solver, b, r, masks);
    for (int i = 0; i < count; i++)
        own->masks[r] += masks[i];
    if (own->zones != NULL)
        apd_huber_row_init(&own->zones[r], solver->settings.lambda1, solver->settings.lambda2, masks, count);
    /* all tasks at the anchor and lambda2 = inf: a kink there. Else unknown: a piece that holds nothing. */
    bool known = own->zones == NULL;
    float pull = (float)(solver->settings.lambda1 * own->masks[r]);
    const float *anchor = anchor_of(solver, b);
    for (int64_t j = r * block->cols; j < (r + 1) * block->cols; j++) {
        bool free = known && count == 0;
        own->low[j] = free ? -INFINITY : (known ? anchor[j] : INFINITY);
        own->high[j] = free ? INFINITY : (known ? anchor[j] : -INFINITY);
        own->a[j] = -pull;
        own->b[j] = pull;
    }
    for (int64_t k = own->cells.row_offsets[r]; k < own->cells.row_offsets[r + 1]; k++) {
        own->low[r * block->cols + own->cells.columns[k]] = INFINITY;
        own->high[r * block->cols + own->cells.columns[k]] = -INFINITY;
    }
}

static void exact_begin_task(apd_solver *solver, int b) {
    solver_block *block = &solver->blocks[b];
    exact_block *own = block->own = apd_allocate(1, sizeof *own, "the exact solver");
    float **arrays[] = {&own->low, &own->high, &own->a, &own->b};
    static const char *const names[] = {"piece_low", "piece_high", "piece_a", "piece_b"};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        *arrays[i] = apd_solver_track(solver, b, names[i], block->cols, false);
    own->masks = apd_allocate(block->rows, sizeof(double), "the old masks' sums");
    own->z = apd_allocate(block->cols, sizeof(float), "a row");
    own->eta = apd_allocate(block->cols, sizeof(float), "a row");
    if (finite_lambda2(solver) && solver->settings.lambda1 > 0.0 && solver->decomposition->task_count > 0)
        own->zones = apd_allocate(block->rows, sizeof *own->zones, "the rows' zones");
    apd_cells_build(solver->decomposition, b, &own->cells);
    own->strays = apd_allocate(own->cells.most, sizeof *own->strays, "a cell's tasks");
    double *masks = apd_allocate(solver->decomposition->task_count, sizeof(double), "a row's masks");
    for (int64_t r = 0; r < block->rows; r++)
        begin_row(solver, b, r, masks);
    free(masks);
}

static void exact_release(apd_solver *solver, int b) {
    exact_block *own = own_of(solver, b);
    for (int64_t r = 0; own->zones != NULL && r < solver->blocks[b].rows; r++)
        apd_huber_row_clear(&own->zones[r]);
    apd_cells_clear(&own->cells);
    void *const arrays[] = {own->masks, own->zones, own->strays, own->z, own->eta};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        free(arrays[i]);
}

/* The cells; the rest is a few numbers a row. */
static int64_t exact_bytes(const apd_solver *solver, int b) {
    const solver_block *block = &solver->blocks[b];
    const apd_cells *cells = &own_of(solver, b)->cells;
    int64_t count = cells->row_offsets[block->rows];
    return count * (int64_t)(sizeof *cells->columns + sizeof *cells->starts) +
           cells->starts[count] * (int64_t)sizeof *cells->entries;
}

/* Solve weight (r, c) from scratch and remember its piece. */
static float solve(apd_solver *solver, int b, int64_t r, int64_t c, float z, float eta) {
    exact_block *own = own_of(solver, b);
    int64_t j = r * solver->blocks[b].cols + c, cell = apd_cells_find(&own->cells, r, (int32_t)c), count = 0;
    double centre_masks = own->masks[r];
    if (cell >= 0) {
        const apd_decomposition *d = solver->decomposition;
        for (int64_t e = own->cells.starts[cell]; e < own->cells.starts[cell + 1]; e++) {
            const apd_cell_entry *entry = &own->cells.entries[e];
            double mask = (double)d->tasks[entry->task]->blocks[b].mask[r];
            own->strays[count++] = (apd_stray){.point = (double)entry->point, .mask = mask};
            centre_masks -= mask;
        }
    }
    const apd_solver_settings *settings = &solver->settings;
    apd_piece piece;
    float s;
    if (own->zones != NULL)
        s = apd_proximal_huber(z, eta, settings->lambda1, settings->lambda2, anchor_of(solver, b)[j],
                               &own->zones[r], own->strays, count, &piece);
    else
        s = apd_proximal_absolute(z, eta, settings->lambda1, anchor_of(solver, b)[j],
                                  settings->lambda1 * (centre_masks > 1e-9 ? centre_masks : 0.0), own->strays,
                                  count, &piece);
    own->low[j] = piece.low;
    own->high[j] = piece.high;
    own->a[j] = piece.a;
    own->b[j] = piece.b;
    return s;
}

/* A piece that holds nothing may give a NaN, so both stay_ functions ask whether s lies on the piece, not
 * whether it lies off it. */
enum { CHUNK = 64 };

/* lambda2 = inf: sigma as if it stayed on its piece. Returns whether any weight of the chunk left its own. */
static int stay_absolute(const exact_block *own, int64_t j, int64_t c, int64_t count, float *sigma) {
    const float *restrict low = own->low + j, *restrict high = own->high + j;
    const float *restrict a = own->a + j, *restrict b = own->b + j;
    const float *restrict z = own->z + c, *restrict eta = own->eta + c;
    float *restrict out = sigma + j;
    int left = 0;
    for (int64_t i = 0; i < count; i++) {
        float from_below = z[i] - eta[i] * a[i], from_above = z[i] - eta[i] * b[i];
        float s = high[i] < from_below ? high[i] : from_below;
        s = from_above > s ? from_above : s;
        out[i] = s;
        left |= !(s >= low[i]) | !(s <= high[i]);
    }
    return left;
}

/* Finite lambda2: the same; the derivative is a at the piece's finite end, with slope b. */
static int stay_huber(const exact_block *own, int64_t j, int64_t c, int64_t count, float *sigma) {
    const float *restrict low = own->low + j, *restrict high = own->high + j;
    const float *restrict a = own->a + j, *restrict b = own->b + j;
    const float *restrict z = own->z + c, *restrict eta = own->eta + c;
    float *restrict out = sigma + j;
    int left = 0;
    for (int64_t i = 0; i < count; i++) {
        float end = low[i] > -INFINITY ? low[i] : (high[i] < INFINITY ? high[i] : z[i]);
        float s = end + (z[i] - end - eta[i] * a[i]) / (1.0f + eta[i] * b[i]);
        out[i] = s;
        left |= !(s >= low[i]) | !(s <= high[i]);
    }
    return left;
}

static void move_sigma_row(apd_solver *solver, int b, int64_t r) {
    const solver_block *block = &solver->blocks[b];
    exact_block *own = own_of(solver, b);
    for (int64_t c = 0; c < block->cols; c += CHUNK) {
        int64_t count = block->cols - c < CHUNK ? block->cols - c : CHUNK, j = r * block->cols + c;
        int left = own->zones != NULL ? stay_huber(own, j, c, count, block->sigma)
                                      : stay_absolute(own, j, c, count, block->sigma);
        for (int64_t i = 0; left && i < count; i++) {
            float s = block->sigma[j + i];
            if (!(s >= own->low[j + i] && s <= own->high[j + i]))
                block->sigma[j + i] = solve(solver, b, r, c + i, own->z[c + i], own->eta[c + i]);
        }
    }
}

/* Polishing: tau moves where it is not zero, sigma where it has left its anchor; nothing pulls. */
static void move_sigma_row_freely(apd_solver *solver, int b, int64_t r) {
    const solver_block *block = &solver->blocks[b];
    const exact_block *own = own_of(solver, b);
    float *sigma = block->sigma + r * block->cols;
    const float *anchor = anchor_of(solver, b) + r * block->cols;
    for (int64_t c = 0; c < block->cols; c++)
        sigma[c] = sigma[c] != anchor[c] ? own->z[c] : sigma[c];
}

/* Adam's moments of sigma and tau, the proximal step of tau, and z and eta for sigma's. */
static void move_tau_row(apd_solver *solver, int b, int64_t r, const float *gradient) {
    solver_block *block = &solver->blocks[b];
    exact_block *own = own_of(solver, b);
    const adam_step adam = solver->adam;
    const float mask = block->mask[r], decay = (float)solver->settings.weight_decay;
    const float lambda1 = solver->polishing ? 0.0f : (float)solver->settings.lambda1;
    const bool support_only = solver->polishing;
    int64_t j = r * block->cols;
    const float *restrict g = gradient + j, *restrict sigma = block->sigma + j;
    float *restrict tau = block->tau + j, *restrict z = own->z, *restrict eta = own->eta;
    float *restrict sigma_first = block->sigma_moments.first + j;
    float *restrict sigma_second = block->sigma_moments.second + j;
    float *restrict tau_first = block->tau_moments.first + j;
    float *restrict tau_second = block->tau_moments.second + j;
    const int64_t cols = block->cols;
#pragma GCC ivdep
    for (int64_t c = 0; c < cols; c++) {
        float slope = g[c] + decay * (mask * sigma[c] + tau[c]);
        float direction, rate;
        adam_direction(&adam, &tau_first[c], &tau_second[c], slope, &direction, &rate);
        float moved = apd_soft(tau[c] - rate * direction, rate * lambda1);
        tau[c] = support_only && tau[c] == 0.0f ? 0.0f : moved;
        adam_direction(&adam, &sigma_first[c], &sigma_second[c], mask * slope, &direction, &rate);
        z[c] = sigma[c] - rate * direction;
        eta[c] = rate;
    }
}

static void exact_step(apd_solver *solver, int b, const float *gradient, float *theta) {
    solver_block *block = &solver->blocks[b];
    for (int64_t r = 0; r < block->rows; r++) {
        int64_t j = r * block->cols;
        float mask = block->mask[r];
        float mask_slope = mask * (1.0f - mask) * apd_dot(gradient + j, block->sigma + j, block->cols);
        move_tau_row(solver, b, r, gradient);
        if (solver->polishing)
            move_sigma_row_freely(solver, b, r);
        else
            move_sigma_row(solver, b, r);
        apd_solver_step_mask(solver, block, r, mask_slope);
        mask = block->mask[r];
        for (int64_t c = 0; c < block->cols; c++)
            theta[j + c] = mask * block->sigma[j + c] + block->tau[j + c];
    }
}

static void exact_end_task(apd_solver *solver, int b, const float *anchor, apd_task_part *part) {
    const solver_block *block = &solver->blocks[b];
    int64_t entries = 0;
    for (int64_t j = 0; j < block->rows * block->cols; j++)
        entries += block->tau[j] != 0.0f;
    apd_sparse *tau = &part->blocks[b].tau;
    apd_sparse_resize(tau, block->rows, entries);
    bool *keep = apd_allocate(block->cols, sizeof *keep, "a row's support");
    int64_t next = 0;
    for (int64_t r = 0; r < block->rows; r++) {
        for (int64_t c = 0; c < block->cols; c++)
            keep[c] = block->tau[r * block->cols + c] != 0.0f;
        next = apd_solver_store_row(block, r, keep, NULL, tau, next);
    }
    free(keep);
    double threshold =
        finite_lambda2(solver) ? solver->settings.lambda1 / (2.0 * solver->settings.lambda2) : 0.0;
    (void)apd_retarget(solver->decomposition, b, anchor, threshold);
}

const solver_kind apd_solver_exact = {.decomposed = true,
                                      .begin_task = exact_begin_task,
                                      .step = exact_step,
                                      .end_task = exact_end_task,
                                      .release = exact_release,
                                      .bytes = exact_bytes};
