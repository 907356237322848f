/* bench_tasks: what a run with many tasks does once in a while, timed on synthetic ones: a commit, a
 * consolidation. */
#ifndef APD_BENCH_TASKS_H
#define APD_BENCH_TASKS_H

#include "bench/bench.h"

/* For every row of the result that is not skipped and has tasks: a commit of them in the folder TMPDIR (or /tmp),
 * removed again, and a consolidation into as many clusters as consolidating every five tasks leads to. The
 * decomposition is not what it was afterwards. Collective. Statuses: IO. */
apd_status apd_bench_tasks_measure(apd_run *run, apd_bench_result *result, bool commits, bool consolidation,
                                   apd_error *error);

#endif
