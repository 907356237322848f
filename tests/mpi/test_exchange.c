#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agreed.h"
#include "base/memory.h"
#include "mpi/exchange/exchange.h"
#include "mpi/team/chunk.h"
#include "network/kernels/product.h"

#define STEPS 4

static apd_team *first_team; /* the one that starts and ends MPI */

/* Values of APD_RANKS_A_NODE, which simulates nodes; NULL: the machine as it is. */
static const char *const groupings[] = {NULL, "1", "2", "3", "-2"};
#define GROUPINGS ((int)(sizeof groupings / sizeof *groupings))

/* --- a layout with a block of one row, one longer than a chunk of the sum, and an empty one ------------- */

static apd_block odd_blocks[] = {{.name = "one", .rows = 1, .cols = 7},
                                 {.name = "small", .rows = 5, .cols = 3},
                                 {.name = "long", .rows = 33, .cols = 260},
                                 {.name = "none", .rows = 0, .cols = 4},
                                 {.name = "head", .rows = 4, .cols = 1}};

static int64_t aligned(int64_t floats) {
    return (floats + 15) / 16 * 16;
}

static apd_layout place_blocks(apd_block *blocks, int count) {
    apd_layout layout = {.block_count = count, .blocks = blocks};
    for (int b = 0; b < count; b++) {
        blocks[b].weight = layout.size;
        blocks[b].bias = blocks[b].weight + aligned(blocks[b].rows * blocks[b].cols);
        layout.size = blocks[b].bias + aligned(blocks[b].rows);
    }
    return layout;
}

/* --- numbers that depend on (step, who, place) only ------------------------------------------------------ */

/* Signs and sizes vary, so that the order of a sum shows in its bits. */
static float number(int step, int who, int64_t place) {
    uint64_t z = (uint64_t)place * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)(step * 131 + who + 7);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    z ^= z >> 31;
    float scale = (float)(1 << (z & 7));
    return scale * ((float)(int32_t)(uint32_t)(z >> 32) / 2147483648.0f);
}

/* --- a factored block ------------------------------------------------------------------------------------ */

/* At most IMAGES images a shard. Ranks' rows begin anywhere in a tile, and columns are made in two passes. */
enum { IMAGES = 5, WIDE_ROWS = 53, WIDE_COLS = 450, WIDE = 2, MOST_SHARDS = 16 };

static apd_block wide_blocks[] = {
    {.name = "conv1", .rows = 5, .cols = 3},
    {.name = "small", .rows = 3, .cols = 4, .dense = true, .decomposed = true},
    {.name = "wide", .rows = WIDE_ROWS, .cols = WIDE_COLS, .dense = true, .decomposed = true},
    {.name = "head", .rows = 4, .cols = WIDE_ROWS, .dense = true}};

static int images_of(int step, int shard) {
    return (step + shard) % (IMAGES + 1);
}

/* A shard's inputs (n, C), gradient by outputs (n, R), and their sizes. */
static apd_dense_shape fill_factors(int step, int shard, float *x, float *y) {
    apd_dense_shape shape = {images_of(step, shard), WIDE_ROWS, WIDE_COLS, WIDE_COLS, WIDE_ROWS};
    for (int64_t i = 0; i < shape.n * WIDE_COLS; i++)
        x[i] = number(step, shard, 1000000 + i);
    for (int64_t i = 0; i < shape.n * WIDE_ROWS; i++)
        y[i] = number(step, shard, 2000000 + i);
    return shape;
}

/* A shard's whole gradient of the factored block, (R, C), from the dense layer. */
static const float *wide_gradient(int step, int shard) {
    static float made[STEPS + 1][MOST_SHARDS][WIDE_ROWS * WIDE_COLS];
    static bool is_made[STEPS + 1][MOST_SHARDS];
    float x[IMAGES * WIDE_COLS], y[IMAGES * WIDE_ROWS];
    if (!is_made[step][shard]) {
        float *scratch = apd_allocate(apd_dense_scratch(WIDE_COLS), sizeof *scratch, "scratch");
        apd_dense_shape shape = fill_factors(step, shard, x, y);
        if (shape.n > 0)
            apd_dense_by_weights(&shape, y, x, made[step][shard], scratch);
        free(scratch);
        is_made[step][shard] = true;
    }
    return made[step][shard];
}

