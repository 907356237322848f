#include "engine/fisher_pass.h"

#include "base/heartbeat.h"
#include "engine/step.h"
#include "io/system/fault.h"
#include "network/fisher.h"

/* Add the squares of a shard's images, a micro-batch at a time; returns how many these are. */
static int64_t add_shard(apd_run *run, const apd_train_set *set, int shard, int64_t wanted, int classes,
                         apd_fisher *fisher, float *sums) {
    const int together = apd_partition_micro_batch(&run->partition, run->description->training.batch, 0);
    const int64_t count = apd_train_set_shard_count(set, shard), used = wanted < count ? wanted : count;
    const apd_image_shape shape = run->dataset->shape;
    const int64_t size = (int64_t)shape.channels * shape.height * shape.width;
    for (int64_t i = 0; i < used;) {
        int n = 0;
        (void)apd_heartbeat_phase("fisher");
        for (; n < together && i < used;
             n++, i++) /* samples lie class by class: equal shares of the classes */
            run->labels[n] = apd_train_set_image(set, shard, i * count / used, run->images + n * size);
        apd_fisher_add(fisher, apd_exchange_theta(run->exchange), run->images, run->labels, n, classes, sums);
    }
    apd_fault_point("fisher");
    return used;
}

void apd_fisher_pass(apd_run *run, const apd_train_set *set, int classes, int64_t most) {
    const apd_layout *layout = apd_network_layout(run->network);
    const char *before = apd_heartbeat_phase("fisher");
    apd_step_share_theta(run, -1); /* the solver may have restored the best epoch */
    for (int b = 0; b < layout->block_count; b++)
        apd_exchange_await_theta(run->exchange, b);
    apd_exchange *exchange = apd_exchange_create(run->team, &run->partition, layout, 0);
    apd_fisher *fisher = apd_fisher_create(
        run->network, apd_partition_micro_batch(&run->partition, run->description->training.batch, 0),
        run->workspace);
    apd_exchange_begin_step(exchange);
    int64_t images = 0;
    for (int shard = run->partition.shard_begin; shard < run->partition.shard_end; shard++) {
        int64_t wanted = most > 0 ? apd_partition_micro_batch(&run->partition, most, shard) : INT64_MAX;
        images += add_shard(run, set, shard, wanted, classes, fisher, apd_exchange_gradient(exchange, shard));
    }
    apd_team_sum(run->team, &images, 1);
    for (int b = layout->block_count - 1; b >= 0; b--)
        apd_exchange_publish(exchange, b);
    for (int left = layout->block_count; left > 0; left--) {
        int b = apd_exchange_next(exchange);
        for (apd_rows rows = {0}; apd_exchange_next_rows(exchange, b, &rows);) {
            const float *bias = NULL, *sums = apd_exchange_collect(exchange, b, rows, &bias);
            apd_solver_add_fisher(run->solver, b, rows, sums, images);
        }
        apd_exchange_release(exchange, b);
    }
    apd_exchange_end_step(exchange);
    apd_fisher_destroy(fisher);
    apd_exchange_destroy(exchange);
    (void)apd_heartbeat_phase(before);
}
