#include "mpi/exchange/exchange.h"

#include "base/heartbeat.h"
#include "base/memory.h"
#include "mpi/exchange/gradients.h"
#include "mpi/exchange/internode.h"
#include "mpi/exchange/tree.h"
#include "mpi/team/window.h"

#include <stdlib.h>
#include <string.h>

/* A rank's flags in the window, with B blocks: flag b is the last step in which its shards' gradients of block b were
 * ready; flag B+b the last step in which it had read all shards' gradients of b and written its rows of theta; flag 2*B
 * counts the node barriers that it has entered. */
struct apd_exchange {
    const apd_team *team;
    const apd_partition *partition;
    const apd_layout *layout;
    apd_window *window;
    apd_internode *internode;
    float *theta; /* this node's */
    apd_gradient_layout *gradient_layout;
    apd_gradients gradients;
    int64_t record;       /* floats from one shard's gradient to the next */
    float *own_gradients; /* (own shards, record) */
    apd_rows *rows;       /* (B): this rank's slice */

    apd_tree *tree; /* its leaves: this node's shards, other nodes' ranges of shards */
    int leaf_count;
    apd_addend *leaves;     /* (leaf_count); collect fills in the rows of ranges */
    int *leaf_range;        /* (leaf_count): the range of a leaf that is no shard */
    float *sum;             /* (most rows of a chunk * C) */
    float *sum_bias;        /* (most rows of a chunk) */
    int64_t sum_floats;     /* of both */
    int64_t gradient_bytes; /* of scratch */

    uint64_t step, barrier;
    uint64_t theta_step; /* the last step that has ended here */
    bool
        *passed_on; /* (B): all this node's shards are ready, and this rank's sums for other nodes are sent */
    bool *taken;    /* (B): apd_exchange_next has returned it */
    int released;   /* blocks of this step */
};

/* --- create and destroy ------------------------------------------------------------------------------ */

/* A rank's segment holds its shards' gradients, in order; that of the node's first rank begins with theta. */
static void open_window(apd_exchange *x) {
    const apd_team *team = x->team;
    bool first = apd_team_place(team, team->rank) == 0;
    int64_t own = x->partition->shard_end - x->partition->shard_begin,
            arena = apd_aligned_floats(x->layout->size);
    x->record = apd_aligned_floats(x->gradient_layout->size);
    APD_ASSERT(arena >= 0 && arena <= INT64_MAX / 32 && x->record >= 0 && x->record <= INT64_MAX / 32 / own);
    x->window =
        apd_window_create(team, x->record * own + (first ? arena : 0), 2 * x->layout->block_count + 1);
    x->theta = apd_window_segment(x->window, 0);
    const float **places = apd_allocate(x->partition->shards, sizeof *places, "addresses of gradients");
    int node = team->node_of[team->rank];
    int64_t near = 0;
    for (int place = 0; place < apd_team_node_size(team, node); place++) {
        int rank = team->node_begin[node] + place;
        apd_rows shards = apd_partition_shards(x->partition, rank);
        float *segment = apd_window_segment(x->window, place) + (place == 0 ? arena : 0);
        if (rank == team->rank)
            x->own_gradients = segment;
        near += shards.end - shards.begin;
        for (int64_t s = shards.begin; s < shards.end; s++)
            places[s] = segment + (s - shards.begin) * x->record;
    }
    x->gradient_bytes = apd_gradients_bytes(x->gradient_layout, near, x->partition->shards);
    apd_gradients_init(&x->gradients, x->gradient_layout, places, x->partition->shards);
}

static bool is_near(const apd_exchange *x, apd_rows range) {
    return x->gradients.shards[range.begin] != NULL;
}

