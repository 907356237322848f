/* exact: proximal Adam in which the old tasks' tau are eliminated in closed form (proximal.h).
 *
 * A step, weight by weight, with G the gradient by theta, m the mask of the row and dir() Adam's direction:
 *     g     =  G + decay*theta
 *     tau   <- soft(tau - eta_tau*dir(g), eta_tau*lambda1)
 *     z     =  sigma - eta*dir(m*g)
 *     sigma <- argmin_s (s - z)^2/(2*eta) + sum over old tasks i of h_i(s)
 *     theta <- m*sigma + tau
 *
 * The derivative of sum_i h_i is piecewise linear. Each weight remembers the piece on which its sigma lies; a step first
 * moves a span of weights as if all stayed on their pieces, without branches, and then solves the few that left theirs
 * from scratch. Only these need the old tasks' breakpoints, which are sorted by weight on demand (tau_by_weight.h). The
 * pieces at the begin of a task follow from subgradient_sums.h. So beginning a task and a step cost the same at any
 * number of tasks, and a span whose weights all rest in kinks, as most do, reads only half of a piece. */
#include "base/loop.h"
#include "base/memory.h"
#include "method/solvers/proximal.h"
#include "method/solvers/retroactive_update.h"
#include "method/solvers/solver.h"
#include "method/solvers/state.h"
#include "method/solvers/subgradient_sums.h"
#include "method/solvers/tau_by_weight.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SPAN = 64 }; /* weights with one state; STEP_CHUNK is a multiple */

/* What is known of a span of weights. Saves reading pieces; changes no bit. */
typedef enum span_state {
    UNKNOWN,
    AT_KINKS,     /* every piece is a kink, and sigma is there */
    UNCONSTRAINED /* every piece is the whole line with derivative 0 */
} span_state;

typedef struct exact_block {
    float *low, *high, *a, *b;  /* (rows, C): each weight's apd_linear_piece; tracked */
    apd_huber_row *zones;       /* (rows): finite lambda2 with old tasks; else NULL */
    apd_tau_row_cache *tau;     /* (rows): finished tasks' tau by weight */
    apd_breakpoint *off_centre; /* (off_centre_capacity): those of one weight */
    int64_t off_centre_capacity;
    uint8_t *states; /* (rows, spans of a row): span_state */
} exact_block;

static exact_block *own_of(const apd_solver *solver, int block) {
    return solver->blocks[block].own;
}

static const apd_subgradient_sums *subgradients_of(const apd_solver *solver, int block) {
    return solver->blocks[block].lasting;
}

/* (rows, C): sigma when the task began, the breakpoint of all tasks that are not off-centre. */
static const float *anchor_of(const apd_solver *solver, int block) {
    return solver->decomposition->sigma[block];
}

static bool finite_lambda2(const apd_solver *solver) {
    return isfinite(solver->settings.lambda2);
}

static int64_t spans_of(const solver_block *block) {
    return (block->cols + SPAN - 1) / SPAN;
}

/* --- start and end of a task ------------------------------------------------------------------------- */

static void exact_create(apd_solver *solver, int b) {
    apd_subgradient_sums *subgradients = apd_allocate(1, sizeof *subgradients, "the old tasks' subgradients");
    apd_subgradient_sums_init(subgradients, solver->decomposition, b);
    solver->blocks[b].lasting = subgradients;
}

static void exact_destroy(apd_solver *solver, int b) {
    apd_subgradient_sums_clear(solver->blocks[b].lasting);
}

/* The quadratic zones of the old tasks' Huber functions, row by row. */
static void begin_zones(apd_solver *solver, int b) {
    const apd_decomposition *d = solver->decomposition;
    exact_block *own = own_of(solver, b);
    int64_t rows = solver->blocks[b].rows;
    double *masks = apd_allocate(d->task_count, sizeof(double), "a row's masks");
    own->zones = apd_allocate(rows, sizeof *own->zones, "the rows' zones");
    for (int64_t r = 0; r < rows; r++) {
        int count = 0;
        for (int t = 0; t < d->task_count; t++)
            if (apd_task_is_decomposed(d, t, b))
                masks[count++] = (double)d->tasks[t]->blocks[b].mask[r];
        apd_huber_row_init(&own->zones[r], solver->settings.lambda1, solver->settings.lambda2, masks, count);
    }
    free(masks);
}

