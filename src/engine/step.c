#include "engine/step.h"

#include "base/heartbeat.h"
#include "base/log.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void apd_stepper_init(apd_stepper *stepper, apd_run *run, apd_batches *batches, int id) {
    *stepper = (apd_stepper){.run = run, .batches = batches, .id = id};
    stepper->shard_numbers = apd_network_dropout_numbers(run->network) *
                             apd_partition_micro_batch(&run->partition, run->description->training.batch, 0);
    stepper->tallies = apd_allocate(run->partition.shard_end - run->partition.shard_begin,
                                    sizeof *stepper->tallies, "the shards' losses");
    apd_image_shape shape = run->dataset->shape;
    int room = apd_partition_micro_batch(&run->partition, run->description->training.batch, 0);
    int taught = run->description->training.teacher_count > 0 ? apd_batches_classes(batches) : 0;
    stepper->prefetcher = apd_prefetcher_create(room, (int64_t)shape.channels * shape.height * shape.width,
                                                taught, apd_prefetcher_has_processor());
}

void apd_stepper_clear(apd_stepper *stepper) {
    apd_prefetcher_destroy(stepper->prefetcher);
    free(stepper->tallies);
    stepper->prefetcher = NULL;
    stepper->tallies = NULL;
}

/* End the present phase and begin `phase`. */
static void lap(apd_stepper *stepper, apd_phase phase) {
    double now = apd_seconds();
    stepper->phases[stepper->phase] += now - stepper->mark;
    stepper->mark = now;
    stepper->phase = phase;
    (void)apd_heartbeat_phase(apd_phase_names[phase]);
}

static void publish(void *exchange, int block) {
    apd_exchange_publish(exchange, block);
}

/* Wait until all rows of this block of theta have arrived. */
static void await_theta(void *context, int block) {
    apd_stepper *stepper = context;
    if (apd_exchange_has_theta(stepper->run->exchange, block))
        return;
    lap(stepper, APD_PHASE_SHARE);
    apd_exchange_await_theta(stepper->run->exchange, block);
    lap(stepper, APD_PHASE_FORWARD);
}

/* One shard's forward and backward pass. With a rank's last shard, each block is published once it is complete. `next`: the
 * batch of the next step. */
static void pass(apd_stepper *stepper, int shard, const apd_batch *taken, const apd_batch *next,
                 float weight) {
    apd_run *run = stepper->run;
    const float *theta = apd_exchange_theta(run->exchange);
    bool last = shard == run->partition.shard_end - 1;
    lap(stepper, APD_PHASE_GATHER);
    apd_feed feed = {taken->source->set, shard, taken->epoch, taken->step};
    apd_feed later = {next->source->set, run->partition.shard_begin, next->epoch, next->step};
    if (!last)
        later = (apd_feed){feed.set, shard + 1, feed.epoch, feed.step};
    const apd_micro_batch *batch = apd_prefetcher_take(stepper->prefetcher, feed, later);
    lap(stepper, APD_PHASE_FORWARD);
    apd_random dropout = apd_random_stream(run->description->seed, APD_RANDOM_DROPOUT, (uint32_t)stepper->id,
                                           (uint32_t)stepper->done);
    (void)apd_network_forward_behind(run->network, theta, batch->images, batch->n, taken->source->classes,
                                     &dropout, shard * stepper->shard_numbers, run->workspace, await_theta,
                                     stepper);
    apd_targets targets = {.smoothing = run->description->training.label_smoothing,
                           .taught = batch->taught,
                           .share = run->description->training.distillation};
    apd_score score = apd_network_loss(run->network, batch->labels, targets, weight, run->workspace);
    apd_tally *tally = &stepper->tallies[shard - run->partition.shard_begin];
    tally->loss += score.loss;
    tally->correct += (double)score.correct;
    tally->images += batch->n;
    lap(stepper, APD_PHASE_BACKWARD);
    apd_network_backward(run->network, theta, apd_exchange_gradient_layout(run->exchange),
                         apd_exchange_gradient(run->exchange, shard), run->workspace, last ? publish : NULL,
                         run->exchange);
}

/* Update this rank's rows of a block, a few at a time, so that the summed gradients are still in the cache. */
static void update_block(apd_run *run, int b) {
    float *bias = NULL, *weights = apd_exchange_theta_rows(run->exchange, b, &bias);
    const int64_t cols = apd_network_layout(run->network)->blocks[b].cols;
    for (apd_rows rows = {0}; apd_exchange_next_rows(run->exchange, b, &rows);) {
        const float *bias_gradient = NULL;
        const float *gradient = apd_exchange_collect(run->exchange, b, rows, &bias_gradient);
        apd_solver_step_rows(run->solver, b, rows, gradient, bias_gradient, weights + rows.begin * cols,
                             bias + rows.begin);
    }
}

