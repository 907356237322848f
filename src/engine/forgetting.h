/* forgetting: a task's parameters are deleted for good; no other task changes by a bit. */
#ifndef APD_ENGINE_FORGETTING_H
#define APD_ENGINE_FORGETTING_H

#include "engine/run.h"

/* The place of the task with this id, or (when `text` is no number) this name; -1: none such, or not trained yet. */
int apd_find_task(const apd_run_state *state, const char *text);

/* Forget the finished task at `place` in the decomposition and in the state: its accuracies, classes and
 * normalisation go too; its id and name stay, so that the log can say what is missing. Local: all ranks call it. */
void apd_forget_place(apd_run *run, int place);

/* Forget what stream.forget asks for after so many finished tasks, with an audit line each: `*count` of them.
 * Collective. Status: USAGE when a task is to be forgotten that is not there. */
apd_status apd_forget_due(apd_run *run, int *count, apd_error *error);

/* The audit line of metrics.jsonl. Rank 0. */
apd_status apd_forget_log(apd_run *run, int place, bool erased, apd_error *error);

#endif
