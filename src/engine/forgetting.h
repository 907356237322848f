/* forgetting: delete a task's parameters for good. No other task's theta changes by a bit. */
#ifndef APD_ENGINE_FORGETTING_H
#define APD_ENGINE_FORGETTING_H

#include "engine/run.h"

/* Delete the task at `place` from the decomposition, and its name, accuracies, classes and normalisation from the
 * state. Its id stays, so that tables can tell what is missing. Local; all ranks call it. */
void apd_forget_place(apd_run *run, int place);

/* Forget the `*count` tasks that stream.forget names for the present number of tasks, with one event each in
 * metrics.jsonl. Collective. Statuses: USAGE if such a task is not trained or forgotten already; IO. */
apd_status apd_forget_due(apd_run *run, int *count, apd_error *error);

/* Blank the task's name in metrics.jsonl and write the event there; `erased`: the older commits are deleted. Rank 0. Status: IO. */
apd_status apd_forget_log(apd_run *run, int place, bool erased, apd_error *error);

#endif