#define THETA (-1) /* as `who`: the number that theta gets in a step */

static bool theta_block_is(const float *theta, const apd_block *block, int step) {
    bool right = true;
    for (int64_t i = block->weight; i < block->weight + block->rows * block->cols; i++)
        right = right && theta[i] == (step == 0 ? 0.0f : number(step, THETA, i));
    for (int64_t i = block->bias; i < block->bias + block->rows; i++)
        right = right && theta[i] == (step == 0 ? 0.0f : number(step, THETA, i));
    return right;
}

static bool theta_is(const apd_exchange *x, const apd_layout *layout, int step) {
    bool right = true;
    for (int b = 0; b < layout->block_count; b++)
        right = theta_block_is(apd_exchange_theta(x), &layout->blocks[b], step) && right;
    return right;
}

/* A shard's gradient at a place of theta's layout. `within`: the place in the factored block, -1 in other blocks. */
static float gradient_at(int step, int shard, int64_t place, int64_t within) {
    return within < 0 ? number(step, shard, place) : wide_gradient(step, shard)[within];
}

/* The sum of one place over shards lo .. lo+count-1, by the tree's definition. */
static float serial_sum(int step, int64_t place, int64_t within, int lo, int count) {
    int left = (count + 1) / 2;
    if (count == 1)
        return gradient_at(step, lo, place, within);
    return serial_sum(step, place, within, lo, left) +
           serial_sum(step, place, within, lo + left, count - left);
}

static bool same_bits(const float *sum, int64_t count, int step, int64_t place, int64_t within, int shards) {
    bool right = true;
    for (int64_t i = 0; i < count; i++) {
        float expected = serial_sum(step, place + i, within < 0 ? -1 : within + i, 0, shards);
        right = right && memcmp(&sum[i], &expected, sizeof expected) == 0;
    }
    return right;
}

/* --- a run ----------------------------------------------------------------------------------------------- */

typedef struct run {
    apd_team *team;
    apd_partition partition;
    const apd_layout *layout;
    int images; /* a shard, for the factored block; 0: nothing is factored */
    apd_exchange *exchange;
    bool wait; /* for all of theta between steps */
    bool collected[8];
    bool uneven; /* ranks sleep now and then, each in other places */
    bool right;  /* this rank has seen no error */
} run;

static run begin_run(const char *grouping, int shards, const apd_layout *layout) {
    run r = {.layout = layout, .right = true};
    if (grouping != NULL)
        (void)setenv("APD_RANKS_A_NODE", grouping, 1);
    else
        (void)unsetenv("APD_RANKS_A_NODE");
    r.team = apd_team_create(NULL, NULL);
    apd_status status =
        apd_partition_init(&r.partition, shards, apd_team_size(r.team), apd_team_rank(r.team), NULL);
    assert_agreed(first_team, status == APD_OK);
    return r;
}

static void end_run(run *r) {
    apd_exchange_destroy(r->exchange);
    apd_team_destroy(r->team);
    assert_agreed(first_team, r->right);
}

static void open_exchange(run *r) {
    r->exchange = apd_exchange_create(r->team, &r->partition, r->layout, r->images);
}

static void maybe_sleep(const run *r, int step, int64_t place) {
    float x = number(step, apd_team_rank(r->team) + 1000, place);
    if (r->uneven && x > 0)
        (void)usleep((useconds_t)(x * 5));
}

