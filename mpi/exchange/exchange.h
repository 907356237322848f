/* exchange: sums the shards' gradients on the rows' owners, and gives every rank the new theta.
 *
 * On one node theta is one array in shared memory, which all ranks read; every shard's gradient is there too (large
 * blocks of dense layers as factors, network/gradient.h). An owner adds the shards' gradients of its rows in place, and
 * writes its new rows of theta where all ranks read them. Between nodes, two-sided messages carry sums of gradients to
 * the owners and new rows of theta back (internode.h).
 *
 * The sum over shards follows the fixed tree of apd_partition_tree_sum elementwise in float, so a result has the same
 * bits at every P <= S and for every placement of ranks on nodes.
 *
 * One step, on every rank:
 *     apd_exchange_begin_step(x)
 *     forward passes of this rank's shards; before each block   apd_exchange_await_theta(x, block)
 *     backward passes into apd_exchange_gradient(x, shard); in the last shard's, after each block
 *                                                               apd_exchange_publish(x, block)
 *     once for each block:
 *         block = apd_exchange_next(x)
 *         for a few of this rank's rows at a time (apd_exchange_next_rows):
 *             gradient = apd_exchange_collect(x, block, rows, &bias)
 *             update the rows in apd_exchange_theta_rows(x, block, &bias)
 *         apd_exchange_release(x, block)
 *     apd_exchange_end_step(x)
 *
 * Within a node there is no step barrier: ranks process blocks as gradients arrive, and may start the next forward pass
 * early. Between nodes a step ends when theta is complete on every node. Waiting polls and yields the processor
 * (apd_window_pause), so that more ranks than cores make progress. */
#ifndef APD_MPI_EXCHANGE_EXCHANGE_H
#define APD_MPI_EXCHANGE_EXCHANGE_H

#include "mpi/team/team.h"
#include "network/gradient.h"
#include "network/partition.h"

typedef struct apd_exchange apd_exchange;

/* Theta and all gradients begin as zeros. `images`: the most images of a shard's micro-batch, which decides what is
 * factored; 0: any number, and nothing is. `team`, `partition` and `layout` must outlive the exchange. Collective. */
apd_exchange *apd_exchange_create(const apd_team *team, const apd_partition *partition,
                                  const apd_layout *layout, int images);
void apd_exchange_destroy(apd_exchange *exchange); /* Collective. Takes NULL. */

/* This node's theta, laid out as `layout`. Local. */
const float *apd_exchange_theta(const apd_exchange *exchange);

/* Where the gradient of `shard`, one of this rank's, is to be written, and its layout. Local. */
float *apd_exchange_gradient(apd_exchange *exchange, int shard);
const apd_gradient_layout *apd_exchange_gradient_layout(const apd_exchange *exchange);

/* This rank's rows of theta to write: weights (own rows, C), `*bias` (own rows). Local. */
float *apd_exchange_theta_rows(apd_exchange *exchange, int block, float **bias);

/* Collective, but does not wait. */
void apd_exchange_begin_step(apd_exchange *exchange);

/* Say that the gradients of `block` of all this rank's shards are written, and that this rank no longer reads the
 * block's theta of the last step. Local. */
void apd_exchange_publish(apd_exchange *exchange, int block);

/* Wait for a block whose gradients of all shards have arrived, the lowest of those that were not yet returned in this
 * step. */
int apd_exchange_next(apd_exchange *exchange);

/* The gradient, summed over all shards, of rows rows.begin .. rows.end-1 of this rank's rows (from 0) of a block that
 * apd_exchange_next returned, at most apd_exchange_chunk of them: weights (rows, C), `*bias` (rows). Valid until the
 * next call. Local. */
const float *apd_exchange_collect(apd_exchange *exchange, int block, apd_rows rows, const float **bias);

/* Rows to collect a call, so that their sum stays in cache until it is used. Local. */
int64_t apd_exchange_chunk(const apd_exchange *exchange, int block);

/* Advance `*rows` to the next chunk of this rank's rows; start with {0}. False if there are no more. Local. */
bool apd_exchange_next_rows(const apd_exchange *exchange, int block, apd_rows *rows);

/* Say that this rank's rows of theta of `block` are written. Local. */
void apd_exchange_release(apd_exchange *exchange, int block);

/* All blocks must have been released. With several nodes it waits until theta is complete on this one. Collective. */
void apd_exchange_end_step(apd_exchange *exchange);

/* True once this node's theta of `block` is complete for the last finished step. Local, does not wait. The rows then
 * stay unchanged until every rank of the node has published `block` in the next step or entered begin_share. */
bool apd_exchange_has_theta(const apd_exchange *exchange, int block);

/* Wait until apd_exchange_has_theta. */
void apd_exchange_await_theta(apd_exchange *exchange, int block);

/* Change theta outside a step. Collective. begin_share waits until no rank of this node reads the old theta; then every
 * rank writes its rows of all blocks (apd_exchange_theta_rows); end_share waits until theta is complete on this node. */
void apd_exchange_begin_share(apd_exchange *exchange);
void apd_exchange_end_share(apd_exchange *exchange);

/* Bytes of this rank's own buffers; `*shared`: of this node's shared memory. Local. */
int64_t apd_exchange_bytes(const apd_exchange *exchange, int64_t *shared);

/* An estimate for a launch that is only planned: bytes of shared memory that a rank touches (theta, its shards'
 * gradients, its neighbours' factors, and its rows of their other gradients) and of its own buffers. Nodes have
 * `ranks_a_node` ranks; the last may have fewer. Local. */
int64_t apd_exchange_estimate(const apd_layout *layout, int shards, int ranks, int ranks_a_node, int images);

#endif
