/* keys: what a task's training images look like (io/data/key.h), a key a class. */
#ifndef APD_ENGINE_KEYS_H
#define APD_ENGINE_KEYS_H

#include "engine/run.h"

/* Give the last task of the decomposition its keys, with stream.keys. Collective. */
void apd_keys_keep(apd_run *run, const apd_train_set *set, int classes);

#endif
