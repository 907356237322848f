#include "plan/timing.h"

#include <stdlib.h>

double apd_step_seconds(const apd_step_time *time) {
    double sum = 0.0;
    for (int phase = 0; phase < APD_PHASES; phase++)
        sum += time->phases[phase];
    return sum;
}

static int compare_steps(const void *a, const void *b) {
    double left = apd_step_seconds(a), right = apd_step_seconds(b);
    return (left > right) - (left < right);
}

apd_step_time apd_step_typical(apd_step_time *times, int count) {
    qsort(times, (size_t)count, sizeof *times, compare_steps);
    int begin = count / 4, end = count - begin;
    apd_step_time mean = {{0}};
    for (int i = begin; i < end; i++)
        for (int phase = 0; phase < APD_PHASES; phase++)
            mean.phases[phase] += times[i].phases[phase] / (end - begin);
    return mean;
}

static int compare_numbers(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double apd_median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, compare_numbers);
    return 0.5 * (values[(count - 1) / 2] + values[count / 2]);
}
