#include "mpi/relay.h"

#include "base/memory.h"
#include "mpi/tree.h"

#include <stdlib.h>
#include <string.h>

enum { SUMS, ROWS, KINDS };
#define LEAST_LARGEST_TAG 32767 /* every MPI allows this one */

struct apd_relay {
    const apd_team *team;
    const apd_partition *partition;
    const apd_layout *layout;
    const apd_gradients *gradients;
    float *theta;
    MPI_Comm everyone;

    int run_count;
    apd_rows *runs;  /* (run_count) */
    int *run_place;  /* (run_count): another node's run: which one it is in `incoming`; ours: -1 */
    int *node_first; /* (nodes+1): runs of node n are node_first[n] .. node_first[n+1]-1 in `incoming` */

    int own_count;        /* runs of this node */
    apd_rows *own_runs;   /* (own_count) */
    apd_tree **own_trees; /* (own_count) */
    apd_addend *leaves;   /* (S): scratch */

    int partner_count;
    int *partners; /* (partner_count): ranks of other nodes whose delegate this rank is */

    float **outgoing;       /* (B) -> (partners, own_count, rows*C + rows) */
    float **incoming;       /* (B) -> (run_place, rows*C + rows) */
    apd_requests *arrivals; /* (B) */
    apd_requests departures, new_rows;
    int64_t bytes;
};

static int tag_of(int block, int kind) {
    return block * KINDS + kind;
}

static int own_node(const apd_relay *relay) {
    return relay->team->node_of[relay->team->rank];
}

/* Floats of the rows of `rank` in block `block`, biases included: one run's part of a message. */
static int64_t row_floats(const apd_relay *relay, int block, int rank) {
    apd_rows rows = apd_partition_rows(relay->partition, relay->layout, block, rank);
    return (rows.end - rows.begin) * (relay->layout->blocks[block].cols + 1);
}

/* --- create and destroy ------------------------------------------------------------------------------ */

static void find_runs(apd_relay *relay) {
    const apd_team *team = relay->team;
    int shards = relay->partition->shards;
    int *node = apd_allocate(shards, sizeof *node, "nodes of shards");
    for (int s = 0; s < shards; s++)
        node[s] = team->node_of[apd_partition_shard_owner(relay->partition, s)];
    relay->run_count = apd_tree_cut(node, shards, &relay->runs);
    relay->run_place = apd_allocate(relay->run_count, sizeof *relay->run_place, "places of sums");
    relay->node_first =
        apd_allocate((int64_t)team->node_count + 1, sizeof *relay->node_first, "places of sums");
    relay->own_runs = apd_allocate(relay->run_count, sizeof *relay->own_runs, "own runs of shards");
    int *found = apd_allocate(team->node_count, sizeof *found, "places of sums");
    for (int k = 0; k < relay->run_count; k++) {
        int n = node[relay->runs[k].begin];
        if (n == own_node(relay))
            relay->own_runs[relay->own_count++] = relay->runs[k];
        else
            relay->node_first[n + 1]++;
    }
    for (int n = 0; n < team->node_count; n++)
        relay->node_first[n + 1] += relay->node_first[n];
    for (int k = 0; k < relay->run_count; k++) {
        int n = node[relay->runs[k].begin];
        relay->run_place[k] = n == own_node(relay) ? -1 : relay->node_first[n] + found[n]++;
    }
    free(found);
    free(node);
}

static void find_partners(apd_relay *relay) {
    const apd_team *team = relay->team;
    relay->partners = apd_allocate(team->size, sizeof *relay->partners, "partners on other nodes");
    for (int r = 0; r < team->size; r++)
        if (team->node_of[r] != own_node(relay) && apd_team_delegate(team, own_node(relay), r) == team->rank)
            relay->partners[relay->partner_count++] = r;
}

