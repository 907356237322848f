#include "plan/estimate.h"

#include "mpi/exchange/exchange.h"

#include <math.h>

enum { FLOAT = sizeof(float) };

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t rounded(double bytes) {
    return (int64_t)llround(bytes);
}

apd_slice_size apd_largest_slice(const apd_layout *layout, int ranks) {
    apd_slice_size largest = {0};
    for (int rank = 0; rank < ranks; rank++) {
        apd_slice_size slice = {.rank = rank};
        for (int b = 0; b < layout->block_count; b++) {
            const apd_block *block = &layout->blocks[b];
            apd_rows own = apd_part(block->rows, ranks, rank);
            int64_t rows = own.end - own.begin;
            slice.rows += block->decomposed ? rows : 0;
            *(block->decomposed ? &slice.decomposed : &slice.head) += rows * block->cols;
        }
        if (slice.decomposed + slice.head > largest.decomposed + largest.head)
            largest = slice;
    }
    return largest;
}

/* --- memory ---------------------------------------------------------------------------------------------- */

static double share_of(int count, int parts) {
    return ceil((double)count / parts) / count;
}

static int64_t exchange_bytes(const apd_memory_facts *facts, const apd_launch *launch) {
    int images = (facts->batch + launch->shards - 1) / launch->shards;
    return apd_exchange_estimate(facts->layout, launch->shards, launch->ranks, launch->ranks_a_node, images);
}

/* Sigma and those beside it. */
static int shared_arrays(const apd_method *method) {
    int count = 1;
    for (int a = 0; method->shared != NULL && method->shared[a] != NULL; a++)
        count++;
    return count;
}

/* Sigma, `solver` bytes of the present launch scaled to the slice, and the snapshot of the best epoch, which is made
 * after the measurement. */
static int64_t training_bytes(const apd_memory_facts *facts, const apd_launch *launch, int64_t solver,
                              bool copy) {
    apd_slice_size now = apd_largest_slice(facts->layout, facts->present.ranks);
    apd_slice_size then = apd_largest_slice(facts->layout, launch->ranks);
    double scale = (double)(then.decomposed + then.head) / (double)(now.decomposed + now.head);
    int dense = facts->method->storage == APD_STORAGE_DECOMPOSED ? 2 /* sigma and tau; or sigma and scores */
                : facts->method->storage == APD_STORAGE_SUBNETWORK ? shared_arrays(facts->method)
                                                                   : 1;
    int64_t parameters = then.head + dense * then.decomposed;
    return rounded((double)solver * scale) + shared_arrays(facts->method) * FLOAT * then.decomposed +
           (copy ? FLOAT * parameters : 0);
}

/* Dense squared gradients of all shards, and their sums. */
static int64_t fisher_bytes(const apd_memory_facts *facts, const apd_launch *launch) {
    return facts->method->fisher
               ? apd_exchange_estimate(facts->layout, launch->shards, launch->ranks, launch->ranks_a_node, 0)
               : 0;
}

static int64_t image_bytes(const apd_memory_facts *facts, const apd_launch *launch) {
    return rounded((double)facts->task_bytes * share_of(launch->shards, launch->ranks));
}

/* A finished task on the rank of the largest slice. */
static int64_t finished_bytes(const apd_memory_facts *facts, int ranks, const apd_slice_size *slice) {
    int64_t bytes = 0;
    for (int b = 0; b < facts->layout->block_count; b++) {
        const apd_block *block = &facts->layout->blocks[b];
        apd_rows own = apd_part(block->rows, ranks, slice->rank);
        int64_t rows = own.end - own.begin;
        bytes += apd_task_block_bytes(block->decomposed ? facts->method->storage : APD_STORAGE_SINGLE, rows,
                                      block->cols, rounded(facts->density * (double)(rows * block->cols)));
    }
    return bytes;
}

/* What the solver makes of `tasks` finished tasks while another trains. */
static int64_t retrained_bytes(const apd_memory_facts *facts, const apd_slice_size *slice, int tasks) {
    int64_t entries = rounded(facts->density * (double)slice->decomposed * tasks);
    if (facts->method->rehearses) /* heads and biases, each with two moments */
        return 3 * FLOAT * tasks * (slice->head + slice->rows);
    return apd_method_finished_bytes(facts->method, slice->decomposed, tasks, entries);
}

/* In a commit rank 0 gathers whole blocks, of sigma or of a dense task. */
static int64_t commit_bytes(const apd_layout *layout) {
    int64_t most = 0;
    for (int b = 0; b < layout->block_count; b++)
        most = larger(most, layout->blocks[b].rows * layout->blocks[b].cols);
    return FLOAT * most;
}

/* 64-bit sums of one block while they are computed, and of every block as kept. */
static int64_t gram_bytes(const apd_memory_facts *facts, int ranks) {
    double vectors = facts->tasks + facts->clusters;
    if (facts->clusters == 0)
        return 0;
    return rounded(vectors * vectors * (4.0 + 8.0 + 8.0 * (facts->layout->block_count - 1) / ranks));
}

