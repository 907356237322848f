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

static double best_before(const double *accuracy, int j, int last, int64_t stride) {
    double best = NAN;
    for (int l = j; l < last; l++)
        best = fmax(best, accuracy[l * stride + j]);
    return best;
}

apd_metrics apd_metrics_of(const double *accuracy, int tasks, int64_t stride) {
    mean average = {0}, learning = {0}, backward = {0};
    double worst = NAN;
    int last = tasks - 1;
    for (int j = 0; j < tasks; j++) {
        double now = accuracy[last * stride + j], then = accuracy[j * stride + j];
        if (isnan(now))
            continue;
        add(&average, now);
        add(&learning, then);
        worst = fmin(worst, now);
        if (j < last)
            add(&backward, now - then);
    }
    return (apd_metrics){.average = mean_or(&average, NAN),
                         .learning = mean_or(&learning, NAN),
                         .backward = mean_or(&backward, average.count > 0 ? 0.0 : NAN),
                         .worst = worst};
}

double apd_forgetting_of(const double *accuracy, int tasks, int64_t stride) {
    mean forgetting = {0};
    int last = tasks - 1, there = 0;
    for (int j = 0; j < tasks; j++) {
        double now = accuracy[last * stride + j];
        there += !isnan(now);
        if (j < last)
            add(&forgetting, best_before(accuracy, j, last, stride) - now);
    }
    return mean_or(&forgetting, there > 0 ? 0.0 : NAN);
}

apd_capacity apd_capacity_of(const apd_layout *layout, int classes, const apd_capacity_counts *counts) {
    const apd_block *head = &layout->blocks[layout->block_count - 1];
    double dense = (double)layout->decomposed, network = dense + (double)classes * (double)(head->cols + 1);
    for (int b = 0; b < layout->block_count; b++)
        if (layout->blocks[b].decomposed)
            network += (double)layout->blocks[b].rows;
    double kept = (double)(counts->sigma + counts->tau + counts->masks), own = (double)counts->own;
    return (apd_capacity){.weights = dense > 0.0 ? kept / dense : 0.0,
                          .all = dense + own > 0.0 ? (kept + own) / (dense + own) : 0.0,
                          .bytes = (double)counts->file_bytes / (network * (double)sizeof(float))};
}
