/* exchange: theta out to everyone, gradients back to the rows' owners, in a fixed order.
 *
 * On one node theta is one array in a shared-memory window that all its ranks read, and every shard's
 * gradient is there too (large blocks of dense layers as factors, network/gradient.h), so that an owner adds the
 * shards' rows where they lie and writes new theta rows where everyone reads them. Between nodes, one rank of a
 * node for each owner sends what the owner lacks by two-sided messages: sums of whole subtrees for gradients, rows
 * for theta.
 *
 * The sum over shards follows apd_partition_tree_sum's tree elementwise in float, whatever P and however
 * the ranks lie on nodes: the same bits at every P <= S.
 *
 * One step, on every rank:
 *     apd_exchange_begin_step(x)
 *     forward passes of this rank's shards, each block behind  apd_exchange_await_theta(x, block)
 *     backward passes into apd_exchange_gradient(x, shard), and in the last of them,
 *         as each block is done:  apd_exchange_publish(x, block)
 *     as often as there are blocks:
 *         block = apd_exchange_next(x)
 *         for a few of this rank's rows at a time (apd_exchange_next_rows):
 *             gradient = apd_exchange_collect(x, block, rows, &bias)     summed over all shards
 *             ... write the new rows with apd_exchange_theta_rows(x, block, &bias)
 *         apd_exchange_release(x, block)
 *     apd_exchange_end_step(x)
 * On one node no rank waits for all of a step: a rank that is ahead takes blocks whose gradients are there, and goes
 * on with the next step's first layers while others update the last ones; one that is behind updates the first
 * layers first. Between nodes a step ends when theta is whole everywhere.
 * Waiting polls, and yields the processor when it does not succeed soon, since tests run more ranks than
 * cores. */
#ifndef APD_MPI_EXCHANGE_EXCHANGE_H
#define APD_MPI_EXCHANGE_EXCHANGE_H

#include "mpi/exchange/partition.h"
#include "mpi/team/team.h"
#include "network/gradient.h"

typedef struct apd_exchange apd_exchange;

/* Gradients are of micro-batches of up to `images` images (0: of any, and nothing is factored). Collective. `layout` and
 * `partition` must outlive the exchange. Everything starts at zero. */
apd_exchange *apd_exchange_create(const apd_team *team, const apd_partition *partition,
                                  const apd_layout *layout, int images);
void apd_exchange_destroy(apd_exchange *exchange); /* Collective. Takes NULL. */

const float *apd_exchange_theta(const apd_exchange *exchange); /* arena, whole, the node's copy */

/* Where the gradient of one of this rank's shards goes, and how it lies there. */
float *apd_exchange_gradient(apd_exchange *exchange, int shard);
const apd_gradient_layout *apd_exchange_gradient_layout(const apd_exchange *exchange);

/* Where this rank writes its rows of theta: (owned rows, C), and its biases (owned rows). */
float *apd_exchange_theta_rows(apd_exchange *exchange, int block, float **bias);

void apd_exchange_begin_step(apd_exchange *exchange);         /* Collective, but does not wait. */
void apd_exchange_publish(apd_exchange *exchange, int block); /* Local. */
/* A block whose gradients of all shards are there, the first of those that this rank has not had in this step; waits
 * for one. */
int apd_exchange_next(apd_exchange *exchange);
/* Of such a block, the summed gradient of this rank's rows rows.begin .. rows.end-1 (0: its first), at most
 * apd_exchange_chunk of them: (rows, C) and *bias (rows), valid until the next collect. Local. */
const float *apd_exchange_collect(apd_exchange *exchange, int block, apd_rows rows, const float **bias);
/* Rows of a block to collect at a time, so that their sums stay in the cache until they are used. */
int64_t apd_exchange_chunk(const apd_exchange *exchange, int block);
/* The next such rows, of this rank's, after `rows`; {0, 0} comes before the first. False when there are no more. */
bool apd_exchange_next_rows(const apd_exchange *exchange, int block, apd_rows *rows);
void apd_exchange_release(apd_exchange *exchange, int block); /* Local. */
void apd_exchange_end_step(apd_exchange *exchange);           /* Collective. */

/* In a step or after it: whether theta of this block has all that the last step, or whatever came after it, made of
 * it; and wait for that. No rank writes it again before all have published the block in the step that follows, or
 * have come to begin_share. */
bool apd_exchange_has_theta(const apd_exchange *exchange, int block);
void apd_exchange_await_theta(apd_exchange *exchange, int block);

/* Outside a step: begin_share waits until nobody on this node reads the old theta any more; then every rank
 * writes its rows of all blocks (apd_exchange_theta_rows); end_share waits until theta is whole and new on
 * this node. Collective. */
void apd_exchange_begin_share(apd_exchange *exchange);
void apd_exchange_end_share(apd_exchange *exchange);

/* Bytes of this rank's own buffers, and of the node's shared ones. Local. */
int64_t apd_exchange_bytes(const apd_exchange *exchange, int64_t *shared);

#endif
