/* checkpoint_task: the data sets of a task's group, their order and their shapes, and the names of a half-way task's,
 * for writer and reader. */
#ifndef APD_IO_CHECKPOINT_TASK_H
#define APD_IO_CHECKPOINT_TASK_H

#include "io/checkpoint/checkpoint.h"
#include "io/checkpoint/format.h"

#include <stdbool.h>

/* In the order in which they enter the group's digest. */
typedef enum apd_checkpoint_set {
    APD_CHECKPOINT_MASK,
    APD_CHECKPOINT_BIAS,
    APD_CHECKPOINT_HEAD_WEIGHT,
    APD_CHECKPOINT_HEAD_BIAS,
    APD_CHECKPOINT_THETA,
    APD_CHECKPOINT_COLUMNS,
    APD_CHECKPOINT_ROW_OFFSETS,
    APD_CHECKPOINT_WEIGHT,
    APD_CHECKPOINT_SETS
} apd_checkpoint_set;

/* What decides a task group's shapes. */
typedef struct apd_checkpoint_facts {
    bool present; /* false: forgotten */
    bool single;
    int classes;
    int64_t entries; /* of tau over all blocks */
} apd_checkpoint_facts;

extern const char *const apd_checkpoint_set_names[APD_CHECKPOINT_SETS];

/* The shape of data set `set`; false when such a task has none. */
bool apd_checkpoint_set_shape(const apd_layout *layout, const apd_checkpoint_facts *facts,
                              apd_checkpoint_set set, apd_checkpoint_shape *shape);

/* "/tasks/000017" or, of a forgotten one, "/forgotten/000017". */
void apd_checkpoint_task_name(int place, bool forgotten, char *name, size_t size);

/* "/shared/NAME" */
void apd_checkpoint_shared_name(const apd_block *block, char *name, size_t size);

/* Rows of all decomposed blocks together, and weights. */
int64_t apd_checkpoint_decomposed_rows(const apd_layout *layout);
int64_t apd_checkpoint_decomposed_weights(const apd_layout *layout);

/* Channels in use: those up to the last that is not all zero, at least 1. */
int apd_checkpoint_channels(const apd_normalisation *normalisation);

/* Names of a fixed length, zeros behind. */
#define APD_TRAINING_NAME 128
typedef struct apd_training_names {
    int64_t count;
    char (*names)[APD_TRAINING_NAME]; /* owned */
} apd_training_names;

/* The names of a solver's data sets in the order in which they are saved. */
apd_training_names apd_training_names_of(const apd_solver *solver, const apd_layout *layout);
void apd_training_names_clear(apd_training_names *names);

#endif
