#include "mpi/exchange/internode.h"

#include "base/memory.h"
#include "mpi/exchange/tree.h"
#include "mpi/team/chunk.h"

#include <stdlib.h>
#include <string.h>

enum { SUMS, ROWS, KINDS };
#define LEAST_LARGEST_TAG 32767 /* every MPI library allows this one */

struct apd_internode {
    const apd_team *team;
    const apd_partition *partition;
    const apd_layout *layout;
    const apd_gradients *gradients;
    float *theta;
    MPI_Comm everyone;

    int range_count;
    apd_rows *ranges; /* (range_count), of all nodes */
    int *range_place; /* (range_count): of another node's range in `incoming`; -1: this node's */
    int *node_first;  /* (nodes+1): node n's ranges are node_first[n] .. node_first[n+1]-1 in `incoming` */

    int own_count;        /* ranges of this node */
    apd_rows *own_ranges; /* (own_count) */
    apd_tree **own_trees; /* (own_count) */
    apd_addend *leaves;   /* (S): scratch */

    int partner_count;
    int *partners; /* (partner_count): the ranks of other nodes whose delegate is this rank */

    float **outgoing;       /* (B) -> (partners, own_count, rows*C + rows) */
    float **incoming;       /* (B) -> (range_place, rows*C + rows) */
    apd_requests *arrivals; /* (B) */
    apd_requests departures, new_rows;
    int64_t bytes;
};

static int tag_of(int block, int kind) {
    return block * KINDS + kind;
}

static int own_node(const apd_internode *internode) {
    return internode->team->node_of[internode->team->rank];
}

/* Floats of the rows of `rank` in a block, biases included: one range's part of a message. */
static int64_t row_floats(const apd_internode *internode, int block, int rank) {
    apd_rows rows = apd_partition_rows(internode->partition, internode->layout, block, rank);
    return (rows.end - rows.begin) * (internode->layout->blocks[block].cols + 1);
}

/* --- create and destroy ------------------------------------------------------------------------------ */

static void find_ranges(apd_internode *internode) {
    const apd_team *team = internode->team;
    int shards = internode->partition->shards;
    int *node = apd_allocate(shards, sizeof *node, "nodes of shards");
    for (int s = 0; s < shards; s++)
        node[s] = team->node_of[apd_partition_shard_owner(internode->partition, s)];
    internode->range_count = apd_tree_cut(node, shards, &internode->ranges);
    internode->range_place =
        apd_allocate(internode->range_count, sizeof *internode->range_place, "places of sums");
    internode->node_first =
        apd_allocate((int64_t)team->node_count + 1, sizeof *internode->node_first, "places of sums");
    internode->own_ranges =
        apd_allocate(internode->range_count, sizeof *internode->own_ranges, "own ranges of shards");
    int *found = apd_allocate(team->node_count, sizeof *found, "places of sums");
    for (int k = 0; k < internode->range_count; k++) {
        int n = node[internode->ranges[k].begin];
        if (n == own_node(internode))
            internode->own_ranges[internode->own_count++] = internode->ranges[k];
        else
            internode->node_first[n + 1]++;
    }
    for (int n = 0; n < team->node_count; n++)
        internode->node_first[n + 1] += internode->node_first[n];
    for (int k = 0; k < internode->range_count; k++) {
        int n = node[internode->ranges[k].begin];
        internode->range_place[k] = n == own_node(internode) ? -1 : internode->node_first[n] + found[n]++;
    }
    free(found);
    free(node);
}

static void find_partners(apd_internode *internode) {
    const apd_team *team = internode->team;
    internode->partners = apd_allocate(team->size, sizeof *internode->partners, "partners on other nodes");
    for (int r = 0; r < team->size; r++)
        if (team->node_of[r] != own_node(internode) &&
            apd_team_delegate(team, own_node(internode), r) == team->rank)
            internode->partners[internode->partner_count++] = r;
}

static void make_trees(apd_internode *internode) {
    internode->own_trees = apd_allocate(internode->own_count, sizeof(apd_tree *), "trees of ranges");
    internode->leaves =
        apd_allocate(internode->partition->shards, sizeof *internode->leaves, "shards to add");
    apd_rows *shards = apd_allocate(internode->partition->shards, sizeof *shards, "shards of a range");
    for (int k = 0; k < internode->own_count; k++) {
        apd_rows range = internode->own_ranges[k];
        for (int64_t s = range.begin; s < range.end; s++)
            shards[s - range.begin] = (apd_rows){s, s + 1};
        internode->own_trees[k] = apd_tree_create(shards, (int)(range.end - range.begin));
        internode->bytes += apd_tree_bytes(internode->own_trees[k]);
    }
    free(shards);
}

