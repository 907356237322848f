/* estimate: what a run will need, worked out before it runs: memory, disk, steps, hours. Arithmetic only.
 *
 * Letters as in network/layout.h; `density` is the share of a block's weights at which a finished task's tau is
 * not zero at the end of the stream, which nobody knows before: everything that depends on it is in proportion.
 */
#ifndef APD_PLAN_ESTIMATE_H
#define APD_PLAN_ESTIMATE_H

#include "plan/timing.h"

/* How many weights the rank with most of them owns: decomposed ones, and of the head. */
typedef struct apd_slice_size {
    int64_t decomposed, head;
    int64_t rows; /* of decomposed blocks */
    int rank;
} apd_slice_size;

apd_slice_size apd_largest_slice(const apd_layout *layout, int ranks);

/* --- memory ---------------------------------------------------------------------------------------------- */

/* One launch: the present one, or the one that is planned. */
typedef struct apd_launch {
    int ranks, ranks_a_node, shards;
} apd_launch;

typedef struct apd_memory_facts {
    const apd_layout *layout;
    int batch;                    /* images of a step, all shards; 0: gradients lie whole */
    int tasks, classes, clusters; /* clusters: of the last consolidation; 0: there is none */
    double density;
    apd_solver_kind solver;  /* of decomposed tasks */
    bool single, keeps_best; /* keeps_best: training.keep_best is on */
    int64_t task_bytes;      /* a task's training images, all shards, as stored */
    int64_t test_bytes;      /* its test images */
    /* measured in the present launch, on the rank that holds most: */
    apd_launch present;
    int64_t peak_bytes;    /* the resident set while the first task trains */
    int64_t solver_bytes;  /* apd_solver_bytes then */
    int64_t resting_bytes; /* and when the task is over */
} apd_memory_facts;

/* Bytes of the rank that holds most. */
typedef struct apd_memory {
    int64_t
        program; /* the program, its libraries, activations of a micro-batch: what was measured less the rest */
    int64_t
        exchange; /* theta, and the shards' gradients, or factors of them, that this rank writes or adds up */
    int64_t training;  /* sigma, and the solver's state of the task in training */
    int64_t images;    /* of the task in training */
    int64_t tasks;     /* all finished tasks */
    int64_t retrained; /* the same turned round by weight while a task trains (exact), or dense (joint) */
    int64_t
        ending;    /* test images; on rank 0 the largest block of a commit: gathered, made whole, read back */
    int64_t gram;  /* Gram matrices of a consolidation */
    int64_t slack; /* of the allocator: a tenth of all but the first */
    int64_t peak;  /* the largest sum of what is there at one time */
} apd_memory;

apd_memory apd_estimate_memory(const apd_memory_facts *facts, const apd_launch *launch);

/* --- disk ------------------------------------------------------------------------------------------------ */

/* Two commits are kept, and a third is there while it is written. Sigma moves with every task, and with it a
 * little of every earlier tau: a commit writes all tasks but those of single runs, which never change again. */
typedef struct apd_disk {
    int64_t sigma;    /* in every commit */
    int64_t task;     /* a finished task */
    int64_t mid_task; /* the state of a task in training, while a commit holds one */
    int64_t kept;     /* when the run is over */
    int64_t most;     /* at any time */
} apd_disk;

typedef struct apd_disk_facts {
    const apd_layout *layout;
    int tasks, classes;
    double density;
    bool single, joint;
    int64_t
        state_bytes; /* of the solver's arrays in the first task, all ranks, with the copy of a best epoch */
} apd_disk_facts;

apd_disk apd_estimate_disk(const apd_disk_facts *facts);

/* --- time ------------------------------------------------------------------------------------------------ */

/* Steps of a task of `images` training images. */
int64_t apd_task_steps(int64_t images, int batch, int epochs);

/* A step measured in the present launch, as it would be in another one: passes in proportion to a rank's
 * shards, the solver and the sums to its largest slice, the wait for theta as it is. No message between nodes is
 * counted that the present launch does not send. */
apd_step_time apd_step_in(const apd_step_time *measured, const apd_layout *layout, const apd_launch *present,
                          const apd_launch *launch);

/* What a stream costs: seconds measured on the first task, and their slopes with every earlier task. */
typedef struct apd_time_facts {
    int tasks;
    int64_t steps; /* of the whole stream */
    double step, step_slope;
    double edge, edge_slope;     /* begin and end of a task */
    double load;                 /* a task's data */
    double evaluation;           /* of one task on its test images */
    int64_t evaluations;         /* in all */
    double commit, commit_slope; /* one commit */
    int commit_every;            /* tasks */
} apd_time_facts;

/* Seconds of the parts of a run; tasks are taken to have equally many steps. */
typedef struct apd_duration {
    double steps, edges, loads, evaluations, commits, all;
} apd_duration;

apd_duration apd_estimate_duration(const apd_time_facts *facts);

#endif
