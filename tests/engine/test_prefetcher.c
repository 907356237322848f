/* Micro-batches from the prefetcher: those of the loader, with a thread and without, asked for in whatever order. */
#include "engine/prefetcher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/data/loader_cases.h"

enum { SHARDS = 3, ROOM = 3, EPOCHS = 4 };

/* A prefetcher and, of the same task, a set that it does not touch. */
typedef struct bed {
    apd_description description;
    apd_stream *stream;
    apd_train_set *set, *other;
    apd_prefetcher *prefetcher;
} bed;

static void bed_open(bed *b, bool ahead) {
    b->description = describe();
    b->description.data.flip = true;
    b->description.data.shift = 2;
    b->stream = make_stream(&b->description);
    b->set = load(&b->description, b->stream, SHARDS, 1, 0, 4);
    b->other = load(&b->description, b->stream, SHARDS, 1, 0, 4);
    b->prefetcher = apd_prefetcher_create(ROOM, SIZE, 0, ahead);
}

static void bed_close(bed *b) {
    apd_prefetcher_destroy(b->prefetcher);
    apd_train_set_destroy(b->set);
    apd_train_set_destroy(b->other);
    apd_stream_destroy(b->stream);
}

static void check_take(bed *b, apd_feed feed, apd_feed next) {
    float images[ROOM * SIZE];
    int32_t labels[ROOM];
    feed.set = next.set = b->set;
    const apd_micro_batch *taken = apd_prefetcher_take(b->prefetcher, feed, next);
    int n = apd_train_set_gather(b->other, feed.shard, feed.epoch, feed.step, images, labels, NULL);
    assert_int_equal(taken->n, n);
    assert_memory_equal(taken->images, images, (size_t)n * SIZE * sizeof *images);
    assert_memory_equal(taken->labels, labels, (size_t)n * sizeof *labels);
}

static apd_feed behind(const bed *b, apd_feed feed) {
    if (feed.shard + 1 < SHARDS)
        return (apd_feed){NULL, feed.shard + 1, feed.epoch, feed.step};
    if (feed.step + 1 < apd_train_set_steps(b->set))
        return (apd_feed){NULL, 0, feed.epoch, feed.step + 1};
    return (apd_feed){NULL, 0, feed.epoch + 1, 0};
}

static void take_in_order_gives_the_loaders_batches(void **state) {
    (void)state;
    for (int ahead = 0; ahead <= 1; ahead++) {
        bed b;
        bed_open(&b, ahead != 0);
        for (apd_feed feed = {0}; feed.epoch < EPOCHS; feed = behind(&b, feed))
            check_take(&b, feed, behind(&b, feed));
        bed_close(&b);
    }
}

/* As after a resume, or in a bench: what was made ahead is not what is asked for. */
static void take_out_of_order_gives_the_loaders_batches(void **state) {
    (void)state;
    static const apd_feed feeds[] = {{NULL, 1, 2, 3}, {NULL, 1, 2, 3}, {NULL, 0, 0, 0}, {NULL, 2, 3, 5},
                                     {NULL, 2, 3, 4}, {NULL, 0, 2, 3}, {NULL, 1, 2, 3}};
    for (int ahead = 0; ahead <= 1; ahead++) {
        bed b;
        bed_open(&b, ahead != 0);
        for (int turn = 0; turn < 50; turn++)
            for (size_t i = 0; i < sizeof feeds / sizeof *feeds; i++)
                check_take(&b, feeds[i], feeds[(i * 5 + (size_t)turn) % (sizeof feeds / sizeof *feeds)]);
        bed_close(&b);
    }
}

/* The thread and the caller use one set. */
static void gather_beside_the_prefetcher_gives_the_same(void **state) {
    (void)state;
    bed b;
    bed_open(&b, true);
    float images[ROOM * SIZE], again[ROOM * SIZE];
    int32_t labels[ROOM];
    for (apd_feed feed = {0}; feed.epoch < EPOCHS; feed = behind(&b, feed)) {
        check_take(&b, feed, behind(&b, feed));
        int n = apd_train_set_gather(b.set, feed.shard, EPOCHS - feed.epoch, 2, images, labels, NULL);
        assert_int_equal(
            apd_train_set_gather(b.other, feed.shard, EPOCHS - feed.epoch, 2, again, labels, NULL), n);
        assert_memory_equal(images, again, (size_t)n * SIZE * sizeof *images);
    }
    bed_close(&b);
}

static void destroy_at_any_time_ends_the_thread(void **state) {
    (void)state;
    for (int taken = 0; taken < 3; taken++) {
        bed b;
        bed_open(&b, true);
        for (int i = 0; i < taken; i++)
            check_take(&b, (apd_feed){NULL, 0, 0, i}, (apd_feed){NULL, 0, 0, i + 1});
        bed_close(&b);
    }
    apd_prefetcher_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(take_in_order_gives_the_loaders_batches),
        cmocka_unit_test(take_out_of_order_gives_the_loaders_batches),
        cmocka_unit_test(gather_beside_the_prefetcher_gives_the_same),
        cmocka_unit_test(destroy_at_any_time_ends_the_thread),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
