/* timings: what a run's tasks took, from its metrics.jsonl. Local. */
#ifndef APD_TABLES_TIMINGS_H
#define APD_TABLES_TIMINGS_H

#include "tables/result.h"
#include "tables/scaling.h"

typedef struct apd_timings {
    double values[APD_QUANTITIES]; /* NaN: not measured */
    int64_t steps;                 /* that those of a step are means over */
    bool usable; /* there are times, and all the run's starts were on the same number of ranks */
} apd_timings;

/* Read those of the run in `folder`, which has finished `result`. Times of steps, tasks, evaluations and commits are medians over
 * the last tenth of its tasks, at least five; consolidation: the last one. A run without the file is not usable. Statuses: IO,
 * REQUEUE. */
apd_status apd_timings_read(const char *folder, const apd_result *result, apd_timings *timings,
                            apd_error *error);

#endif
