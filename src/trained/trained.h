/* trained: the network of one finished task, read from a checkpoint. Local; no ranks, no data file.
 *
 * theta_t is what the checkpoint's numbers say, to the bit: it is what the run evaluated the task with. */
#ifndef APD_TRAINED_TRAINED_H
#define APD_TRAINED_TRAINED_H

#include "io/checkpoint/theta.h"
#include "io/data/transform.h"
#include "io/description/description.h"
#include "network/network.h"
#include "network/normalisation.h"

/* --- a checkpoint ------------------------------------------------------------------------------------------ */

typedef struct apd_trained_run {
    char *path;
    bool whole; /* all tasks were read with it, and its files are closed */
    apd_reader *reader;
    const apd_run_state *state;   /* the reader's */
    apd_theta_terms terms;        /* what its tasks share */
    apd_item *tasks;              /* (T) where whole; forgotten ones are {0} */
    apd_description *description; /* the run's */
    apd_image_shape shape;        /* of its images */
    bool is_float;                /* they are float32, taken as they are; otherwise uint8, divided by 255 */
    int class_count;
    char **class_names; /* (class_count) of the data file; NULL: it had none */
} apd_trained_run;

/* Open RUN as commands take it, a run's folder or a checkpoint; `whole`: read everything now, so that apd_trained_read reads no file
 * and any thread may call it. Statuses: those of apd_checkpoint_path, apd_reader_open and apd_reader_item; DATA where the checkpoint
 * contradicts itself. `*out` is set on success only; close it. */
apd_status apd_trained_run_open(const char *run, bool whole, apd_trained_run *out, apd_error *error);
void apd_trained_run_close(apd_trained_run *file);

/* The data file's name of the class with this number there, or "class 17", in `room`. */
const char *apd_trained_run_class_name(const apd_trained_run *file, int number, char room[64]);

/* The place in the stream of a task by its number or name. Status: USAGE when there is none, when it is forgotten, or when `text` is
 * NULL: which tasks there are. */
apd_status apd_trained_run_find(const apd_trained_run *file, const char *text, int *place, apd_error *error);

/* --- a task ------------------------------------------------------------------------------------------------ */

typedef struct apd_trained {
    const apd_trained_run *file;
    const apd_task_record *record;
    apd_network *network;            /* its head has record->class_count classes */
    float *theta;                    /* as apd_network_layout says */
    apd_normalisation normalisation; /* of its images: no deviation is 0 */
} apd_trained;

/* Read the network of the task at `place`, which is not forgotten. Statuses: DATA, IO, REQUEUE. `*out` is set on success only; clear
 * it before its file is closed. */
apd_status apd_trained_read(const apd_trained_run *file, int place, apd_trained *out, apd_error *error);
void apd_trained_clear(apd_trained *trained);

/* How the task's images are transformed before they are normalised. */
apd_transform_spec apd_trained_transform(const apd_trained *trained);

/* The number of the pixel of an image (C, H, W) that becomes pixel i of what the network sees, for layouts and permutations;
 * NULL where nothing moves. Rotations are not in it. Free it. */
int32_t *apd_trained_pixels(const apd_trained *trained);

/* The same for class `c`, 0 .. record->class_count-1, of the task. */
const char *apd_trained_class_name(const apd_trained *trained, int c, char room[64]);

/* softmax(logits) of n images (n, C, H, W) as a data file has them: uint8, or float32 if file->is_float. They are passed in
 * portions of log.evaluate_batch from the first on, as apd evaluate passes them. Any thread; several at a time.
 *   probabilities   (n, record->class_count), out; computed in double from the logits */
void apd_trained_predict(const apd_trained *trained, const void *images, int64_t n, float *probabilities);

/* The same of the n images at the places which[0], which[1], ... of `images`, which are transformed already. The bits of an image's
 * probabilities depend on no other image. */
void apd_trained_predict_seen(const apd_trained *trained, const void *images, const int *which, int64_t n,
                              float *probabilities);

#endif
