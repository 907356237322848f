/* evaluator: a task's accuracy on its validation or test images, over all ranks. */
#ifndef APD_ENGINE_EVALUATOR_H
#define APD_ENGINE_EVALUATOR_H

#include "engine/run.h"

/* The accuracy (0..1) of whatever theta the exchange holds on a part of task `id`. Pieces of one fixed shape
 * are dealt to the ranks, and what is summed are counts, so the result does not depend on P. Collective. */
apd_status apd_evaluate_part(apd_run *run, int id, apd_part_kind part, const apd_normalisation *normalisation,
                             double *accuracy, apd_error *error);

/* Put the finished task at `place` into the exchange and measure its test accuracy. Collective. */
apd_status apd_evaluate_task(apd_run *run, int place, double *accuracy, apd_error *error);

#endif