static void plant_trees(apd_relay *relay) {
    relay->own_trees = apd_allocate(relay->own_count, sizeof(apd_tree *), "trees of runs");
    relay->leaves = apd_allocate(relay->partition->shards, sizeof *relay->leaves, "shards to add");
    apd_rows *shards = apd_allocate(relay->partition->shards, sizeof *shards, "shards of a run");
    for (int k = 0; k < relay->own_count; k++) {
        apd_rows run = relay->own_runs[k];
        for (int64_t s = run.begin; s < run.end; s++)
            shards[s - run.begin] = (apd_rows){s, s + 1};
        relay->own_trees[k] = apd_tree_create(shards, (int)(run.end - run.begin));
        relay->bytes += apd_tree_bytes(relay->own_trees[k]);
    }
    free(shards);
}

static float *message_room(apd_relay *relay, int64_t floats) {
    relay->bytes += floats * (int64_t)sizeof(float);
    return apd_allocate(floats, sizeof(float), "sums between nodes");
}

static void make_room(apd_relay *relay) {
    int blocks = relay->layout->block_count;
    relay->arrivals = apd_allocate(blocks, sizeof *relay->arrivals, "messages under way");
    relay->outgoing = apd_allocate(blocks, sizeof *relay->outgoing, "sums between nodes");
    relay->incoming = apd_allocate(blocks, sizeof *relay->incoming, "sums between nodes");
    for (int b = 0; b < blocks; b++) {
        int64_t out = 0, in = row_floats(relay, b, relay->team->rank);
        for (int i = 0; i < relay->partner_count; i++)
            out += row_floats(relay, b, relay->partners[i]);
        relay->outgoing[b] = message_room(relay, out * relay->own_count);
        relay->incoming[b] = message_room(relay, in * (relay->run_count - relay->own_count));
    }
}

apd_relay *apd_relay_create(const apd_team *team, const apd_partition *partition, const apd_layout *layout,
                            const apd_gradients *gradients, float *theta) {
    APD_ASSERT(layout->block_count <= LEAST_LARGEST_TAG / KINDS);
    apd_relay *relay = apd_allocate(1, sizeof *relay, "what goes between nodes");
    relay->team = team;
    relay->partition = partition;
    relay->layout = layout;
    relay->gradients = gradients;
    relay->theta = theta;
    APD_MPI(MPI_Comm_dup(team->everyone, &relay->everyone));
    find_runs(relay);
    find_partners(relay);
    plant_trees(relay);
    make_room(relay);
    return relay;
}

void apd_relay_destroy(apd_relay *relay) {
    if (relay == NULL)
        return;
    for (int k = 0; k < relay->own_count; k++)
        apd_tree_destroy(relay->own_trees[k]);
    for (int b = 0; b < relay->layout->block_count; b++) {
        apd_requests_clear(&relay->arrivals[b]);
        free(relay->outgoing[b]);
        free(relay->incoming[b]);
    }
    apd_requests_clear(&relay->departures);
    apd_requests_clear(&relay->new_rows);
    APD_MPI(MPI_Comm_free(&relay->everyone));
    free(relay->runs);
    free(relay->run_place);
    free(relay->node_first);
    free(relay->own_runs);
    free(relay->own_trees);
    free(relay->leaves);
    free(relay->partners);
    free(relay->outgoing);
    free(relay->incoming);
    free(relay->arrivals);
    free(relay);
}

const apd_rows *apd_relay_runs(const apd_relay *relay, int *count) {
    *count = relay->run_count;
    return relay->runs;
}

/* --- sums to their owners ---------------------------------------------------------------------------- */

void apd_relay_begin_step(apd_relay *relay) {
    const apd_team *team = relay->team;
    for (int b = 0; b < relay->layout->block_count; b++) {
        int64_t floats = row_floats(relay, b, team->rank);
        for (int n = 0; n < team->node_count; n++) {
            int first = relay->node_first[n], runs = relay->node_first[n + 1] - first;
            if (runs > 0)
                apd_requests_receive(&relay->arrivals[b], relay->incoming[b] + first * floats,
                                     runs * floats * (int64_t)sizeof(float),
                                     apd_team_delegate(team, n, team->rank), tag_of(b, SUMS),
                                     relay->everyone);
        }
    }
}