/* This node's shards are leaves; a range of another node's shards is one leaf. */
static void make_tree(apd_exchange *x) {
    int range_count = 0, shards = x->partition->shards;
    const apd_rows *ranges = apd_internode_ranges(x->internode, &range_count);
    apd_rows *leaves = apd_allocate(shards, sizeof *leaves, "leaves of the tree");
    x->leaves = apd_allocate(shards, sizeof *x->leaves, "leaves of the tree");
    x->leaf_range = apd_allocate(shards, sizeof *x->leaf_range, "leaves of the tree");
    for (int k = 0; k < range_count; k++) {
        bool near = is_near(x, ranges[k]);
        for (int64_t s = ranges[k].begin; s < (near ? ranges[k].end : ranges[k].begin + 1); s++) {
            leaves[x->leaf_count] = near ? (apd_rows){s, s + 1} : ranges[k];
            x->leaves[x->leaf_count] = (apd_addend){.shard = near ? s : -1};
            x->leaf_range[x->leaf_count++] = k;
        }
    }
    x->tree = apd_tree_create(leaves, x->leaf_count);
    free(leaves);
}

int64_t apd_exchange_chunk(const apd_exchange *exchange, int block) {
    int64_t height = exchange->rows[block].end - exchange->rows[block].begin;
    int64_t chunk = apd_gradients_chunk(exchange->gradient_layout, block);
    return chunk < height ? chunk : height;
}

bool apd_exchange_next_rows(const apd_exchange *exchange, int block, apd_rows *rows) {
    int64_t height = exchange->rows[block].end - exchange->rows[block].begin,
            chunk = apd_exchange_chunk(exchange, block);
    *rows = (apd_rows){rows->end, rows->end + chunk < height ? rows->end + chunk : height};
    return rows->begin < height;
}

static void make_room_for_sums(apd_exchange *x) {
    int64_t weights = 0, biases = 0;
    for (int b = 0; b < x->layout->block_count; b++) {
        int64_t height = apd_exchange_chunk(x, b), size = height * x->layout->blocks[b].cols;
        biases = height > biases ? height : biases;
        weights = size > weights ? size : weights;
    }
    x->sum = apd_allocate(weights, sizeof *x->sum, "summed gradients");
    x->sum_bias = apd_allocate(biases, sizeof *x->sum_bias, "summed gradients");
    x->sum_floats = weights + biases;
}

apd_exchange *apd_exchange_create(const apd_team *team, const apd_partition *partition,
                                  const apd_layout *layout, int images) {
    APD_ASSERT(partition->ranks == team->size && partition->rank == team->rank);
    apd_exchange *x = apd_allocate(1, sizeof *x, "an exchange");
    x->team = team;
    x->partition = partition;
    x->layout = layout;
    x->gradient_layout = apd_gradient_layout_create(layout, images);
    x->rows = apd_partition_slice(partition, layout);
    x->passed_on = apd_allocate(layout->block_count, sizeof *x->passed_on, "an exchange");
    x->taken = apd_allocate(layout->block_count, sizeof *x->taken, "an exchange");
    open_window(x);
    x->internode = apd_internode_create(team, partition, layout, &x->gradients, x->theta);
    make_tree(x);
    make_room_for_sums(x);
    return x;
}

void apd_exchange_destroy(apd_exchange *exchange) {
    if (exchange == NULL)
        return;
    apd_internode_destroy(exchange->internode);
    apd_window_destroy(exchange->window);
    apd_tree_destroy(exchange->tree);
    apd_gradients_clear(&exchange->gradients);
    apd_gradient_layout_destroy(exchange->gradient_layout);
    free(exchange->rows);
    free(exchange->leaves);
    free(exchange->leaf_range);
    free(exchange->sum);
    free(exchange->sum_bias);
    free(exchange->passed_on);
    free(exchange->taken);
    free(exchange);
}

/* --- addresses -------------------------------------------------------------------------------------- */

const float *apd_exchange_theta(const apd_exchange *exchange) {
    return exchange->theta;
}

