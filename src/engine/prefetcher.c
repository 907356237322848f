#include "engine/prefetcher.h"

#include "base/memory.h"
#include "base/thread.h"

#include <sched.h>
#include <stdlib.h>

struct apd_prefetcher {
    apd_micro_batch buffers[2];
    int taken;    /* the caller's buffer; the thread fills the other one */
    bool threads; /* the thread was started */
    pthread_t thread;
    pthread_mutex_t lock; /* protects the members below */
    pthread_cond_t change;
    apd_feed wanted; /* what the thread makes, or made last */
    bool works, ends;
};

static void fill(apd_feed feed, apd_micro_batch *buffer) {
    buffer->n = apd_train_set_gather(feed.set, feed.shard, feed.epoch, feed.step, buffer->images,
                                     buffer->labels, buffer->taught);
}

static void *work(void *context) {
    apd_prefetcher *prefetcher = context;
    (void)pthread_mutex_lock(&prefetcher->lock);
    while (!prefetcher->ends) {
        if (!prefetcher->works) {
            (void)pthread_cond_wait(&prefetcher->change, &prefetcher->lock);
            continue;
        }
        apd_feed wanted = prefetcher->wanted;
        apd_micro_batch *buffer = &prefetcher->buffers[1 - prefetcher->taken];
        (void)pthread_mutex_unlock(&prefetcher->lock);
        fill(wanted, buffer);
        (void)pthread_mutex_lock(&prefetcher->lock);
        prefetcher->works = false;
        (void)pthread_cond_signal(&prefetcher->change);
    }
    (void)pthread_mutex_unlock(&prefetcher->lock);
    return NULL;
}

bool apd_prefetcher_has_processor(void) {
    cpu_set_t may;
    return sched_getaffinity(0, sizeof may, &may) == 0 && CPU_COUNT(&may) > 1;
}

apd_prefetcher *apd_prefetcher_create(int capacity, int64_t floats, int taught, bool ahead) {
    apd_prefetcher *prefetcher = apd_allocate(1, sizeof *prefetcher, "batches");
    for (int i = 0; i < 2; i++) {
        prefetcher->buffers[i].images = apd_allocate(capacity * floats, sizeof(float), "a batch's images");
        prefetcher->buffers[i].labels = apd_allocate(capacity, sizeof(int32_t), "a batch's labels");
        if (taught > 0)
            prefetcher->buffers[i].taught =
                apd_allocate((int64_t)capacity * taught, sizeof(float), "what teachers say of a batch");
    }
    (void)pthread_mutex_init(&prefetcher->lock, NULL);
    (void)pthread_cond_init(&prefetcher->change, NULL);
    prefetcher->wanted.shard = -1;
    prefetcher->threads = ahead && apd_thread_start(&prefetcher->thread, "apd-feed", work, prefetcher) == 0;
    return prefetcher;
}

void apd_prefetcher_destroy(apd_prefetcher *prefetcher) {
    if (prefetcher == NULL)
        return;
    if (prefetcher->threads) {
        (void)pthread_mutex_lock(&prefetcher->lock);
        prefetcher->ends = true;
        (void)pthread_cond_signal(&prefetcher->change);
        (void)pthread_mutex_unlock(&prefetcher->lock);
        (void)pthread_join(prefetcher->thread, NULL);
    }
    (void)pthread_cond_destroy(&prefetcher->change);
    (void)pthread_mutex_destroy(&prefetcher->lock);
    for (int i = 0; i < 2; i++) {
        free(prefetcher->buffers[i].images);
        free(prefetcher->buffers[i].labels);
        free(prefetcher->buffers[i].taught);
    }
    free(prefetcher);
}

static bool same(apd_feed a, apd_feed b) {
    return a.set == b.set && a.shard == b.shard && a.epoch == b.epoch && a.step == b.step;
}

const apd_micro_batch *apd_prefetcher_take(apd_prefetcher *prefetcher, apd_feed feed, apd_feed next) {
    if (!prefetcher->threads) {
        fill(feed, &prefetcher->buffers[0]);
        return &prefetcher->buffers[0];
    }
    (void)pthread_mutex_lock(&prefetcher->lock);
    while (prefetcher->works)
        (void)pthread_cond_wait(&prefetcher->change, &prefetcher->lock);
    apd_micro_batch *taken = &prefetcher->buffers[1 - prefetcher->taken];
    if (!same(prefetcher->wanted, feed))
        fill(feed, taken);
    prefetcher->taken = 1 - prefetcher->taken;
    prefetcher->wanted = next;
    prefetcher->works = true;
    (void)pthread_cond_signal(&prefetcher->change);
    (void)pthread_mutex_unlock(&prefetcher->lock);
    return taken;
}