/* The sum of one of our runs over some rows of a block: weights, then biases. */
static void sum_run(const apd_relay *relay, int run, int block, apd_rows rows, float *to) {
    const apd_rows shards = relay->own_runs[run];
    const apd_tree *tree = relay->own_trees[run];
    int64_t height = rows.end - rows.begin, weights = height * relay->layout->blocks[block].cols;
    int count = (int)(shards.end - shards.begin);
    for (int k = 0; k < count; k++)
        relay->leaves[k] = (apd_addend){.shard = shards.begin + k};
    const float *sum =
        apd_gradients_sum_weights(relay->gradients, tree, relay->leaves, count, block, rows, to);
    if (sum != to)
        memcpy(to, sum, (size_t)weights * sizeof *to);
    to += weights;
    sum = apd_gradients_sum_biases(relay->gradients, tree, relay->leaves, count, block, rows, to);
    if (sum != to)
        memcpy(to, sum, (size_t)height * sizeof *to);
}

void apd_relay_send_sums(apd_relay *relay, int block) {
    float *at = relay->outgoing[block];
    for (int i = 0; i < relay->partner_count; i++) {
        int partner = relay->partners[i];
        apd_rows rows = apd_partition_rows(relay->partition, relay->layout, block, partner);
        const float *message = at;
        for (int k = 0; k < relay->own_count; k++, at += row_floats(relay, block, partner))
            sum_run(relay, k, block, rows, at);
        apd_requests_send(&relay->departures, message, (at - message) * (int64_t)sizeof *at, partner,
                          tag_of(block, SUMS), relay->everyone);
    }
}

bool apd_relay_arrived(apd_relay *relay, int block) {
    return apd_requests_done(&relay->arrivals[block]);
}

const float *apd_relay_sum(const apd_relay *relay, int block, int run) {
    return relay->incoming[block] + relay->run_place[run] * row_floats(relay, block, relay->team->rank);
}

/* --- rows of theta to everyone ----------------------------------------------------------------------- */

/* Where the rows of `rank` in a block are in the node's theta: two stretches, weights and biases. */
typedef struct stretches {
    float *start[2];
    int64_t bytes[2];
} stretches;

static stretches theta_rows(const apd_relay *relay, int block, int rank) {
    const apd_block *shape = &relay->layout->blocks[block];
    apd_rows rows = apd_partition_rows(relay->partition, relay->layout, block, rank);
    int64_t height = rows.end - rows.begin;
    return (stretches){
        {relay->theta + shape->weight + rows.begin * shape->cols, relay->theta + shape->bias + rows.begin},
        {height * shape->cols * (int64_t)sizeof(float), height * (int64_t)sizeof(float)}};
}

void apd_relay_expect_rows(apd_relay *relay, int block) {
    for (int i = 0; i < relay->partner_count; i++) {
        stretches rows = theta_rows(relay, block, relay->partners[i]);
        for (int k = 0; k < 2; k++)
            apd_requests_receive(&relay->new_rows, rows.start[k], rows.bytes[k], relay->partners[i],
                                 tag_of(block, ROWS), relay->everyone);
    }
}

void apd_relay_send_rows(apd_relay *relay, int block) {
    const apd_team *team = relay->team;
    stretches rows = theta_rows(relay, block, team->rank);
    for (int n = 0; n < team->node_count; n++)
        for (int k = 0; k < 2 && n != own_node(relay); k++)
            apd_requests_send(&relay->departures, rows.start[k], rows.bytes[k],
                              apd_team_delegate(team, n, team->rank), tag_of(block, ROWS), relay->everyone);
}

bool apd_relay_quiet(apd_relay *relay) {
    bool gone = apd_requests_done(&relay->departures);
    bool come = apd_requests_done(&relay->new_rows);
    if (relay->team->node_count > 1) {
        /* MPI may still owe others what it took from us: it moves only when called */
        int waiting = 0;
        APD_MPI(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, relay->everyone, &waiting, MPI_STATUS_IGNORE));
    }
    return gone && come;
}

int64_t apd_relay_bytes(const apd_relay *relay) {
    return relay->bytes;
}