/* The forward passes read theta of the last step block by block. */
static void forward(run *r, int step) {
    const apd_layout *layout = r->layout;
    for (int s = r->partition.shard_begin; s < r->partition.shard_end; s++)
        for (int b = 0; b < layout->block_count; b++) {
            maybe_sleep(r, step, 700 + 10 * s + b);
            apd_exchange_await_theta(r->exchange, b);
            r->right = r->right && apd_exchange_has_theta(r->exchange, b);
            r->right =
                r->right && theta_block_is(apd_exchange_theta(r->exchange), &layout->blocks[b], step - 1);
        }
}

/* Write a shard's gradient of a block as a backward pass does. */
static void fill_gradient(const run *r, int b, int step, int s) {
    float *gradient = apd_exchange_gradient(r->exchange, s);
    const apd_gradient_block *place = &apd_exchange_gradient_layout(r->exchange)->blocks[b];
    const apd_block *block = &r->layout->blocks[b];
    float x[IMAGES * WIDE_COLS], y[IMAGES * WIDE_ROWS];
    for (int64_t i = 0; i < block->rows; i++)
        gradient[place->bias + i] = number(step, s, block->bias + i);
    if (place->factored) {
        apd_dense_shape shape = fill_factors(step, s, x, y);
        apd_dense_pack_factors(&shape, y, x, gradient + place->weight);
        return;
    }
    for (int64_t i = 0; i < block->rows * block->cols; i++)
        gradient[place->weight + i] = number(step, s, block->weight + i);
}

/* The backward passes. The old theta must stay until this rank has published a block. */
static void backward(run *r, int step) {
    const apd_layout *layout = r->layout;
    for (int s = r->partition.shard_begin; s < r->partition.shard_end; s++)
        for (int b = layout->block_count - 1; b >= 0; b--) {
            maybe_sleep(r, step, 10 * s + b);
            r->right =
                r->right && theta_block_is(apd_exchange_theta(r->exchange), &layout->blocks[b], step - 1);
            fill_gradient(r, b, step, s);
            if (s == r->partition.shard_end - 1)
                apd_exchange_publish(r->exchange, b);
        }
}

static void write_rows(run *r, int b, int step) {
    const apd_block *block = &r->layout->blocks[b];
    apd_rows rows = apd_partition_rows(&r->partition, r->layout, b, r->partition.rank);
    float *bias = NULL, *weights = apd_exchange_theta_rows(r->exchange, b, &bias);
    for (int64_t i = 0; i < (rows.end - rows.begin) * block->cols; i++)
        weights[i] = number(step, THETA, block->weight + rows.begin * block->cols + i);
    for (int64_t i = 0; i < rows.end - rows.begin; i++)
        bias[i] = number(step, THETA, block->bias + rows.begin + i);
}

static void collect_block(run *r, int step) {
    int b = apd_exchange_next(r->exchange);
    const apd_block *block = &r->layout->blocks[b];
    apd_rows rows = apd_partition_rows(&r->partition, r->layout, b, r->partition.rank);
    int64_t height = rows.end - rows.begin;
    r->right = r->right && !r->collected[b];
    r->collected[b] = true;
    for (int64_t done = 0, chunk = 1; done < height; done += chunk) { /* one row, then the largest chunks */
        const float *bias = NULL;
        chunk = done == 0 ? 1 : apd_exchange_chunk(r->exchange, b);
        chunk = chunk < height - done ? chunk : height - done;
        const float *gradient = apd_exchange_collect(r->exchange, b, (apd_rows){done, done + chunk}, &bias);
        int64_t first = rows.begin + done;
        int shards = r->partition.shards;
        r->right = r->right && gradient != NULL && bias != NULL;
        bool factored = apd_exchange_gradient_layout(r->exchange)->blocks[b].factored;
        r->right = r->right && factored == (r->images > 0 && b == WIDE);
        r->right =
            r->right && same_bits(gradient, chunk * block->cols, step, block->weight + first * block->cols,
                                  factored ? first * block->cols : -1, shards);
        r->right = r->right && same_bits(bias, chunk, step, block->bias + first, -1, shards);
    }
    maybe_sleep(r, step, 500 + b);
    write_rows(r, b, step);
    apd_exchange_release(r->exchange, b);
}

