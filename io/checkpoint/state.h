/* state: a run's state besides its parameters, and where its commits keep it.
 *
 * All of it lies in checkpoint.h5 (root.h); the parameters are items (schema.h), each of which lies in a part
 * (part_writer.h), a file of its commit. */
#ifndef APD_IO_CHECKPOINT_STATE_H
#define APD_IO_CHECKPOINT_STATE_H

#include "io/checkpoint/part_writer.h"
#include "method/accuracies.h"
#include "method/metrics.h"
#include "method/solvers/solver.h"
#include "network/normalisation.h"

#include <stdbool.h>
#include <stdint.h>

/* Where an item lies. */
typedef struct apd_home {
    int32_t commit;  /* whose part; 0: nowhere yet */
    int32_t part;    /* of that commit, from 0; -1: in the file of the root itself (a packed commit) */
    int64_t entries; /* of a task's tau, or a cluster; 0 for other items */
    int64_t code;    /* bytes of their code (code.h); 0 for other items */
    uint64_t digest; /* of the item's group */
} apd_home;

typedef struct apd_task_record {
    int32_t id;          /* the task's identity in the stream */
    char name[64];       /* UTF-8, ends with 0 */
    int32_t class_count; /* 0: forgotten */
    int32_t storage;     /* apd_storage */
    int *classes;        /* (class_count), owned */
    double accuracy;     /* when it was learned, 0..1; NaN: forgotten */
    double seconds;
    int32_t epochs;
    apd_normalisation normalisation;
    int32_t *
        groups; /* (B): the cluster of each block that the task is in, -1: none; NULL: no consolidation yet; owned */
    apd_home home;
} apd_task_record;

/* An array of the solver (apd_solver_array) while a task is half way: (R, width) of a block. */
typedef struct apd_training_array {
    int32_t block;
    int64_t width;
    char name[64];
} apd_training_array;

/* A task in training, besides the solver's arrays. */
typedef struct apd_training_state {
    int32_t id;                                     /* the task's identity */
    int32_t epochs;                                 /* it is to have */
    int32_t epoch, step;                            /* the next one */
    double best;                                    /* validation accuracy of the snapshot; -1: none */
    double seconds;                                 /* that it has taken so far */
    double epoch_loss, epoch_correct, epoch_images; /* sums of the epoch so far, up to the last logged step */
    apd_solver_progress progress;
    int32_t array_count;
    apd_training_array *arrays; /* (array_count) in the solver's order; set by saving and loading; owned */
    int32_t tally_count;        /* numbers in tallies */
    double *
        tallies; /* (S, 3): sums since the last logged step, by shard; rank 0's when saving, all when loaded */
} apd_training_state;

/* An array of the method's beside sigma (decomposition.h). */
typedef struct apd_shared_name {
    char name[32];
} apd_shared_name;

/* Of a block. */
typedef struct apd_shared_state {
    apd_home sigma;
    int32_t clusters;  /* 0 before the first consolidation */
    apd_home *cluster; /* (clusters), owned */
    apd_home training; /* the arrays of a task half way */
} apd_shared_state;

/* A part: a file of items. */
typedef struct apd_part_record {
    int32_t commit, part;
    int32_t items; /* how many it held when it was written: some may lie elsewhere since */
    int64_t bytes;
    uint64_t digest; /* of the file */
} apd_part_record;

/* How far the end of the run's last task has come. Until it is complete the last row of the accuracies is NaN for the tasks
 * that are still to be evaluated. */
typedef enum apd_ending {
    APD_ENDING_COMPLETE,
    APD_ENDING_TRAINED,     /* not yet all evaluated; after that consolidated, if a consolidation is due */
    APD_ENDING_CONSOLIDATED /* not yet all evaluated again */
} apd_ending;

/* Kept from commit to commit by rank 0 (links.h): the bytes of a checkpoint.h5 that has nothing but links. */
typedef struct apd_links {
    apd_part_link *links; /* (image.links), owned */
    apd_part_image image;
} apd_links;

/* The same on all ranks, save what is said to be rank 0's. */
typedef struct apd_run_state {
    int32_t commit; /* grows by one with each */
    int32_t alone;  /* 1: no commit from before may be kept */
    uint64_t config_digest, data_digest, seed;
    int32_t shards;
    int32_t half;             /* 1: sigma, masks, biases and heads have 16 bits */
    int32_t sigma_coded;      /* 1: but sigma has fewer, its rows are in code */
    int32_t key_width;        /* bytes of a class's key (io/data/key.h); 0: tasks have none */
    int32_t task_count;       /* T */
    int32_t consolidations;   /* how many have been done */
    int32_t ending;           /* apd_ending, of the last task; COMPLETE while the next one trains */
    apd_task_record *records; /* (T) by place in the stream */
    apd_accuracies accuracies;
    char *run_yaml; /* the description as resolved */
    char *about;    /* YAML for readers without the program: input, scaling, layers, classes, a line each */
    char program[64], kernels[64]; /* that made the commit; of a loaded state: that commit's */
    int32_t half_way;              /* 1: a task is in training: */
    apd_training_state training;
    bool shared_moved;        /* sigma or the clusters, since the last commit: a task ended */
    int block_count;          /* B; 0 before the first commit */
    apd_shared_state *shared; /* (B) */
    int shared_array_count;
    apd_shared_name *shared_arrays; /* (shared_array_count), owned; set by saving and loading */
    int part_count;
    apd_part_record *parts; /* (part_count) of the newest commit, ordered by commit and part */
    int64_t written;        /* bytes of the last save's files */
    apd_links *links;       /* rank 0's; NULL: none yet */
    struct apd_lock
        *lock; /* of the run (io/system/lock.h), not owned; rank 0's; NULL: nobody else can write */
} apd_run_state;

void apd_run_state_clear(apd_run_state *state);
void apd_links_destroy(apd_links *links); /* Takes NULL. */

/* The place of the trained task whose id is `text`, or whose name if `text` is no number; -1 if there is none. */
int apd_find_task(const apd_run_state *state, const char *text);

/* The record of a part; NULL: there is none. */
const apd_part_record *apd_find_part(const apd_run_state *state, int32_t commit, int32_t part);

#endif
