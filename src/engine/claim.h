/* claim: a run's lock, taken by all ranks of a job (io/system/lock.h). */
#ifndef APD_ENGINE_CLAIM_H
#define APD_ENGINE_CLAIM_H

#include "engine/run.h"

/* Become the writer of the run's `folder`, which exists, before anything in it is changed. `force`: break another job's lock.
 * On success run->lock is set; apd_run_end leaves the run to others. Collective; all
 * ranks return the same. Statuses: LOCKED naming the holder; IO, REQUEUE. */
apd_status apd_run_claim(apd_run *run, const char *folder, bool force, apd_error *error);

/* Before the first commit: run->state's commits are checked against the lock from now on. `newest` is the path of the
 * newest commit, as it is now. Rank 0; the others do nothing. */
apd_status apd_run_guard(apd_run *run, const char *newest, apd_error *error);

#endif