/* An empty piece: the weight will be solved from scratch. */
static void set_unknown(exact_block *own, int64_t j) {
    own->low[j] = INFINITY;
    own->high[j] = -INFINITY;
    own->a[j] = own->b[j] = 0.0f;
}

/* lambda2 = inf: a kink at the anchor of every weight at which some task has its breakpoint. */
static void begin_kinks(apd_solver *solver, int b, int64_t r) {
    const apd_subgradient_sums *subgradients = subgradients_of(solver, b);
    const float *anchor = anchor_of(solver, b), lambda1 = (float)solver->settings.lambda1;
    exact_block *own = own_of(solver, b);
    int64_t cols = solver->blocks[b].cols;
    for (int64_t j = r * cols; j < (r + 1) * cols; j++) {
        float centre = subgradients->masks[r] - subgradients->off_centre[j];
        own->low[j] = own->high[j] = anchor[j];
        own->a[j] = lambda1 * (subgradients->below[j] - centre);
        own->b[j] = lambda1 * (subgradients->below[j] + centre);
        if (!(centre > 0.0f))
            set_unknown(own, j);
    }
}

static void begin_pieces(apd_solver *solver, int b) {
    const solver_block *block = &solver->blocks[b];
    exact_block *own = own_of(solver, b);
    bool alone = subgradients_of(solver, b)->count == 0;
    for (int64_t r = 0; r < block->rows && !alone && own->zones == NULL; r++)
        begin_kinks(solver, b, r);
    for (int64_t j = 0; j < block->rows * block->cols && (alone || own->zones != NULL); j++) {
        set_unknown(own, j);
        if (alone) {
            own->low[j] = -INFINITY;
            own->high[j] = INFINITY;
        }
    }
}

static void exact_begin_task(apd_solver *solver, int b) {
    solver_block *block = &solver->blocks[b];
    exact_block *own = block->own = apd_allocate(1, sizeof *own, "the exact solver");
    float **arrays[] = {&own->low, &own->high, &own->a, &own->b};
    static const char *const names[] = {"piece_low", "piece_high", "piece_a", "piece_b"};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        *arrays[i] = apd_solver_track(solver, b, names[i], block->cols, false);
    own->tau = apd_allocate(block->rows, sizeof *own->tau, "tau by weight");
    own->states = apd_allocate(block->rows * spans_of(block), sizeof *own->states, "the spans' states");
    apd_subgradient_sums_update(block->lasting, solver->decomposition, b);
    if (finite_lambda2(solver) && solver->settings.lambda1 > 0.0 && solver->decomposition->task_count > 0)
        begin_zones(solver, b);
    begin_pieces(solver, b);
}

static void exact_release(apd_solver *solver, int b) {
    exact_block *own = own_of(solver, b);
    for (int64_t r = 0; r < solver->blocks[b].rows; r++) {
        if (own->zones != NULL)
            apd_huber_row_clear(&own->zones[r]);
        apd_tau_row_cache_clear(&own->tau[r]);
    }
    free(own->zones);
    free(own->tau);
    free(own->off_centre);
    free(own->states);
}

static void exact_rewritten(apd_solver *solver, int b) {
    const solver_block *block = &solver->blocks[b];
    memset(own_of(solver, b)->states, UNKNOWN, (size_t)(block->rows * spans_of(block)));
}

/* Without the few numbers a row. */
static int64_t exact_bytes(const apd_solver *solver, int b) {
    int64_t bytes = apd_subgradient_sums_bytes(solver->decomposition, b);
    for (int64_t r = 0; r < solver->blocks[b].rows && own_of(solver, b) != NULL; r++)
        bytes += apd_tau_row_cache_bytes(solver->decomposition, b, &own_of(solver, b)->tau[r]);
    return bytes;
}

static int64_t exact_finished_bytes(int64_t weights, int64_t tasks, int64_t entries) {
    (void)tasks;
    return apd_tau_row_bytes(weights, entries < weights ? entries : weights, entries);
}

/* --- a weight from scratch --------------------------------------------------------------------------- */

/* List the off-centre tasks of weight (r, c) in own->off_centre; in ascending order of breakpoints where the proximal
 * step wants it. Returns how many there are. */
