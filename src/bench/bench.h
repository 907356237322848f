/* bench: what `apd bench` measures and prints. Times are seconds, the mean over ranks; each is the median, or the mean
 * of the middle half, of several interleaved repeats. */
#ifndef APD_BENCH_BENCH_H
#define APD_BENCH_BENCH_H

#include "commands/options.h"
#include "io/system/json.h"
#include "mpi/team/ping.h"
#include "plan/model.h"
#include "plan/rehearsal.h"
#include "tables/scaling.h"

extern const apd_command apd_command_bench;

/* --- the machine ----------------------------------------------------------------------------------------- */

/* Rates of one rank while all ranks work. */
typedef struct apd_machine {
    int ranks, nodes;
    double sgemm;  /* floating point operations a second of a rank: OpenBLAS, 1024 x 1024 x 1024 */
    double memory; /* bytes a second of a rank: a[i] = b[i] + s*c[i] on arrays larger than the caches */
    apd_ping ping;
} apd_machine;

/* Takes about a second. Collective. */
apd_machine apd_machine_measure(const apd_team *team, int repeats);

/* --- data ------------------------------------------------------------------------------------------------ */

/* Write a data file of `count` random training images of `classes` classes to the folder TMPDIR (or /tmp), one file for
 * each process, all with the same contents. The caller frees `*path` and removes the file. Local. Status: IO. */
apd_status apd_bench_data(apd_image_shape shape, int classes, int64_t count, char **path, apd_error *error);

/* --- a preset -------------------------------------------------------------------------------------------- */

typedef struct apd_bench_preset {
    const char *name, *network; /* as in a run description */
    apd_image_shape shape;
    int classes;
} apd_bench_preset;

const apd_bench_preset *apd_bench_find_preset(const char *name); /* NULL if there is none */

/* Describe a run of the preset on random data, with `times` the batch of the settings. Collective over the run's team.
 * Statuses: USAGE, IO. */
apd_status apd_bench_describe(apd_run *run, const apd_bench_preset *preset, const apd_cli_list *settings,
                              int times, apd_error *error);

/* Remove the data file of a described run, once it has read what it needs. Local. */
void apd_bench_remove_data(const apd_run *run);

/* --- kernels --------------------------------------------------------------------------------------------- */

enum { APD_MOST_STAGES = 64 };

/* A trained layer and what stands between it and the next one (ReLU, pool, ...). The first has the turning of the
 * images to its layout in its forward time, the head has the loss. */
typedef struct apd_bench_stage {
    char name[32];
    double forward, backward;
    double forward_work, backward_work; /* operations of direct products, whatever the kernel makes of them */
    double done;                        /* operations of the kernel's own products, over those */
    double forward_bytes,
        backward_bytes; /* inputs, outputs, weights and their gradients, once each, in floats */
} apd_bench_stage;

/* Memory traffic: bytes that the algorithm reads and writes, regardless of caches. */
typedef struct apd_traffic {
    double seconds, bytes; /* bytes 0: not counted */
} apd_traffic;

typedef struct apd_kernels {
    int images; /* of a micro-batch */
    int stage_count;
    apd_bench_stage stages[APD_MOST_STAGES];
    double pass; /* forward, loss and backward of a micro-batch, without the products of factors */
    int few;     /* images of a small micro-batch, and the time of its pass */
    double few_pass;
    apd_traffic gather;    /* making a rank's micro-batches */
    apd_traffic reduction; /* adding up a rank's rows that are not factored over all shards */
    double products;       /* seconds to compute and add up a rank's rows that are factored */
    double products_work;  /* operations; 0: nothing is factored */
    apd_traffic update;    /* the solver on a rank's rows, no earlier task */
} apd_kernels;

/* Measure on a rehearsal without earlier tasks; begins a task. Collective. Status: USAGE for more than APD_MOST_STAGES
 * layers. */
apd_status apd_kernels_measure(apd_rehearsal *rehearsal, int repeats, apd_kernels *kernels, apd_error *error);

/* --- ranks ------------------------------------------------------------------------------------------------ */

enum { APD_MOST_SCALES = 32 };

/* Steps of some ranks while the others rest: of the first `ranks` of them and of the last, in turn. */
typedef struct apd_bench_scale {
    apd_scaling_point
        point; /* a repeat a round, the mean of both groups; its digest is that of theta after a few steps */
    bool weak; /* the batch has grown with the ranks */
    double share; /* of a perfect speed-up against one rank in the same round; median over rounds */
    double
        share_of_slower; /* the same against the slower of the two single ranks, for which all others wait */
} apd_bench_scale;

