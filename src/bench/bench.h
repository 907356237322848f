/* bench: what `apd bench` measures, and how it is told. Times are seconds, the mean over ranks; each is the
 * median, or the mean of the middle half, of several repeats that take turns. */
#ifndef APD_BENCH_BENCH_H
#define APD_BENCH_BENCH_H

#include "commands/options.h"
#include "io/system/json.h"
#include "mpi/team/ping.h"
#include "plan/model.h"
#include "plan/rehearsal.h"

extern const apd_command apd_command_bench;

/* --- the machine ----------------------------------------------------------------------------------------- */

/* All ranks work at once: rates a rank has when its neighbours work, too. */
typedef struct apd_machine {
    int ranks, nodes;
    double sgemm;  /* floating point operations a second of a rank: OpenBLAS, 1024 x 1024 x 1024 */
    double memory; /* bytes a second of a rank: a[i] = b[i] + s*c[i] on arrays that fit in no cache */
    apd_ping ping;
} apd_machine;

/* Takes about a second. Collective. */
apd_machine apd_machine_measure(const apd_team *team, int repeats);

/* --- data ------------------------------------------------------------------------------------------------ */

/* Write a data file of `count` random training images of `classes` classes under the folder TMPDIR (or /tmp), a
 * file of its own for each process; `*path` is to be freed, the file to be removed. Contents do not depend on the
 * process. Local. Statuses: IO. */
apd_status apd_bench_data(apd_image_shape shape, int classes, int64_t count, char **path, apd_error *error);

/* --- a preset -------------------------------------------------------------------------------------------- */

typedef struct apd_bench_preset {
    const char *name, *network; /* as in a run description */
    apd_image_shape shape;
    int classes;
} apd_bench_preset;

const apd_bench_preset *apd_bench_find_preset(const char *name); /* NULL: there is none of this name */

/* Describe a run of the preset on data of this process's own, with `times` the batch that the settings say.
 * Collective over the run's team. Statuses: USAGE, IO. */
apd_status apd_bench_describe(apd_run *run, const apd_bench_preset *preset, const apd_cli_list *settings,
                              int times, apd_error *error);

/* Remove the data file of a described run, which has read what it needs (or has failed to). Local. */
void apd_bench_remove_data(const apd_run *run);

/* --- kernels --------------------------------------------------------------------------------------------- */

enum { APD_MOST_STAGES = 64 };

/* A trained layer and what stands between it and the next one (ReLU, pool, ...). The first has the turning of the
 * images to its layout in its forward time, the head has the loss. */
typedef struct apd_bench_stage {
    char name[32];
    double forward, backward;
    double forward_work, backward_work; /* operations of direct products, whatever the kernel makes of them */
} apd_bench_stage;

/* Memory traffic: bytes that the algorithm reads and writes, whatever caches make of them. */
typedef struct apd_traffic {
    double seconds, bytes; /* bytes 0: not counted */
} apd_traffic;

typedef struct apd_kernels {
    int images; /* of a micro-batch */
    int stage_count;
    apd_bench_stage stages[APD_MOST_STAGES];
    double pass; /* forward, loss and backward of a micro-batch, without what is made of factors */
    int few;     /* images of a small micro-batch, and its pass */
    double few_pass;
    apd_traffic gather;    /* a rank's micro-batches made */
    apd_traffic reduction; /* a rank's rows of what is not factored added up over all shards */
    double products;       /* seconds to make and add up a rank's rows of what is */
    double products_work;  /* operations; 0: nothing is factored */
    apd_traffic update;    /* the solver on a rank's rows, no earlier task */
} apd_kernels;

/* Measure on a rehearsal with no earlier task; a task is begun. Collective. Statuses: USAGE for more layers than
 * there is room for. */
apd_status apd_kernels_measure(apd_rehearsal *rehearsal, int repeats, apd_kernels *kernels, apd_error *error);

/* --- ranks ------------------------------------------------------------------------------------------------ */

enum { APD_MOST_SCALES = 32 };

/* Steps of some of the ranks while the others rest: of the first `ranks` of them and of the last, in turns. */
typedef struct apd_bench_scale {
    int ranks, batch, shards;
    bool weak;              /* the batch has grown with the ranks */
    int steps;              /* how many were measured */
    double step;            /* seconds, median */
    double share;           /* of a perfect speed-up against one rank: the median over rounds */
    double share_of_slower; /* alike, against the slower of the two single ranks: all wait for the slowest */
    apd_step_time phases;
} apd_bench_scale;

typedef struct apd_bench_scaling {
    int count; /* 0: not measured */
    apd_bench_scale scales[APD_MOST_SCALES];
} apd_bench_scaling;

typedef struct apd_bench_turns {
    int rounds;
    double seconds; /* of steps of each case, in all */
} apd_bench_turns;

/* Steps of the preset on 1, 2, 4, ... and all ranks of the team, with one batch (strong) and with a batch for each rank
 * (weak), and one shard a rank where the settings do not say how many. All cases take turns in every round, so
 * that they meet the same machine. Rank 0 gets the figures. Collective. Statuses: USAGE, DATA, IO. */
apd_status apd_bench_scaling_measure(const apd_team *team, const apd_bench_preset *preset,
                                     const apd_cli_list *settings, const apd_bench_turns *turns,
                                     apd_bench_scaling *scaling, apd_error *error);

/* --- a preset's results ---------------------------------------------------------------------------------- */

enum { APD_MOST_SCANS = 16 };

typedef struct apd_bench_commit {
    double seconds, bytes; /* 0: not measured */
    double plain;          /* seconds of a plain write of as many bytes, with fsync; rank 0 */
} apd_bench_commit;

/* What a run with so many earlier tasks does at every step, and now and then. */
typedef struct apd_bench_tasks {
    apd_scan scan;
    bool skipped;                  /* not enough memory: */
    double wants_bytes;            /* a rank's, for the tasks */
    apd_bench_commit first_commit; /* of all tasks but the last */
    apd_bench_commit commit;       /* of the last one */
    double consolidation;          /* seconds; 0: not measured */
} apd_bench_tasks;

typedef struct apd_bench_result {
    const char *preset;
    apd_image_shape shape;
    int classes, batch;
    apd_launch launch;
    const apd_layout *layout;
    double density;
    const char *solver;
    apd_kernels kernels;
    apd_bench_scaling scaling;
    int task_count;
    apd_bench_tasks tasks[APD_MOST_SCANS];
    apd_model model;
    bool network_assumed;      /* latency and bandwidth between nodes are no measurements */
    int predicted_a_node;      /* ranks a node of the predictions */
    apd_prediction prediction; /* of the measured launch */
} apd_bench_result;

/* For every row of the result that is not skipped and has earlier tasks: the time of a commit of them in the folder
 * TMPDIR (or /tmp), which is removed again, and of a consolidation into as many clusters as a run that consolidates
 * every five tasks would use by then. Leaves the decomposition changed. Collective. Status: IO. */
apd_status apd_bench_tasks_measure(apd_run *run, apd_bench_result *result, bool commits, bool consolidation,
                                   apd_error *error);

void apd_bench_fit(apd_bench_result *result, const apd_machine *machine);

/* --- the report ------------------------------------------------------------------------------------------ */

void apd_bench_print_machine(const apd_machine *machine, const char *hosts, FILE *file);
void apd_bench_print(const apd_bench_result *result, const apd_machine *machine, FILE *file);
void apd_bench_write_machine(const apd_machine *machine, const char *hosts, apd_json *json);
void apd_bench_write(const apd_bench_result *result, const apd_machine *machine, apd_json *json);

#endif