static float *message_room(apd_internode *internode, int64_t floats) {
    internode->bytes += floats * (int64_t)sizeof(float);
    return apd_allocate(floats, sizeof(float), "sums between nodes");
}

static void make_room(apd_internode *internode) {
    int blocks = internode->layout->block_count;
    internode->arrivals = apd_allocate(blocks, sizeof *internode->arrivals, "messages under way");
    internode->outgoing = apd_allocate(blocks, sizeof *internode->outgoing, "sums between nodes");
    internode->incoming = apd_allocate(blocks, sizeof *internode->incoming, "sums between nodes");
    for (int b = 0; b < blocks; b++) {
        int64_t out = 0, in = row_floats(internode, b, internode->team->rank);
        for (int i = 0; i < internode->partner_count; i++)
            out += row_floats(internode, b, internode->partners[i]);
        internode->outgoing[b] = message_room(internode, out * internode->own_count);
        internode->incoming[b] =
            message_room(internode, in * (internode->range_count - internode->own_count));
    }
}

apd_internode *apd_internode_create(const apd_team *team, const apd_partition *partition,
                                    const apd_layout *layout, const apd_gradients *gradients, float *theta) {
    APD_ASSERT(layout->block_count <= LEAST_LARGEST_TAG / KINDS);
    apd_internode *internode = apd_allocate(1, sizeof *internode, "the internode exchange");
    internode->team = team;
    internode->partition = partition;
    internode->layout = layout;
    internode->gradients = gradients;
    internode->theta = theta;
    APD_MPI(MPI_Comm_dup(team->everyone, &internode->everyone));
    find_ranges(internode);
    find_partners(internode);
    make_trees(internode);
    make_room(internode);
    return internode;
}

void apd_internode_destroy(apd_internode *internode) {
    if (internode == NULL)
        return;
    for (int k = 0; k < internode->own_count; k++)
        apd_tree_destroy(internode->own_trees[k]);
    for (int b = 0; b < internode->layout->block_count; b++) {
        apd_requests_clear(&internode->arrivals[b]);
        free(internode->outgoing[b]);
        free(internode->incoming[b]);
    }
    apd_requests_clear(&internode->departures);
    apd_requests_clear(&internode->new_rows);
    APD_MPI(MPI_Comm_free(&internode->everyone));
    free(internode->ranges);
    free(internode->range_place);
    free(internode->node_first);
    free(internode->own_ranges);
    free(internode->own_trees);
    free(internode->leaves);
    free(internode->partners);
    free(internode->outgoing);
    free(internode->incoming);
    free(internode->arrivals);
    free(internode);
}

const apd_rows *apd_internode_ranges(const apd_internode *internode, int *count) {
    *count = internode->range_count;
    return internode->ranges;
}

/* --- sums to their owners ---------------------------------------------------------------------------- */

void apd_internode_begin_step(apd_internode *internode) {
    const apd_team *team = internode->team;
    for (int b = 0; b < internode->layout->block_count; b++) {
        int64_t floats = row_floats(internode, b, team->rank);
        for (int n = 0; n < team->node_count; n++) {
            int first = internode->node_first[n], ranges = internode->node_first[n + 1] - first;
            if (ranges > 0)
                apd_requests_receive(&internode->arrivals[b], internode->incoming[b] + first * floats,
                                     ranges * floats * (int64_t)sizeof(float),
                                     apd_team_delegate(team, n, team->rank), tag_of(b, SUMS),
                                     internode->everyone);
        }
    }
}

/* The sum over one of this node's ranges of some rows of a block: weights, then biases. */
static void sum_range(const apd_internode *internode, int range, int block, apd_rows rows, float *to) {
    const apd_rows shards = internode->own_ranges[range];
    const apd_tree *tree = internode->own_trees[range];
    int64_t height = rows.end - rows.begin, weights = height * internode->layout->blocks[block].cols;
    int count = (int)(shards.end - shards.begin);
    for (int k = 0; k < count; k++)
        internode->leaves[k] = (apd_addend){.shard = shards.begin + k};
    const float *sum =
        apd_gradients_sum_weights(internode->gradients, tree, internode->leaves, count, block, rows, to);
    if (sum != to)
        memcpy(to, sum, (size_t)weights * sizeof *to);
    to += weights;
    sum = apd_gradients_sum_biases(internode->gradients, tree, internode->leaves, count, block, rows, to);
    if (sum != to)
        memcpy(to, sum, (size_t)height * sizeof *to);
}

