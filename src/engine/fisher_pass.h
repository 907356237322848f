/* fisher_pass: the diagonal Fisher information at the end of a task, over all ranks, for methods that keep it.
 *
 * Each rank adds the squares of its shards' images, shard by shard (network/fisher.h); an exchange made for this pass adds
 * the shards along the fixed tree, and the owners of rows hand the sums to the solver. So the bits do not depend on P. The
 * images are the task's training images without augmentation, all of them or some, spread evenly over the classes. As many pass
 * together as in a step of training, whatever P. A run that is stopped or killed meanwhile makes the pass again. */
#ifndef APD_ENGINE_FISHER_PASS_H
#define APD_ENGINE_FISHER_PASS_H

#include "engine/run.h"

/* `set`: the training images of the task that the solver has trained to its end; `classes`: that task's; `most`: images to use
 * at most, over all shards; 0: all. Collective. */
void apd_fisher_pass(apd_run *run, const apd_train_set *set, int classes, int64_t most);

#endif
