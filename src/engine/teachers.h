/* teachers: what networks of finished runs (training.teachers) say of a task's training images.
 *
 * Each teacher has its own network of the same task, read from its checkpoint. Its probabilities softmax(logits/training.temperature)
 * are computed once, when the task's images are loaded, of the images as they are, without augmentation or dropout; the mean over
 * the teachers is what an image's target is mixed with (apd_targets). They come from passes over log.evaluate_batch images of a
 * shard, so they are the same on any rank.
 *
 * A teacher must have seen what the run sees and nothing else: the same data, classes, layout, normalisation and transforms, and
 * where images are held out the same ones. */
#ifndef APD_ENGINE_TEACHERS_H
#define APD_ENGINE_TEACHERS_H

#include "engine/run.h"

/* Whether every teacher can teach every task of the stream. Local. Statuses: USAGE naming the teacher and why; those of
 * apd_trained_run_open. */
apd_status apd_teachers_check(const apd_run *run, apd_error *error);

/* Ask the teachers, if there are any, about this rank's images of task `id`. Local. Statuses: as above, and those of
 * apd_trained_read. */
apd_status apd_teachers_teach(const apd_run *run, int id, apd_train_set *set, apd_error *error);

#endif
