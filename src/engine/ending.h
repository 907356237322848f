/* ending: the end of a task, from its last step to the commit that holds it.
 *
 *   begin   where the method asks for it, the Fisher information is taken; the solver writes sigma, the old tasks' tau and the new task's part to the decomposition; sigma is
 *           re-centred when that is due. From here on everything about the task is in run->state and the decomposition.
 *   run     TRAINED         evaluate the tasks whose theta moved; then, when due, consolidate and re-centre
 *           CONSOLIDATED    evaluate the tasks that this moved
 *           COMPLETE        forget what stream.forget asks for, commit, log
 *
 * Ranks ask for requests before every evaluation and every consolidation. A commit made there holds run->state.ending
 * and the accuracies measured so far (NaN: still to be measured), so a resumed run continues with the next evaluation
 * and reaches the same bits. */
#ifndef APD_ENGINE_ENDING_H
#define APD_ENGINE_ENDING_H

#include "engine/consolidation.h"
#include "engine/training.h"

/* Collective. run->state gets a record for the task and is TRAINED afterwards. */
void apd_ending_begin(apd_training *training);

/* Complete the end of the run's last task, from the state in which begin or a commit left it. Collective. Statuses:
 * REQUEUE after a commit and a requested stop; USAGE if stream.forget names a task that is not there; IO. */
apd_status apd_ending_run(apd_training *training, apd_consolidator *consolidator, apd_error *error);

#endif