typedef struct apd_bench_scaling {
    int count; /* 0: not measured */
    apd_bench_scale scales[APD_MOST_SCALES];
} apd_bench_scaling;

typedef struct apd_bench_turns {
    int rounds;
    double seconds; /* of steps of each case, in all */
} apd_bench_turns;

void apd_bench_scaling_clear(apd_bench_scaling *scaling);

/* Measure steps of the preset on 1, 2, 4, ... and all ranks of the team, with one batch (strong) and with a batch for each
 * rank (weak); one shard a rank unless the settings say how many. All cases are interleaved in every round. Rank 0 gets
 * the figures. Clear them on failure, too. Collective. Statuses: USAGE, DATA, IO. */
apd_status apd_bench_scaling_measure(const apd_team *team, const apd_bench_preset *preset,
                                     const apd_cli_list *settings, const apd_bench_turns *turns,
                                     apd_bench_scaling *scaling, apd_error *error);

/* --- a preset's results ---------------------------------------------------------------------------------- */

enum { APD_MOST_SCANS = 16 };

typedef struct apd_bench_commit {
    double seconds, bytes; /* 0: not measured */
    double plain;          /* seconds of a plain write of as many bytes, with fsync; rank 0 */
} apd_bench_commit;

/* Times of a run with a number of earlier tasks. */
typedef struct apd_bench_tasks {
    apd_scan scan;
    bool skipped;                  /* not enough memory: */
    double wants_bytes;            /* a rank's, for the tasks */
    apd_bench_commit first_commit; /* of all tasks but the last */
    apd_bench_commit commit;       /* of the last one */
    double bytes;                  /* of the checkpoint after it; 0: not measured */
    double consolidation;          /* seconds; 0: not measured */
} apd_bench_tasks;

typedef struct apd_bench_result {
    const char *preset;
    apd_image_shape shape;
    int classes, batch;
    apd_launch launch;
    const apd_layout *layout;
    double density;
    const char *method;
    uint64_t digest; /* of theta after a few steps */
    apd_kernels kernels;
    apd_bench_scaling scaling;
    int task_count;
    apd_bench_tasks tasks[APD_MOST_SCANS];
    apd_model model;
    bool network_assumed;      /* latency and bandwidth between nodes are assumed, not measured */
    int predicted_a_node;      /* ranks a node of the predictions */
    apd_prediction prediction; /* of the measured launch */
} apd_bench_result;

/* For every row of the result that is not skipped and has earlier tasks: the time of a commit of them in the folder
 * TMPDIR (or /tmp), which is removed again, and of a consolidation into as many clusters as a run that consolidates
 * every five tasks would use by then. Leaves the decomposition changed. Collective. Status: IO. */
apd_status apd_bench_tasks_measure(apd_run *run, apd_bench_result *result, bool commits, bool consolidation,
                                   apd_error *error);

/* Steps of a run before its digest is taken. */
enum { APD_DIGEST_STEPS = 4 };

/* Fit the model to the measurements, and predict the measured launch. Local. */
void apd_bench_fit(apd_bench_result *result, const apd_machine *machine);

/* The ranks of predictions. */
enum { APD_PREDICTED = 6 };
extern const int apd_predicted_ranks[APD_PREDICTED];

/* A step on `ranks` ranks with one shard a rank: of the measured batch (strong), or of the measured number of images a rank
 * (weak). `*batch`: its images; compute is below 0 if there are too few for the ranks. */
apd_prediction apd_bench_predict(const apd_bench_result *result, int ranks, bool weak, int64_t *batch);

/* Append the result's series, measured and predicted. */
void apd_bench_series(const apd_bench_result *result, apd_scaling *scaling);

/* --- the report ------------------------------------------------------------------------------------------ */

void apd_bench_print_machine(const apd_machine *machine, const char *hosts, FILE *file);
void apd_bench_print(const apd_bench_result *result, const apd_machine *machine, FILE *file);
char *apd_bench_about(const apd_machine *machine, const char *hosts); /* in a sentence or two; free it */
void apd_bench_begin_roofline(FILE *file); /* roofline.csv: heading, and a result's rows */
void apd_bench_roofline(const apd_bench_result *result, const apd_machine *machine, FILE *file);
void apd_bench_write_machine(const apd_machine *machine, const char *hosts, apd_json *json);
void apd_bench_write(const apd_bench_result *result, const apd_machine *machine, apd_json *json);

#endif