static void one_step(run *r, int step) {
    int blocks = r->layout->block_count;
    apd_exchange_begin_step(r->exchange);
    forward(r, step);
    backward(r, step);
    memset(r->collected, 0, sizeof r->collected);
    for (int k = 0; k < blocks; k++)
        collect_block(r, step);
    apd_exchange_end_step(r->exchange);
    if (r->wait) /* as code that reads theta between steps */
        for (int b = 0; b < blocks; b++)
            apd_exchange_await_theta(r->exchange, b);
    r->right = r->right && (!r->wait || theta_is(r->exchange, r->layout, step));
}

static void take_steps(run *r) {
    open_exchange(r);
    r->right = theta_is(r->exchange, r->layout, 0);
    for (int step = 1; step <= STEPS; step++)
        one_step(r, step);
    end_run(r);
}

static void check_steps(const char *grouping, int shards, const apd_layout *layout, bool wait, bool uneven) {
    run r = begin_run(grouping, shards, layout);
    r.wait = wait;
    r.uneven = uneven;
    take_steps(&r);
}

/* --- cases ----------------------------------------------------------------------------------------------- */

static void numbers_another_order_of_the_sum_gives_other_bits(void **state) {
    (void)state;
    int differ = 0;
    for (int64_t place = 0; place < 100; place++) {
        float from_left = number(1, 0, place);
        for (int s = 1; s < 8; s++)
            from_left += number(1, s, place);
        differ += from_left != serial_sum(1, place, -1, 0, 8);
    }
    assert_agreed(first_team, differ > 20);
}

static void step_any_shards_and_nodes_has_the_bits_of_the_serial_tree(void **state) {
    (void)state;
    static const int shards[] = {1, 2, 3, 4, 5, 7, 8};
    apd_layout layout = place_blocks(odd_blocks, 5);
    for (int g = 0; g < GROUPINGS; g++)
        for (int i = 0; i < 7; i++)
            if (shards[i] >= apd_team_size(first_team))
                check_steps(groupings[g], shards[i], &layout, i % 2 == 0, false);
}

static void step_uneven_ranks_change_nothing(void **state) {
    (void)state;
    apd_layout layout = place_blocks(odd_blocks, 5);
    for (int g = 0; g < GROUPINGS; g++) {
        check_steps(groupings[g], apd_team_size(first_team), &layout, false, true);
        check_steps(groupings[g], 7, &layout, true, true);
    }
}

static void step_messages_of_many_chunks_change_nothing(void **state) {
    (void)state;
    apd_layout layout = place_blocks(odd_blocks, 5);
    int last = apd_chunk_set_limit(1001);
    for (int g = 0; g < GROUPINGS; g++)
        check_steps(groupings[g], 8, &layout, false, true);
    (void)apd_chunk_set_limit(last);
}

static void step_factored_block_has_the_bits_of_the_serial_tree(void **state) {
    (void)state;
    static const int shards[] = {1, 2, 3, 5, 8, 16};
    apd_layout layout = place_blocks(wide_blocks, 4);
    int last = apd_chunk_set_limit(10007);
    for (int g = 0; g < GROUPINGS; g++)
        for (int i = 0; i < 6; i++)
            if (shards[i] >= apd_team_size(first_team)) {
                run r = begin_run(groupings[g], shards[i], &layout);
                r.images = IMAGES;
                r.uneven = i % 2 != 0;
                take_steps(&r);
            }
    (void)apd_chunk_set_limit(last);
}

static void step_blocks_of_one_row_leave_ranks_without_rows(void **state) {
    (void)state;
    apd_block blocks[] = {{.rows = 1, .cols = 1}, {.rows = 1, .cols = 40}};
    apd_layout layout = place_blocks(blocks, 2);
    for (int g = 0; g < GROUPINGS; g++)
        check_steps(groupings[g], 5, &layout, false, false);
}

