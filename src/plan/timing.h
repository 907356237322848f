/* timing: typical values of repeated measurements. */
#ifndef APD_PLAN_TIMING_H
#define APD_PLAN_TIMING_H

#include "engine/step.h"

/* Seconds of a step by phase, each the mean over ranks. Their sum is the step's time. */
typedef struct apd_step_time {
    double phases[APD_PHASES];
} apd_step_time;

double apd_step_seconds(const apd_step_time *time);

/* The mean over the middle half of `count` >= 1 steps, ordered by their seconds: as robust as the median, and its phases
 * add up to the step. Reorders `times`. */
apd_step_time apd_step_typical(apd_step_time *times, int count);

/* The median of `count` >= 1 numbers; for an even count the mean of the middle two. Reorders `values`. */
double apd_median(double *values, int count);

#endif
