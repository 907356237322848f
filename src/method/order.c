#include "method/order.h"

#include "base/memory.h"
#include "base/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int apd_order_group(const int *sequences, int runs, int tasks, int *order_of) {
    int orders = 0;
    for (int r = 0; r < runs; r++) {
        order_of[r] = -1;
        for (int q = 0; q < r && order_of[r] < 0; q++)
            if (memcmp(sequences + (size_t)r * (size_t)tasks, sequences + (size_t)q * (size_t)tasks,
                       (size_t)tasks * sizeof *sequences) == 0)
                order_of[r] = order_of[q];
        if (order_of[r] < 0)
            order_of[r] = orders++;
    }
    return orders;
}

/* means[o][t]; NaN where one of the order's runs has none. */
static void average_seeds(const double *accuracy, const int *order_of, const int *counts, int runs,
                          int orders, int tasks, double *means) {
    for (int i = 0; i < orders * tasks; i++)
        means[i] = 0.0;
    for (int r = 0; r < runs; r++)
        for (int t = 0; t < tasks; t++)
            means[order_of[r] * tasks + t] += accuracy[r * tasks + t];
    for (int o = 0; o < orders; o++)
        for (int t = 0; t < tasks; t++)
            means[o * tasks + t] /= counts[o];
}

static double spread(const double *means, int orders, int tasks, int task) {
    double least = INFINITY, most = -INFINITY;
    for (int o = 0; o < orders; o++) {
        double mean = means[o * tasks + task];
        if (isnan(mean))
            return NAN;
        least = fmin(least, mean);
        most = fmax(most, mean);
    }
    return orders < 2 ? NAN : most - least;
}

apd_order_spread apd_order_spread_of(const double *accuracy, const int *order_of, int runs, int orders,
                                     int tasks, double *means, double *opd) {
    apd_order_spread found = {.average = NAN, .largest = NAN, .task = -1, .least_runs = runs};
    int *counts = apd_allocate(orders, sizeof *counts, "the runs of each order");
    for (int r = 0; r < runs; r++)
        counts[order_of[r]]++;
    for (int o = 0; o < orders; o++) {
        APD_ASSERT(counts[o] > 0);
        found.least_runs = counts[o] < found.least_runs ? counts[o] : found.least_runs;
        found.most_runs = counts[o] > found.most_runs ? counts[o] : found.most_runs;
    }
    average_seeds(accuracy, order_of, counts, runs, orders, tasks, means);
    free(counts);
    double sum = 0.0;
    for (int t = 0; t < tasks; t++) {
        opd[t] = spread(means, orders, tasks, t);
        if (isnan(opd[t]))
            continue;
        sum += opd[t];
        found.tasks++;
        if (found.task < 0 || opd[t] > opd[found.task])
            found.task = t;
    }
    if (found.tasks > 0) {
        found.average = sum / found.tasks;
        found.largest = opd[found.task];
    }
    return found;
}
