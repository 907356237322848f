/* estimate: what a run will need, worked out from measurements of a few steps: memory, disk, steps, hours. Arithmetic
 * only.
 *
 * Letters as in network/layout.h. `density` is the share of a block's weights at which a finished task's tau is not
 * zero at the end of the stream. It is a guess: nobody knows it before the run. */
#ifndef APD_PLAN_ESTIMATE_H
#define APD_PLAN_ESTIMATE_H

#include "method/solvers/methods.h"
#include "plan/timing.h"

/* The weights of the rank that owns most: decomposed ones, and the head's. */
typedef struct apd_slice_size {
    int64_t decomposed, head;
    int64_t rows; /* of decomposed blocks */
    int rank;
} apd_slice_size;

apd_slice_size apd_largest_slice(const apd_layout *layout, int ranks);

/* --- memory ---------------------------------------------------------------------------------------------- */

/* The present launch, or the planned one. */
typedef struct apd_launch {
    int ranks, ranks_a_node, shards;
} apd_launch;

typedef struct apd_memory_facts {
    const apd_layout *layout;
    int batch;                    /* images of a step over all shards; 0: no gradient is factored */
    int tasks, classes, clusters; /* clusters: of the last consolidation; 0: there is none */
    double density;
    const apd_method *method;
    bool keeps_best;    /* training.keep_best is on */
    int64_t task_bytes; /* a task's training images, all shards, as stored */
    int64_t test_bytes; /* its test images */
    /* measured in the present launch, on the rank that uses most: */
    apd_launch present;
    int64_t peak_bytes;    /* the resident set while the first task trains */
    int64_t solver_bytes;  /* apd_solver_bytes then */
    int64_t resting_bytes; /* apd_solver_bytes after the task */
} apd_memory_facts;

/* Bytes of the rank that uses most. */
typedef struct apd_memory {
    int64_t program; /* program, libraries, activations of a micro-batch: the measured bytes minus the rest */
    int64_t exchange;  /* theta, and the gradients or their factors that this rank writes or adds up */
    int64_t training;  /* sigma, and the solver's state of the task in training */
    int64_t images;    /* of the tasks that are trained on */
    int64_t tasks;     /* all finished tasks */
    int64_t fisher;    /* the sums of a pass for the Fisher information */
    int64_t retrained; /* the solver's copies of them while a task trains: by weight (exact), dense (joint) */
    int64_t ending;    /* test images; on rank 0 also three copies of a commit's largest block */
    int64_t gram;      /* Gram matrices of a consolidation */
    int64_t slack;     /* of the allocator: a tenth of everything but `program` */
    int64_t peak;      /* the largest sum of what exists at one time */
} apd_memory;

apd_memory apd_estimate_memory(const apd_memory_facts *facts, const apd_launch *launch);

/* --- disk ------------------------------------------------------------------------------------------------ */

/* Two commits are kept, and a third exists while it is written. Sigma moves with every task. Where tau follow it, a
 * little of every earlier one does, too, and a commit writes all tasks; else finished tasks stay as they were written. */
typedef struct apd_disk {
    int64_t sigma;    /* in every commit, with the arrays beside it */
    int64_t task;     /* a finished task */
    int64_t mid_task; /* the solver's arrays, in a commit half way through a task */
    int64_t kept;     /* at the end of the run */
    int64_t most;     /* at any time */
} apd_disk;

typedef struct apd_disk_facts {
    const apd_layout *layout;
    int tasks, classes;
    double density;
    bool coded;     /* numbers of 16 bits, and entries of a few (method.storage) */
    double whole;   /* the share of tasks with an entry for each weight, 0 .. 1; the others have `density` */
    int tau_bits;   /* of an entry of theirs, where coded */
    int sigma_bits; /* of a number of sigma, where coded */
    const apd_method *method;
    int64_t
        state_bytes; /* of the solver's arrays in the first task over all ranks, with a snapshot if kept */
} apd_disk_facts;

apd_disk apd_estimate_disk(const apd_disk_facts *facts);

/* --- time ------------------------------------------------------------------------------------------------ */

/* Steps of a task of `images` training images. */
int64_t apd_task_steps(int64_t images, int batch, int epochs);

/* The time in `launch` of a step that was measured in `present`: passes scale with a rank's shards, sums and the solver
 * with the largest slice, the wait for theta stays. Messages between nodes that `present` does not send take no time. */
apd_step_time apd_step_in(const apd_step_time *measured, const apd_layout *layout, const apd_launch *present,
                          const apd_launch *launch);

/* Seconds measured on the first task, and their increase with every earlier task. */
typedef struct apd_time_facts {
    int tasks;
    int64_t steps; /* of the whole stream */
    double step, step_slope;
    double edge, edge_slope;     /* to begin and end a task */
    double load;                 /* a task's data */
    double evaluation;           /* of one task on its test images */
    int64_t evaluations;         /* in all */
    double commit, commit_slope; /* one commit */
    int commit_every;            /* tasks */
} apd_time_facts;

/* Seconds of the parts of a run, if all tasks have equally many steps. */
typedef struct apd_duration {
    double steps, edges, loads, evaluations, commits, all;
} apd_duration;

apd_duration apd_estimate_duration(const apd_time_facts *facts);

#endif