static int64_t list_off_centre(apd_solver *solver, int b, int64_t r, int64_t c) {
    const apd_decomposition *d = solver->decomposition;
    exact_block *own = own_of(solver, b);
    int64_t k;
    apd_tau_row *row = apd_tau_row_cache_find(d, b, r, (int32_t)c, &own->tau[r], &k);
    if (k < 0)
        return 0;
    apd_tau_entry *entries = row->entries + row->starts[k];
    int64_t count = row->starts[k + 1] - row->starts[k];
    if (count > own->off_centre_capacity) {
        own->off_centre = apd_reallocate(own->off_centre, own->off_centre_capacity, count,
                                         sizeof *own->off_centre, "off-centre tasks");
        own->off_centre_capacity = count;
    }
    if (own->zones != NULL || count <= APD_FEW_OFF_CENTRE)
        apd_tau_row_sort(row, k);
    for (int64_t e = 0; e < count; e++)
        own->off_centre[e] = (apd_breakpoint){.point = (double)entries[e].point,
                                              .mask = (double)d->tasks[entries[e].task]->blocks[b].mask[r]};
    return count;
}

/* Solve weight (r, c) from scratch; store its piece. */
static float solve(apd_solver *solver, int b, int64_t r, int64_t c, float z, float eta) {
    exact_block *own = own_of(solver, b);
    const apd_solver_settings *settings = &solver->settings;
    int64_t j = r * solver->blocks[b].cols + c, count = list_off_centre(solver, b, r, c);
    float anchor = anchor_of(solver, b)[j], s;
    apd_linear_piece piece;
    if (own->zones != NULL) {
        s = apd_proximal_huber(z, eta, settings->lambda1, settings->lambda2, anchor, &own->zones[r],
                               own->off_centre, count, &piece);
    } else {
        double centre = (double)subgradients_of(solver, b)->masks[r];
        for (int64_t e = 0; e < count; e++)
            centre -= own->off_centre[e].mask;
        centre = count == subgradients_of(solver, b)->count || centre < 0.0 ? 0.0 : centre;
        s = apd_proximal_absolute(z, eta, settings->lambda1, anchor, settings->lambda1 * centre,
                                  own->off_centre, count, &piece);
    }
    own->low[j] = piece.low;
    own->high[j] = piece.high;
    own->a[j] = piece.a;
    own->b[j] = piece.b;
    return s;
}

/* --- a span of weights -------------------------------------------------------------------------------- */

/* An empty piece may give a NaN, so the functions below test whether s lies on the piece, not whether it lies off. */

