/* timing: many measurements of one thing, and what stands for them. */
#ifndef APD_PLAN_TIMING_H
#define APD_PLAN_TIMING_H

#include "engine/step.h"

/* Seconds of one step by phase, each the mean over ranks. Their sum is the step. */
typedef struct apd_step_time {
    double phases[APD_PHASES];
} apd_step_time;

double apd_step_seconds(const apd_step_time *time);

/* What stands for `count` >= 1 steps: the mean over the middle half of them, ordered by their seconds. As
 * hard to disturb as the median, and its phases add up to the step. Reorders `times`. */
apd_step_time apd_step_typical(apd_step_time *times, int count);

/* The median of `count` >= 1 numbers, which are reordered; of an even count the mean of the middle two. */
double apd_median(double *values, int count);

#endif