static void create_layout_without_blocks_works(void **state) {
    (void)state;
    apd_layout layout = {0};
    for (int g = 0; g < GROUPINGS; g++)
        check_steps(groupings[g], 4, &layout, false, false);
}

/* Theta is shared before, between and after steps; a share writes the numbers of step `step`. */
static void share_completes_theta_on_every_node(void **state) {
    (void)state;
    apd_layout layout = place_blocks(odd_blocks, 5);
    for (int g = 0; g < GROUPINGS; g++) {
        run r = begin_run(groupings[g], 6, &layout);
        r.uneven = true;
        open_exchange(&r);
        for (int step = 1; step <= 6; step++) {
            if (step % 3 == 0) {
                one_step(&r, step);
                continue;
            }
            apd_exchange_begin_share(r.exchange);
            maybe_sleep(&r, step, 1);
            for (int b = 0; b < layout.block_count; b++)
                write_rows(&r, b, step);
            apd_exchange_end_share(r.exchange);
            maybe_sleep(&r, step, 2);
            r.right = r.right && theta_is(r.exchange, &layout, step);
        }
        end_run(&r);
    }
}

static void bytes_cover_all_buffers(void **state) {
    (void)state;
    apd_layout layout = place_blocks(odd_blocks, 5);
    run r = begin_run(NULL, 8, &layout);
    open_exchange(&r);
    int64_t shared = 0, own = apd_exchange_bytes(r.exchange, &shared), arena = layout.size * 4;
    r.right = own >= 33 / apd_team_size(r.team) * 260 * 4 && own < 4 * arena && shared >= 9 * arena &&
              shared < 9 * arena + 65536;
    end_run(&r);
}

/* With rows and shards that divide evenly: the largest rank's own buffers, except for the trees, and of the node's
 * window between the rank's own part and all of it. */
static void estimate_is_near_the_bytes_of_a_rank(void **state) {
    (void)state;
    apd_block blocks[] = {{.rows = 96, .cols = 1000}, {.rows = 480, .cols = 24}};
    apd_layout layout = place_blocks(blocks, 2);
    int size = apd_team_size(first_team), nodes[] = {size, 1, 2, 3};
    for (int g = 0; g < 4; g++) {
        run r = begin_run(groupings[g], 12, &layout);
        open_exchange(&r);
        int64_t shared = 0, own = apd_exchange_bytes(r.exchange, &shared), trees = 65536;
        apd_team_maximum(r.team, &own, 1);
        int64_t estimate = apd_exchange_estimate(&layout, 12, size, nodes[g] < size ? nodes[g] : size, 0);
        int64_t least = 4 * layout.size * (1 + 12 / size) + own - trees;
        bool full = apd_team_nodes(r.team) == 1 || size % nodes[g] == 0; /* all nodes have as many ranks */
        r.right = !full || (estimate >= least && estimate <= shared + own);
        if (!r.right)
            print_message("grouping %d: %lld own, %lld shared, %lld estimated\n", g, (long long)own,
                          (long long)shared, (long long)estimate);
        end_run(&r);
    }
}

int main(int argc, char **argv) {
    first_team = apd_team_create(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_another_order_of_the_sum_gives_other_bits),
        cmocka_unit_test(step_any_shards_and_nodes_has_the_bits_of_the_serial_tree),
        cmocka_unit_test(step_uneven_ranks_change_nothing),
        cmocka_unit_test(step_messages_of_many_chunks_change_nothing),
        cmocka_unit_test(step_factored_block_has_the_bits_of_the_serial_tree),
        cmocka_unit_test(step_blocks_of_one_row_leave_ranks_without_rows),
        cmocka_unit_test(create_layout_without_blocks_works),
        cmocka_unit_test(share_completes_theta_on_every_node),
        cmocka_unit_test(bytes_cover_all_buffers),
        cmocka_unit_test(estimate_is_near_the_bytes_of_a_rank),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    apd_exchange_destroy(NULL);
    apd_team_destroy(first_team);
    return failures;
}