apd_memory apd_estimate_memory(const apd_memory_facts *facts, const apd_launch *launch) {
    apd_slice_size slice = apd_largest_slice(facts->layout, launch->ranks);
    const apd_launch *present = &facts->present;
    int64_t known = exchange_bytes(facts, present) +
                    training_bytes(facts, present, facts->solver_bytes, false) + image_bytes(facts, present);
    apd_memory m = {.program = larger(facts->peak_bytes - known, 0),
                    .exchange = exchange_bytes(facts, launch),
                    .training = training_bytes(facts, launch, facts->solver_bytes, facts->keeps_best),
                    .images = image_bytes(facts, launch) * (facts->method->rehearses ? facts->tasks : 1),
                    .tasks = facts->tasks * finished_bytes(facts, launch->ranks, &slice),
                    .fisher = fisher_bytes(facts, launch),
                    .retrained = retrained_bytes(facts, &slice, facts->tasks - 1),
                    .gram = gram_bytes(facts, launch->ranks)};
    m.ending = rounded((double)facts->test_bytes / launch->ranks) + 3 * commit_bytes(facts->layout);
    int64_t resting = training_bytes(facts, launch, facts->resting_bytes, facts->keeps_best);
    int64_t least = m.exchange + m.images;
    int64_t last = least + m.training + m.tasks - m.tasks / facts->tasks + m.retrained + m.fisher;
    int64_t most = larger(last, least + resting + m.tasks + larger(m.ending, m.gram));
    m.slack = most / 10;
    m.peak = m.program + most + m.slack;
    return m;
}

/* --- disk ------------------------------------------------------------------------------------------------ */

enum {
    GROUP = 6000, /* a task's group and its eight data sets: headers, attributes, an index of chunks */
    FILE_HEAD = 20000
};
/* Theta's four bytes, or one and now and then two; its column takes about one. And what a row begins with. */
static const double entry_on_disk = 5.1, coded_entry = 2.3, row_on_disk = 3.0;

static int64_t decomposed_rows(const apd_layout *layout) {
    int64_t rows = 0;
    for (int b = 0; b < layout->block_count; b++)
        rows += layout->blocks[b].decomposed ? layout->blocks[b].rows : 0;
    return rows;
}

apd_disk apd_estimate_disk(const apd_disk_facts *facts) {
    const apd_layout *layout = facts->layout;
    int64_t rows = decomposed_rows(layout);
    int64_t head = facts->classes * (layout->blocks[layout->block_count - 1].cols + 1);
    const int64_t number = facts->coded ? 2 : FLOAT, weights = layout->decomposed;
    const double sigma = facts->coded ? facts->sigma_bits / 8.0 : FLOAT;
    const double entry = facts->coded ? coded_entry : entry_on_disk;
    const double whole_entry = facts->coded ? facts->tau_bits / 8.0 : FLOAT;
    apd_disk disk = {.sigma = FILE_HEAD + rounded(shared_arrays(facts->method) * sigma * (double)weights),
                     .task = GROUP + number * (rows + head),
                     .mid_task = facts->state_bytes};
    if (facts->method->slows) /* tau and its moments of every old task */
        disk.mid_task += 3 * FLOAT * layout->decomposed * (facts->tasks - 1);
    if (facts->method->rehearses) /* heads and biases of every old task, with moments */
        disk.mid_task += 3 * FLOAT * (rows + head) * (facts->tasks - 1);
    if (facts->method->storage == APD_STORAGE_SINGLE)
        disk.task += FLOAT * layout->decomposed;
    else if (facts->method->storage == APD_STORAGE_SUBNETWORK)
        disk.task += layout->decomposed / 8 + rows;
    else if (facts->method->storage == APD_STORAGE_DECOMPOSED)
        disk.task += number * rows +
                     rounded(row_on_disk * (double)rows +
                             (facts->whole * whole_entry + (1.0 - facts->whole) * facts->density * entry) *
                                 (double)weights);
    int64_t last = facts->tasks * disk.task, before = last - disk.task;
    disk.kept = 2 * disk.sigma + (facts->method->follows ? last + before : last);
    disk.most = 3 * disk.sigma + (facts->method->follows ? 3 * last : last) + 2 * disk.mid_task;
    return disk;
}

/* --- time ------------------------------------------------------------------------------------------------ */

int64_t apd_task_steps(int64_t images, int batch, int epochs) {
    return (images + batch - 1) / batch * epochs;
}

apd_step_time apd_step_in(const apd_step_time *measured, const apd_layout *layout, const apd_launch *present,
                          const apd_launch *launch) {
    apd_slice_size now = apd_largest_slice(layout, present->ranks);
    apd_slice_size then = apd_largest_slice(layout, launch->ranks);
    double rows = (double)(then.decomposed + then.head) / (double)(now.decomposed + now.head);
    double shards =
        ceil((double)launch->shards / launch->ranks) / ceil((double)present->shards / present->ranks);
    apd_step_time made = *measured;
    made.phases[APD_PHASE_GATHER] *= shards;
    made.phases[APD_PHASE_FORWARD] *= shards;
    made.phases[APD_PHASE_BACKWARD] *= shards;
    made.phases[APD_PHASE_REDUCE] *= rows;
    made.phases[APD_PHASE_UPDATE] *= rows;
    return made;
}

apd_duration apd_estimate_duration(const apd_time_facts *facts) {
    double tasks = facts->tasks, earlier = 0.5 * (tasks - 1.0); /* on average */
    apd_duration made = {.steps = (double)facts->steps * (facts->step + facts->step_slope * earlier),
                         .edges = tasks * (facts->edge + facts->edge_slope * earlier),
                         .loads = tasks * facts->load,
                         .evaluations = (double)facts->evaluations * facts->evaluation,
                         .commits = ceil(tasks / facts->commit_every) *
                                    (facts->commit + facts->commit_slope * earlier)};
    made.all = made.steps + made.edges + made.loads + made.evaluations + made.commits;
    return made;
}
