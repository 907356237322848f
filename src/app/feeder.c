#include "app/feeder.h"

#include "base/memory.h"
#include "base/thread.h"

#include <sched.h>
#include <stdlib.h>

struct apd_feeder {
    apd_train_set *set;
    apd_micro_batch buffers[2];
    int taken;    /* the buffer that the caller has; the other is the thread's while it works */
    bool threads; /* there is one */
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t change;
    apd_feed wanted; /* by the thread */
    bool works, ends;
};

static void fill(apd_feeder *feeder, apd_feed feed, apd_micro_batch *buffer) {
    buffer->n =
        apd_train_set_gather(feeder->set, feed.shard, feed.epoch, feed.step, buffer->images, buffer->labels);
}

static void *work(void *context) {
    apd_feeder *feeder = context;
    (void)pthread_mutex_lock(&feeder->lock);
    while (!feeder->ends) {
        if (!feeder->works) {
            (void)pthread_cond_wait(&feeder->change, &feeder->lock);
            continue;
        }
        apd_feed wanted = feeder->wanted;
        apd_micro_batch *buffer = &feeder->buffers[1 - feeder->taken];
        (void)pthread_mutex_unlock(&feeder->lock);
        fill(feeder, wanted, buffer);
        (void)pthread_mutex_lock(&feeder->lock);
        feeder->works = false;
        (void)pthread_cond_signal(&feeder->change);
    }
    (void)pthread_mutex_unlock(&feeder->lock);
    return NULL;
}

bool apd_feeder_has_processor(void) {
    cpu_set_t may;
    return sched_getaffinity(0, sizeof may, &may) == 0 && CPU_COUNT(&may) > 1;
}

apd_feeder *apd_feeder_create(apd_train_set *set, int room, int64_t floats, bool ahead) {
    apd_feeder *feeder = apd_allocate(1, sizeof *feeder, "batches");
    feeder->set = set;
    for (int i = 0; i < 2; i++) {
        feeder->buffers[i].images = apd_allocate(room * floats, sizeof(float), "a batch's images");
        feeder->buffers[i].labels = apd_allocate(room, sizeof(int32_t), "a batch's labels");
    }
    (void)pthread_mutex_init(&feeder->lock, NULL);
    (void)pthread_cond_init(&feeder->change, NULL);
    feeder->wanted.shard = -1;
    feeder->threads = ahead && apd_thread_start(&feeder->thread, "apd-feed", work, feeder) == 0;
    return feeder;
}

void apd_feeder_destroy(apd_feeder *feeder) {
    if (feeder == NULL)
        return;
    if (feeder->threads) {
        (void)pthread_mutex_lock(&feeder->lock);
        feeder->ends = true;
        (void)pthread_cond_signal(&feeder->change);
        (void)pthread_mutex_unlock(&feeder->lock);
        (void)pthread_join(feeder->thread, NULL);
    }
    (void)pthread_cond_destroy(&feeder->change);
    (void)pthread_mutex_destroy(&feeder->lock);
    for (int i = 0; i < 2; i++) {
        free(feeder->buffers[i].images);
        free(feeder->buffers[i].labels);
    }
    free(feeder);
}

static bool same(apd_feed a, apd_feed b) {
    return a.shard == b.shard && a.epoch == b.epoch && a.step == b.step;
}

const apd_micro_batch *apd_feeder_take(apd_feeder *feeder, apd_feed feed, apd_feed next) {
    if (!feeder->threads) {
        fill(feeder, feed, &feeder->buffers[0]);
        return &feeder->buffers[0];
    }
    (void)pthread_mutex_lock(&feeder->lock);
    while (feeder->works)
        (void)pthread_cond_wait(&feeder->change, &feeder->lock);
    apd_micro_batch *taken = &feeder->buffers[1 - feeder->taken];
    if (!same(feeder->wanted, feed))
        fill(feeder, feed, taken);
    feeder->taken = 1 - feeder->taken;
    feeder->wanted = next;
    feeder->works = true;
    (void)pthread_cond_signal(&feeder->change);
    (void)pthread_mutex_unlock(&feeder->lock);
    return taken;
}
