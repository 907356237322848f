#include "tables/scaling.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const apd_scaling_names[] = {"strong", "weak", "tasks"};

static const double least_efficiency = 0.75;

const apd_quantity_row apd_quantity_rows[APD_QUANTITIES] = {
    {"step_s", "step", "time"},
    {"gather_s", "step->gather", "time"},
    {"forward_s", "step->forward", "time"},
    {"backward_s", "step->backward", "time"},
    {"reduce_s", "step->reduce", "time"},
    {"update_s", "step->update", "time"},
    {"share_s", "step->share", "time"},
    {"gather_max_s", "step->gather", "time_max"},
    {"forward_max_s", "step->forward", "time_max"},
    {"backward_max_s", "step->backward", "time_max"},
    {"reduce_max_s", "step->reduce", "time_max"},
    {"update_max_s", "step->update", "time_max"},
    {"share_max_s", "step->share", "time_max"},
    {"compute_s", NULL, NULL},
    {"compute_max_s", NULL, NULL},
    {"task_s", "task", "time"},
    {"evaluation_s", "task->evaluation", "time"},
    {"consolidation_s", "consolidation", "time"},
    {"commit_s", "commit", "time"},
    {"loop_s", "run", "time"},
    {"memory_bytes", "run", "bytes_a_rank"},
    {"checkpoint_bytes", "commit", "bytes"},
    {"capacity", NULL, NULL},
    {"accuracy", NULL, NULL},
};

/* --- points and series ------------------------------------------------------------------------------------------- */

apd_scaling_series *apd_scaling_add(apd_scaling *scaling, const char *name, const char *root,
                                    apd_scaling_kind kind, const char *assumptions) {
    scaling->series = apd_reallocate(scaling->series, scaling->count, (int64_t)scaling->count + 1,
                                     sizeof *scaling->series, "series of points");
    apd_scaling_series *series = &scaling->series[scaling->count++];
    *series = (apd_scaling_series){
        .name = apd_duplicate_text(name),
        .root = apd_duplicate_text(root != NULL ? root : name),
        .kind = kind,
        .assumptions = assumptions != NULL ? apd_duplicate_text(assumptions) : NULL,
    };
    return series;
}

apd_scaling_point *apd_series_add(apd_scaling_series *series, apd_scaling_point point) {
    series->points = apd_reallocate(series->points, series->count, (int64_t)series->count + 1,
                                    sizeof *series->points, "points");
    apd_scaling_point *added = &series->points[series->count++];
    *added = point;
    added->values = apd_allocate(point.repeats, sizeof *added->values, "a point's values");
    for (int r = 0; r < point.repeats; r++)
        for (int q = 0; q < APD_QUANTITIES; q++)
            added->values[r][q] = NAN;
    return added;
}

void apd_point_set_phases(double *values, const apd_phase_times *times) {
    values[APD_Q_STEP] = times->step;
    for (int phase = 0; phase < APD_PHASES; phase++) {
        values[APD_Q_MEAN + phase] = times->mean[phase];
        values[APD_Q_MOST + phase] = times->most[phase];
    }
    values[APD_Q_COMPUTE] = times->compute;
    values[APD_Q_COMPUTE_MOST] = times->compute_most;
}

void apd_scaling_clear(apd_scaling *scaling) {
    for (int s = 0; s < scaling->count; s++) {
        apd_scaling_series *series = &scaling->series[s];
        for (int i = 0; i < series->count; i++)
            free(series->points[i].values);
        free(series->points);
        free(series->assumptions);
        free(series->root);
        free(series->name);
    }
    free(scaling->series);
    free(scaling->about);
    *scaling = (apd_scaling){0};
}

