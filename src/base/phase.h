/* phase: the parts of a training step, and what they take on the ranks of a run.
 *
 * From the times of all ranks follows why more ranks gain less than they should (POP's factors, pop-coe.eu):
 *
 *     load balance      = mean over ranks of their computing / maximum over ranks
 *     communication     = maximum over ranks of their computing / step
 *     parallel efficiency = load balance * communication = mean over ranks of their computing / step */
#ifndef APD_BASE_PHASE_H
#define APD_BASE_PHASE_H

#include <stdbool.h>

typedef enum apd_phase {
    APD_PHASE_GATHER, /* making micro-batches, or waiting for the prefetcher */
    APD_PHASE_FORWARD,
    APD_PHASE_BACKWARD,
    APD_PHASE_REDUCE, /* waiting for gradients */
    APD_PHASE_UPDATE, /* adding gradients, and the solver */
    APD_PHASE_SHARE,  /* waiting for theta */
    APD_PHASES
} apd_phase;

extern const char *const apd_phase_names[APD_PHASES];

/* Whether the rank waits for others in it; in all other phases it computes. */
static inline bool apd_phase_waits(apd_phase phase) {
    return phase == APD_PHASE_REDUCE || phase == APD_PHASE_SHARE;
}

/* Seconds a step. A rank's phases are added up over the steps before ranks are compared, so that what one rank is late in
 * one step and early in the next counts as communication. NaN: no steps. */
typedef struct apd_phase_times {
    double mean[APD_PHASES];      /* the mean over ranks; their sum is the mean of the ranks' steps */
    double most[APD_PHASES];      /* the largest of the ranks', each phase for itself */
    double compute, compute_most; /* a rank's phases in which it does not wait: mean and maximum over ranks */
    double step;                  /* all phases of a rank: the maximum over ranks */
} apd_phase_times;

#endif