float *apd_exchange_gradient(apd_exchange *exchange, int shard) {
    const apd_partition *partition = exchange->partition;
    APD_ASSERT(shard >= partition->shard_begin && shard < partition->shard_end);
    return exchange->own_gradients + (shard - partition->shard_begin) * exchange->record;
}

const apd_gradient_layout *apd_exchange_gradient_layout(const apd_exchange *exchange) {
    return exchange->gradient_layout;
}

float *apd_exchange_theta_rows(apd_exchange *exchange, int block, float **bias) {
    const apd_block *shape = &exchange->layout->blocks[block];
    int64_t first = exchange->rows[block].begin;
    *bias = exchange->theta + shape->bias + first;
    return exchange->theta + shape->weight + first * shape->cols;
}

/* --- a step ------------------------------------------------------------------------------------------ */

/* Serve other nodes: once all ranks of this node have published a block, send its sums, and, since no rank reads its
 * old theta any more, let its new rows arrive. Does not wait. */
static void pass_on(apd_exchange *x) {
    for (int b = x->layout->block_count - 1; b >= 0; b--) {
        if (x->passed_on[b] || !apd_window_reached(x->window, b, x->step))
            continue;
        apd_internode_expect_rows(x->internode, b);
        apd_internode_send_sums(x->internode, b);
        x->passed_on[b] = true;
    }
}

/* Wait for all ranks of this node, and see what they wrote before. Messages between nodes progress meanwhile. */
static void node_barrier(apd_exchange *x) {
    int flag = 2 * x->layout->block_count, looks = 0;
    apd_window_raise(x->window, flag, ++x->barrier);
    apd_heartbeat_begin(APD_WAITS);
    while (!apd_window_reached(x->window, flag, x->barrier)) {
        (void)apd_internode_quiet(x->internode);
        apd_window_pause(&looks);
    }
    apd_heartbeat_end();
}

/* Complete this rank's messages, then wait for the node: its theta is complete, its gradients are read. */
static void finish_messages(apd_exchange *x) {
    int looks = 0;
    apd_heartbeat_begin(APD_WAITS);
    while (!apd_internode_quiet(x->internode))
        apd_window_pause(&looks);
    apd_heartbeat_end();
    node_barrier(x);
}

void apd_exchange_begin_step(apd_exchange *exchange) {
    exchange->step++;
    exchange->released = 0;
    memset(exchange->passed_on, 0, (size_t)exchange->layout->block_count * sizeof *exchange->passed_on);
    memset(exchange->taken, 0, (size_t)exchange->layout->block_count * sizeof *exchange->taken);
    apd_internode_begin_step(exchange->internode);
}

void apd_exchange_publish(apd_exchange *exchange, int block) {
    apd_window_raise(exchange->window, block, exchange->step);
    pass_on(exchange);
    (void)apd_internode_quiet(exchange->internode);
}

/* The lowest block that is ready and not taken; -1 if there is none. */
static int find_next(apd_exchange *x) {
    pass_on(x);
    for (int b = 0; b < x->layout->block_count; b++)
        if (!x->taken[b] && x->passed_on[b] && apd_internode_arrived(x->internode, b))
            return b;
    return -1;
}

int apd_exchange_next(apd_exchange *exchange) {
    apd_exchange *x = exchange;
    int looks = 0, block;
    apd_heartbeat_begin(APD_WAITS);
    while ((block = find_next(x)) < 0) {
        (void)apd_internode_quiet(x->internode);
        apd_window_pause(&looks);
    }
    apd_heartbeat_end();
    x->taken[block] = true;
    return block;
}