static void update(apd_stepper *stepper) {
    apd_run *run = stepper->run;
    for (int left = apd_network_layout(run->network)->block_count; left > 0; left--) {
        lap(stepper, APD_PHASE_REDUCE);
        int b = apd_exchange_next(run->exchange);
        lap(stepper, APD_PHASE_UPDATE);
        update_block(run, b);
        apd_exchange_release(run->exchange, b);
    }
}

void apd_step_share_theta(apd_run *run, int place) {
    apd_solver_take_turn(run->solver, (apd_solver_turn){.place = place, .shown = place});
    (void)apd_heartbeat_phase("share");
    apd_exchange_begin_share(run->exchange);
    for (int b = 0; b < apd_network_layout(run->network)->block_count; b++) {
        float *bias = NULL;
        float *weights = apd_exchange_theta_rows(run->exchange, b, &bias);
        apd_solver_theta(run->solver, b, weights, bias);
    }
    apd_exchange_end_share(run->exchange);
}

void apd_step(apd_stepper *stepper, int epoch, int step, double learning_rate) {
    apd_run *run = stepper->run;
    const apd_batch taken = apd_batches_at(stepper->batches, epoch, step);
    const apd_batch next = apd_batches_at(stepper->batches, epoch, step + 1);
    float weight = (float)(1.0 / (double)apd_train_set_batch_count(taken.source->set, taken.step));
    stepper->mark = apd_seconds();
    stepper->phase = APD_PHASE_GATHER;
    apd_exchange_begin_step(run->exchange);
    for (int shard = run->partition.shard_begin; shard < run->partition.shard_end; shard++)
        pass(stepper, shard, &taken, &next, weight);
    lap(stepper, APD_PHASE_REDUCE);
    apd_solver_take_turn(run->solver,
                         (apd_solver_turn){taken.source->place, taken.number, next.source->place});
    apd_solver_begin_step(run->solver, learning_rate);
    update(stepper);
    lap(stepper, APD_PHASE_SHARE);
    apd_exchange_end_step(run->exchange);
    lap(stepper, APD_PHASE_SHARE);
    stepper->done++;
    stepper->timed++;
}

apd_tally apd_stepper_read(apd_stepper *stepper) {
    const apd_run *run = stepper->run;
    enum { WIDTH = 3 };
    int64_t shards = run->partition.shard_end - run->partition.shard_begin, total = 0;
    void *all = NULL;
    (void)apd_heartbeat_phase("add losses");
    apd_team_gather_all(run->team, stepper->tallies, shards * (int64_t)sizeof *stepper->tallies, &all,
                        &total);
    double sums[WIDTH];
    apd_partition_tree_sum(run->partition.shards, WIDTH, all, sums);
    free(all);
    memset(stepper->tallies, 0, (size_t)shards * sizeof *stepper->tallies);
    return (apd_tally){.loss = sums[0], .correct = sums[1], .images = sums[2]};
}

apd_phase_times apd_step_times(const apd_team *team, const double seconds[APD_PHASES], int64_t steps) {
    enum { COMPUTE = APD_PHASES, STEP, NUMBERS };
    int64_t sums[NUMBERS] = {0}, most[NUMBERS]; /* nanoseconds, which can be added up in any order */
    for (int phase = 0; phase < APD_PHASES; phase++) {
        sums[phase] = (int64_t)(1e9 * seconds[phase]);
        sums[COMPUTE] += apd_phase_waits((apd_phase)phase) ? 0 : sums[phase];
        sums[STEP] += sums[phase];
    }
    memcpy(most, sums, sizeof most);
    apd_team_sum(team, sums, NUMBERS);
    apd_team_maximum(team, most, NUMBERS);
    const double of_most = steps > 0 ? 1e-9 / (double)steps : NAN, of_sum = of_most / apd_team_size(team);
    apd_phase_times times = {.compute = of_sum * (double)sums[COMPUTE],
                             .compute_most = of_most * (double)most[COMPUTE],
                             .step = of_most * (double)most[STEP]};
    for (int phase = 0; phase < APD_PHASES; phase++) {
        times.mean[phase] = of_sum * (double)sums[phase];
        times.most[phase] = of_most * (double)most[phase];
    }
    return times;
}
