#include "method/metrics.h"

#include <math.h>

typedef struct mean {
    double sum;
    int count;
} mean;

static void add(mean *m, double value) {
    if (isnan(value))
        return;
    m->sum += value;
    m->count++;
}

static double mean_or(const mean *m, double empty) {
    return m->count > 0 ? m->sum / m->count : empty;
}

apd_metrics apd_metrics_of(const apd_accuracies *accuracies) {
    mean average = {0}, learning = {0}, backward = {0};
    double worst = NAN;
    for (int32_t j = 0; j < accuracies->tasks; j++) {
        double now = accuracies->now[j], then = apd_accuracies_learned(accuracies, j);
        if (isnan(now))
            continue;
        add(&average, now);
        add(&learning, then);
        worst = fmin(worst, now);
        if (j < accuracies->tasks - 1)
            add(&backward, now - then);
    }
    return (apd_metrics){.average = mean_or(&average, NAN),
                         .learning = mean_or(&learning, NAN),
                         .backward = mean_or(&backward, average.count > 0 ? 0.0 : NAN),
                         .worst = worst};
}

double apd_forgetting_of(const apd_accuracies *accuracies) {
    mean forgetting = {0};
    int there = 0;
    for (int32_t j = 0; j < accuracies->tasks; j++) {
        there += !isnan(accuracies->now[j]);
        if (j < accuracies->tasks - 1)
            add(&forgetting, accuracies->best[j] - accuracies->now[j]);
    }
    return mean_or(&forgetting, there > 0 ? 0.0 : NAN);
}

/* -p log2 p, 0 at 0 */
static double surprise(double p) {
    return p > 0.0 ? -p * log2(p) : 0.0;
}

double apd_pattern_bytes(int64_t nonzeros, int64_t weights) {
    double p = weights > 0 ? (double)nonzeros / (double)weights : 0.0;
    return (double)weights * (surprise(p) + surprise(1.0 - p)) / 8.0;
}

apd_capacity apd_capacity_of(const apd_layout *layout, int classes, const apd_capacity_counts *counts) {
    const apd_block *head = &layout->blocks[layout->block_count - 1];
    double dense = (double)layout->decomposed, network = dense + (double)classes * (double)(head->cols + 1);
    for (int b = 0; b < layout->block_count; b++)
        if (layout->blocks[b].decomposed)
            network += (double)layout->blocks[b].rows;
    double kept = (double)(counts->sigma + counts->tau + counts->masks) + (double)counts->bits / 32.0,
           own = (double)counts->own;
    double file = (double)counts->file_bytes, bytes = network * (double)sizeof(float);
    return (apd_capacity){.weights = dense > 0.0 ? kept / dense : 0.0,
                          .all = dense + own > 0.0 ? (kept + own) / (dense + own) : 0.0,
                          .bytes = file / bytes,
                          .coded = (file - (double)counts->positions + counts->coded) / bytes};
}