/* lambda2 = inf: s = max(z - eta*b, min(high, z - eta*a)). Returns non-zero if any weight left its piece. */
static int stay_absolute(const exact_block *own, int64_t j, const float *restrict z,
                         const float *restrict eta, int64_t count, float *sigma) {
    const float *restrict low = own->low + j, *restrict high = own->high + j;
    const float *restrict a = own->a + j, *restrict b = own->b + j;
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

/* Finite lambda2: derivative a + b*(s - end), end the finite end of the piece:
 *     s = end + (z - end - eta*a)/(1 + eta*b) */
static int stay_huber(const exact_block *own, int64_t j, const float *restrict z, const float *restrict eta,
                      int64_t count, float *sigma) {
    const float *restrict low = own->low + j, *restrict high = own->high + j;
    const float *restrict a = own->a + j, *restrict b = own->b + j;
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

/* AT_KINKS: true if no weight leaves its kink; what stay_absolute finds with low = high = sigma. */
static bool kinks_hold(const exact_block *own, int64_t j, const float *restrict z, const float *restrict eta,
                       int64_t count, const float *sigma) {
    const float *restrict a = own->a + j, *restrict b = own->b + j, *restrict at = sigma + j;
    int left = 0;
    for (int64_t i = 0; i < count; i++)
        left |= !(z[i] - eta[i] * a[i] >= at[i]) | !(z[i] - eta[i] * b[i] <= at[i]);
    return left == 0;
}

/* The state of a span that stayed on its pieces. */
static span_state state_of(const exact_block *own, int64_t j, int64_t count, const float *sigma) {
    int moving = 0, bound = 0;
    for (int64_t i = j; i < j + count; i++) {
        moving |= !(own->low[i] == own->high[i]) | !(own->low[i] == sigma[i]);
        bound |=
            (own->low[i] > -INFINITY) | (own->high[i] < INFINITY) | (own->a[i] != 0.0f) | (own->b[i] != 0.0f);
    }
    return moving == 0 ? AT_KINKS : (bound == 0 ? UNCONSTRAINED : UNKNOWN);
}

/* Step sigma in the span at (r, c). */
static void step_span(apd_solver *solver, int b, int64_t r, int64_t c, int64_t count, const float *z,
                      const float *eta) {
    const solver_block *block = &solver->blocks[b];
    exact_block *own = own_of(solver, b);
    int64_t j = r * block->cols + c;
    uint8_t *state = &own->states[r * spans_of(block) + c / SPAN];
    float *sigma = block->sigma;
    if (*state == AT_KINKS && kinks_hold(own, j, z, eta, count, sigma))
        return;
    if (*state == UNCONSTRAINED) {
        memcpy(sigma + j, z, (size_t)count * sizeof *z);
        return;
    }
    *state = UNKNOWN;
    bool huber = own->zones != NULL;
    int left = huber ? stay_huber(own, j, z, eta, count, sigma) : stay_absolute(own, j, z, eta, count, sigma);
    if (!left && !huber)
        *state = (uint8_t)state_of(own, j, count, sigma);
    for (int64_t i = 0; left && i < count; i++) {
        float s = sigma[j + i];
        if (!(s >= own->low[j + i] && s <= own->high[j + i]))
            sigma[j + i] = solve(solver, b, r, c + i, z[i], eta[i]);
    }
}

/* Polishing: sigma moves, unconstrained, where it has left its anchor. */
static void move_freely(float *sigma, const float *anchor, const float *z, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        sigma[i] = sigma[i] != anchor[i] ? z[i] : sigma[i];
}

/* Weights c .. c+count-1 of row r, with the mask before and after the step; gradient and theta (count). */
static void step_chunk(apd_solver *solver, int b, int64_t r, int64_t c, int64_t count, float before,
                       float after, const float *gradient, float *theta) {
    const solver_block *block = &solver->blocks[b];
    int64_t j = r * block->cols + c;
    sigma_target to;
    apd_solver_aim_sigma(solver, block, j, count, before, gradient, &to);
    apd_solver_step_tau(solver, block, j, count, before, gradient);
    if (solver->polishing)
        move_freely(block->sigma + j, anchor_of(solver, b) + j, to.z, count);
    for (int64_t i = 0; i < count && !solver->polishing; i += SPAN)
        step_span(solver, b, r, c + i, count - i < SPAN ? count - i : SPAN, to.z + i, to.eta + i);
    const float *restrict sigma = block->sigma + j, *restrict tau = block->tau + j;
    float *restrict out = theta;
    for (int64_t i = 0; i < count; i++)
        out[i] = after * sigma[i] + tau[i];
}

static void exact_step(apd_solver *solver, int b, apd_rows rows, const float *gradient, float *theta) {
    solver_block *block = &solver->blocks[b];
    const int64_t cols = block->cols;
    for (int64_t r = rows.begin; r < rows.end; r++, gradient += cols, theta += cols) {
        float mask = block->mask[r];
        apd_solver_step_mask(solver, block, r,
                             mask * (1.0f - mask) * apd_dot(gradient, block->sigma + r * cols, cols));
        for (int64_t c = 0; c < cols; c += STEP_CHUNK)
            step_chunk(solver, b, r, c, cols - c < STEP_CHUNK ? cols - c : STEP_CHUNK, mask, block->mask[r],
                       gradient + c, theta + c);
        if (apd_solver_shows_stored(solver))
            apd_solver_stored_row(solver, block, r, theta);
    }
}

static void exact_end_task(apd_solver *solver, int b, const float *anchor, apd_task_part *part) {
    apd_solver_store_theta(solver, b, &part->blocks[b].tau);
    double threshold =
        finite_lambda2(solver) ? solver->settings.lambda1 / (2.0 * solver->settings.lambda2) : 0.0;
    (void)apd_retroactive_update(solver->decomposition, b, anchor, threshold);
}

const solver_operations apd_solver_exact = {.create = exact_create,
                                            .begin_task = exact_begin_task,
                                            .step = exact_step,
                                            .end_task = exact_end_task,
                                            .release = exact_release,
                                            .destroy = exact_destroy,
                                            .rewritten = exact_rewritten,
                                            .bytes = exact_bytes,
                                            .finished_bytes = exact_finished_bytes};
