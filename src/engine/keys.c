#include "engine/keys.h"

#include "base/memory.h"
#include "io/data/key.h"

#include <stdlib.h>

/* The sums of a class: features, sums and differences, their squares (K each), and how many images. All whole. */
typedef struct class_sums {
    int64_t features[APD_KEY_MOST], plain[APD_KEY_MOST], squares[APD_KEY_MOST], count;
} class_sums;

static void add_image(apd_image_shape shape, const uint8_t *image, class_sums *sums) {
    const int width = apd_key_features(shape);
    uint8_t features[APD_KEY_MOST];
    float turned[APD_KEY_MOST];
    apd_key_of_image(shape, image, features);
    apd_key_sums(shape, features, turned);
    for (int k = 0; k < width; k++) {
        int64_t number = (int64_t)turned[k];
        sums->features[k] += features[k];
        sums->plain[k] += number;
        sums->squares[k] += number * number;
    }
    sums->count++;
}

/* key (2 K) */
static void write_key(const class_sums *sums, int width, uint8_t *key) {
    const int64_t count = sums->count > 0 ? sums->count : 1;
    for (int k = 0; k < width; k++) {
        double mean = (double)sums->plain[k] / (double)count;
        double variance = (double)sums->squares[k] / (double)count - mean * mean;
        key[k] = (uint8_t)((sums->features[k] + count / 2) / count);
        key[width + k] = apd_key_encode(variance > 0.0 ? variance : 0.0);
    }
}

void apd_keys_keep(apd_run *run, const apd_train_set *set, int classes) {
    const int head = apd_network_layout(run->network)->block_count - 1;
    const int width = apd_key_features(run->dataset->shape);
    if (!run->description->stream.keys)
        return;
    class_sums *sums = apd_allocate(classes, sizeof *sums, "sums of features");
    for (int shard = run->partition.shard_begin; shard < run->partition.shard_end; shard++)
        for (int64_t i = 0; i < apd_train_set_shard_count(set, shard); i++) {
            int32_t label;
            const uint8_t *image = apd_train_set_stored(set, shard, i, &label);
            add_image(run->dataset->shape, image, &sums[label]);
        }
    for (int c = 0; c < classes; c++)
        apd_team_sum(run->team, (int64_t *)&sums[c], (int)(sizeof *sums / sizeof(int64_t)));
    apd_decomposition *d = run->decomposition;
    apd_rows rows = d->rows[head];
    uint8_t *key = apd_allocate(apd_local_rows(d, head) * 2 * width, 1, "a task's keys");
    for (int64_t r = rows.begin; r < rows.end && r < classes; r++)
        write_key(&sums[r], width, key + (r - rows.begin) * 2 * width);
    d->tasks[d->task_count - 1]->blocks[head].key = key;
    run->state.key_width = 2 * width;
    free(sums);
}