void apd_internode_send_sums(apd_internode *internode, int block) {
    float *at = internode->outgoing[block];
    for (int i = 0; i < internode->partner_count; i++) {
        int partner = internode->partners[i];
        apd_rows rows = apd_partition_rows(internode->partition, internode->layout, block, partner);
        const float *message = at;
        for (int k = 0; k < internode->own_count; k++, at += row_floats(internode, block, partner))
            sum_range(internode, k, block, rows, at);
        apd_requests_send(&internode->departures, message, (at - message) * (int64_t)sizeof *at, partner,
                          tag_of(block, SUMS), internode->everyone);
    }
}

bool apd_internode_arrived(apd_internode *internode, int block) {
    return apd_requests_done(&internode->arrivals[block]);
}

const float *apd_internode_sum(const apd_internode *internode, int block, int range) {
    return internode->incoming[block] +
           internode->range_place[range] * row_floats(internode, block, internode->team->rank);
}

/* --- rows of theta to all nodes ----------------------------------------------------------------------- */

/* The rows of `rank` in this node's theta of a block: weights and biases. */
typedef struct stretches {
    float *start[2];
    int64_t bytes[2];
} stretches;

static stretches theta_rows(const apd_internode *internode, int block, int rank) {
    const apd_block *shape = &internode->layout->blocks[block];
    apd_rows rows = apd_partition_rows(internode->partition, internode->layout, block, rank);
    int64_t height = rows.end - rows.begin;
    return (stretches){{internode->theta + shape->weight + rows.begin * shape->cols,
                        internode->theta + shape->bias + rows.begin},
                       {height * shape->cols * (int64_t)sizeof(float), height * (int64_t)sizeof(float)}};
}

void apd_internode_expect_rows(apd_internode *internode, int block) {
    for (int i = 0; i < internode->partner_count; i++) {
        stretches rows = theta_rows(internode, block, internode->partners[i]);
        for (int k = 0; k < 2; k++)
            apd_requests_receive(&internode->new_rows, rows.start[k], rows.bytes[k], internode->partners[i],
                                 tag_of(block, ROWS), internode->everyone);
    }
}

void apd_internode_send_rows(apd_internode *internode, int block) {
    const apd_team *team = internode->team;
    stretches rows = theta_rows(internode, block, team->rank);
    for (int n = 0; n < team->node_count; n++)
        for (int k = 0; k < 2 && n != own_node(internode); k++)
            apd_requests_send(&internode->departures, rows.start[k], rows.bytes[k],
                              apd_team_delegate(team, n, team->rank), tag_of(block, ROWS),
                              internode->everyone);
}

bool apd_internode_quiet(apd_internode *internode) {
    bool gone = apd_requests_done(&internode->departures);
    bool come = apd_requests_done(&internode->new_rows);
    if (internode->team->node_count > 1) {
        /* MPI may hold messages that this rank has sent, and moves them only when called */
        int waiting = 0;
        APD_MPI(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, internode->everyone, &waiting, MPI_STATUS_IGNORE));
    }
    return gone && come;
}

int64_t apd_internode_bytes(const apd_internode *internode) {
    return internode->bytes;
}

int64_t apd_internode_estimate(const apd_layout *layout, int shards, int ranks, int ranks_a_node) {
    int nodes = (ranks + ranks_a_node - 1) / ranks_a_node, own = 0; /* the most ranges of a node */
    const apd_partition partition = {.shards = shards, .ranks = ranks};
    apd_rows *ranges = NULL;
    if (nodes == 1)
        return 0;
    int *node = apd_allocate(shards, sizeof *node, "nodes of shards");
    for (int s = 0; s < shards; s++)
        node[s] = apd_partition_shard_owner(&partition, s) / ranks_a_node;
    int count = apd_tree_cut(node, shards, &ranges);
    for (int k = 0, here = 0; k < count; k++) {
        here = k > 0 && node[ranges[k].begin] == node[ranges[k - 1].begin] ? here + 1 : 1;
        own = here > own ? here : own;
    }
    free(node);
    free(ranges);
    int64_t rows = 0; /* floats of a rank's rows */
    for (int b = 0; b < layout->block_count; b++)
        rows += (layout->blocks[b].rows + ranks - 1) / ranks * (layout->blocks[b].cols + 1);
    /* sums of `own` ranges for an owner on each other node, and those of all other ranges for this rank */
    return ((int64_t)(nodes - 1) * own + count - own) * rows * (int64_t)sizeof(float);
}
