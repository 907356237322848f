/* evaluator: a task's accuracy on its validation or test images, over all ranks. Images are cut into chunks of one size,
 * which are distributed over the ranks; counts are summed, so the accuracy does not depend on P. */
#ifndef APD_ENGINE_EVALUATOR_H
#define APD_ENGINE_EVALUATOR_H

#include "engine/run.h"

/* The accuracy (0..1) of the exchange's theta on a part of task `id`. Collective. Statuses: IO, DATA. */
apd_status apd_evaluate_part(apd_run *run, int id, apd_part_kind part, const apd_normalisation *normalisation,
                             double *accuracy, apd_error *error);

/* Compose theta of the finished task at `place` in the exchange, and measure its accuracy on its test images, or, with
 * evaluate: validation, on its validation images. Collective. Statuses: IO, DATA. */
apd_status apd_evaluate_task(apd_run *run, int place, double *accuracy, apd_error *error);

#endif