/* --- medians ----------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Of those of the `count` values that are numbers. Reorders them. */
static apd_spread spread_of(double *values, int count) {
    int numbers = 0;
    for (int i = 0; i < count; i++)
        if (!isnan(values[i]))
            values[numbers++] = values[i];
    if (numbers == 0)
        return (apd_spread){NAN, NAN, NAN};
    qsort(values, (size_t)numbers, sizeof *values, compare);
    return (apd_spread){0.5 * (values[(numbers - 1) / 2] + values[numbers / 2]), values[0],
                        values[numbers - 1]};
}

apd_spread apd_point_spread(const apd_scaling_point *point, apd_quantity quantity) {
    double *values = apd_allocate(point->repeats, sizeof *values, "a point's values");
    for (int r = 0; r < point->repeats; r++)
        values[r] = point->values[r][quantity];
    apd_spread spread = spread_of(values, point->repeats);
    free(values);
    return spread;
}

static double median_of(const apd_scaling_point *point, apd_quantity quantity) {
    return apd_point_spread(point, quantity).median;
}

/* The median over repeats of one quantity over another. */
static double ratio(const apd_scaling_point *point, apd_quantity above, apd_quantity below) {
    double *values = apd_allocate(point->repeats, sizeof *values, "a point's ratios");
    for (int r = 0; r < point->repeats; r++)
        values[r] = point->values[r][above] / point->values[r][below];
    double median = spread_of(values, point->repeats).median;
    free(values);
    return median;
}

double apd_point_load_balance(const apd_scaling_point *point) {
    return ratio(point, APD_Q_COMPUTE, APD_Q_COMPUTE_MOST);
}

double apd_point_communication(const apd_scaling_point *point) {
    return ratio(point, APD_Q_COMPUTE_MOST, APD_Q_STEP);
}

double apd_point_parallel(const apd_scaling_point *point) {
    return apd_point_load_balance(point) * apd_point_communication(point);
}

/* --- beside the baseline ----------------------------------------------------------------------------------------- */

/* Images a second. */
static double rate_of(const apd_scaling_point *point) {
    return point->batch / median_of(point, APD_Q_STEP);
}

double apd_series_speed_up(const apd_scaling_series *series, int i) {
    return series->kind == APD_TASKS ? (double)NAN
                                     : rate_of(&series->points[i]) / rate_of(&series->points[0]);
}

double apd_series_efficiency(const apd_scaling_series *series, int i) {
    return apd_series_speed_up(series, i) * series->points[0].ranks / series->points[i].ranks;
}

double apd_series_doubling(const apd_scaling_series *series, int i) {
    if (i == 0)
        return NAN;
    double more = log2((double)series->points[i].ranks / series->points[i - 1].ranks);
    return pow(apd_series_speed_up(series, i) / apd_series_speed_up(series, i - 1), 1.0 / more);
}

double apd_series_computation(const apd_scaling_series *series, int i) {
    const apd_scaling_point *first = &series->points[0], *here = &series->points[i];
    if (series->kind == APD_TASKS)
        return NAN;
    return here->batch / (here->ranks * median_of(here, APD_Q_COMPUTE)) * first->ranks *
           median_of(first, APD_Q_COMPUTE) / first->batch;
}

double apd_series_growth(const apd_scaling_series *series, int i) {
    if (series->kind != APD_TASKS)
        return NAN;
    return median_of(&series->points[i], APD_Q_STEP) / median_of(&series->points[0], APD_Q_STEP);
}

int apd_series_last_good(const apd_scaling_series *series) {
    int last = -1;
    while (last + 1 < series->count && apd_series_efficiency(series, last + 1) >= least_efficiency)
        last++;
    return last;
}

bool apd_series_agrees(const apd_scaling_series *series) {
    uint64_t digest = 0;
    for (int i = 0; i < series->count; i++) {
        uint64_t own = series->points[i].digest;
        if ((series->kind == APD_STRONG && own != 0 && digest != 0 && own != digest) ||
            series->points[i].differs)
            return false;
        digest = own != 0 ? own : digest;
    }
    return true;
}