const float *apd_exchange_collect(apd_exchange *exchange, int block, apd_rows rows, const float **bias) {
    apd_exchange *x = exchange;
    const apd_block *shape = &x->layout->blocks[block];
    int64_t first = x->rows[block].begin, height = x->rows[block].end - first, count = rows.end - rows.begin;
    apd_rows whole = {first + rows.begin, first + rows.end}; /* in the block */
    APD_ASSERT(rows.begin >= 0 && count >= 0 && rows.end <= height && count <= apd_exchange_chunk(x, block));
    for (int k = 0; k < x->leaf_count; k++)
        if (x->leaves[k].shard < 0) {
            const float *sum = apd_internode_sum(x->internode, block, x->leaf_range[k]);
            x->leaves[k].weights = sum + rows.begin * shape->cols;
            x->leaves[k].bias = sum + height * shape->cols + rows.begin;
        }
    *bias =
        apd_gradients_sum_biases(&x->gradients, x->tree, x->leaves, x->leaf_count, block, whole, x->sum_bias);
    return apd_gradients_sum_weights(&x->gradients, x->tree, x->leaves, x->leaf_count, block, whole, x->sum);
}

void apd_exchange_release(apd_exchange *exchange, int block) {
    exchange->released++;
    apd_window_raise(exchange->window, exchange->layout->block_count + block, exchange->step);
    apd_internode_send_rows(exchange->internode, block);
}

void apd_exchange_end_step(apd_exchange *exchange) {
    APD_ASSERT(exchange->released == exchange->layout->block_count);
    exchange->theta_step = exchange->step;
    if (exchange->team->node_count > 1)
        finish_messages(exchange);
}

bool apd_exchange_has_theta(const apd_exchange *exchange, int block) {
    return apd_window_reached(exchange->window, exchange->layout->block_count + block, exchange->theta_step);
}

void apd_exchange_await_theta(apd_exchange *exchange, int block) {
    int looks = 0;
    apd_heartbeat_begin(APD_WAITS);
    while (!apd_exchange_has_theta(exchange, block))
        apd_window_pause(&looks);
    apd_heartbeat_end();
}

/* --- outside a step ---------------------------------------------------------------------------------- */

void apd_exchange_begin_share(apd_exchange *exchange) {
    node_barrier(exchange);
    for (int b = 0; b < exchange->layout->block_count; b++)
        apd_internode_expect_rows(exchange->internode, b);
}

void apd_exchange_end_share(apd_exchange *exchange) {
    for (int b = 0; b < exchange->layout->block_count; b++)
        apd_internode_send_rows(exchange->internode, b);
    finish_messages(exchange);
}

int64_t apd_exchange_bytes(const apd_exchange *exchange, int64_t *shared) {
    *shared = apd_window_bytes(exchange->window);
    return exchange->sum_floats * (int64_t)sizeof(float) + exchange->gradient_bytes +
           apd_tree_bytes(exchange->tree) + apd_internode_bytes(exchange->internode);
}

int64_t apd_exchange_estimate(const apd_layout *layout, int shards, int ranks, int ranks_a_node, int images) {
    apd_gradient_layout *gradient = apd_gradient_layout_create(layout, images);
    int64_t own = (shards + ranks - 1) / ranks,
            near = own * ranks_a_node < shards ? own * ranks_a_node : shards;
    int64_t factors = 0, rows = 0,
            sums = 0; /* floats: a shard's factors; a rank's other rows; the largest chunk */
    for (int b = 0; b < layout->block_count; b++) {
        const apd_block *block = &layout->blocks[b];
        int64_t height = (block->rows + ranks - 1) / ranks, chunk = apd_gradients_chunk(gradient, b);
        int64_t sum = (chunk < height ? chunk : height) * (block->cols + 1);
        if (gradient->blocks[b].factored)
            factors += gradient->blocks[b].bias - gradient->blocks[b].weight;
        else
            rows += height * (block->cols + 1);
        sums = sum > sums ? sum : sums;
    }
    int64_t floats =
        layout->size + near * factors + own * (gradient->size - factors) + (near - own) * rows + sums;
    int64_t bytes = floats * (int64_t)sizeof(float) + apd_gradients_bytes(gradient, near, shards) +
                    apd_internode_estimate(layout, shards, ranks, ranks_a_node);
    apd_gradient_layout_destroy(gradient);
    return bytes;
}
