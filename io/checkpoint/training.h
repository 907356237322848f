/* checkpoint_training: the group /training, a task half way.
 *
 *   /training/             attributes: id, epochs, epoch, step (the next one), best, seconds, epoch_loss,
 *                          epoch_correct, epoch_images, steps, polishing, kept; digest
 *       tallies            float64 (S, 3): loss, correct, images by shard since the last logged step
 *       arrays             strings: the names of the data sets that follow, "conv1/tau_first", in order
 *       conv1/tau_first    float32 (R, width) of the whole block; NAME.kept is the copy of the best epoch
 *
 * Whose arrays these are: apd_solver_array_at. Statuses as checkpoint_put and checkpoint_get. */
#ifndef APD_IO_CHECKPOINT_TRAINING_H
#define APD_IO_CHECKPOINT_TRAINING_H

#include "io/checkpoint/get.h"
#include "io/checkpoint/put.h"
#include "io/checkpoint/task.h"

/* Write attributes, tallies and names into the open group; then each array in order (whole blocks). The group is
 * then closed by the caller. */
apd_status apd_training_put(apd_checkpoint_out *out, const apd_training_state *training, int shards,
                            const apd_training_names *names, apd_error *error);

/* Read the same; `training` and `names` are cleared by the caller on failure too. An array is read whole: *rows
 * and *width are what is wanted, or, where APD_CHECKPOINT_ANY, set to what the file says; free *values. */
apd_status apd_training_get(apd_checkpoint_in *in, int shards, apd_training_state *training,
                            apd_training_names *names, apd_error *error);
apd_status apd_training_get_array(apd_checkpoint_in *in, const char *name, int64_t *rows, int64_t *width,
                                  float **values, apd_error *error);

#endif
