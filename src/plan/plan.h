/* plan: what `apd plan` has measured and worked out about a run, and how it is printed. */
#ifndef APD_PLAN_PLAN_H
#define APD_PLAN_PLAN_H

#include "commands/options.h"
#include "plan/estimate.h"
#include "plan/rehearsal.h"

extern const apd_command apd_command_plan;

enum { APD_PLAN_EARLIER = 8 }; /* at most so many synthetic earlier tasks when a step is measured */

typedef struct apd_plan {
    const apd_run *run;
    const char *path; /* the description's file; the settings are those of --set */
    const char *const *settings;
    int setting_count;
    int nodes, ranks_a_node;
    apd_launch present, launch;
    double density;
    int64_t data_bytes;                     /* of the data file */
    int64_t least_steps, most_steps, steps; /* of a task, and in all */
    int measured_steps, earlier;            /* how many were measured, and with how many earlier tasks */
    apd_step_time first, later; /* measured: a step with no earlier task, and with `earlier` of them */
    apd_step_time first_then, later_then; /* estimated for the planned launch */
    apd_time_facts time;
    apd_duration duration;
    apd_memory memory;
    int64_t present_peak;                             /* measured; bytes */
    int64_t solver_bytes, resting_bytes, state_bytes; /* as in apd_memory_facts and apd_disk_facts */
    apd_disk disk;
    double write_rate; /* bytes a second, assumed for commits */
    double longest;    /* of the site's jobs, seconds */
} apd_plan;

/* Measure the steps of a described run for about `budget` seconds, and estimate the whole of it in plan->launch, with
 * plan->density; plan->present has the ranks. Collective. Statuses: USAGE, DATA, IO. */
apd_status apd_plan_measure(apd_plan *plan, apd_run *run, double budget, apd_error *error);

/* Seconds to ask Slurm for: the estimate plus a quarter, at least ten minutes, at most `longest`; whole minutes. */
int64_t apd_plan_limit(const apd_plan *plan);

/* Megabytes a rank to ask Slurm for: the estimate plus a quarter, plus 64. */
int64_t apd_plan_megabytes(const apd_plan *plan);

void apd_plan_print(const apd_plan *plan, FILE *file);

/* The same as a JSON object: docs/tools.md. `script`: the path of a job script that was written, or NULL. */
void apd_plan_print_json(const apd_plan *plan, const char *script, FILE *file);

/* Write the sbatch command that starts jobs/train.sbatch with this plan's numbers. */
void apd_plan_write_command(const apd_plan *plan, FILE *file);

/* Write a job script that needs no other file: it starts the run, stops it in time and requeues itself. `program` is
 * the path of apd, `folder` the working directory. */
void apd_plan_write_script(const apd_plan *plan, const char *program, const char *folder, FILE *file);

#endif
