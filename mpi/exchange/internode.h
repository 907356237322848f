/* internode: what an exchange sends between nodes. For the files of mpi/ only. With one node it does nothing.
 *
 * The shards of a node are cut into the fewest whole subtrees of the fixed tree, the *runs*. For each owner
 * on another node one of the node's ranks, its delegate, adds up the runs' shards for the owner's rows and
 * sends these sums in one message a block: run after run, (rows, C) weights, then (rows) biases. The owner
 * goes on adding where they stop. Back come the owner's new rows of theta, which the delegate receives
 * straight into the node's theta. Two-sided messages, because RMA between nodes is not to be relied on (Open
 * MPI 4 over TCP).
 *
 * Messages of a block carry the block's tag, and between two ranks those of one tag stay in order: all ranks
 * post them step by step, so a fast rank may be ahead without harm. */
#ifndef APD_MPI_EXCHANGE_INTERNODE_H
#define APD_MPI_EXCHANGE_INTERNODE_H

#include "mpi/exchange/gradients.h"
#include "mpi/exchange/partition.h"
#include "mpi/team/comm.h"

typedef struct apd_internode apd_internode;

/* `gradients`: of this node's shards; `theta`: the node's arena. Both, and the rest, must outlive the internode. Collective.
 */
apd_internode *apd_internode_create(const apd_team *team, const apd_partition *partition,
                                    const apd_layout *layout, const apd_gradients *gradients, float *theta);
void apd_internode_destroy(apd_internode *internode); /* Collective; nothing may be under way. Takes NULL. */

/* All runs of all nodes, in order of shards. */
const apd_rows *apd_internode_runs(const apd_internode *internode, int *count);

void apd_internode_begin_step(apd_internode *internode); /* expect this step's sums from other nodes */
void apd_internode_send_sums(apd_internode *internode, int block); /* when all shards of this node are done */
bool apd_internode_arrived(apd_internode *internode, int block); /* are all sums for this rank's rows here? */
const float *apd_internode_sum(const apd_internode *internode, int block,
                               int run); /* another node's: see above */

void apd_internode_expect_rows(apd_internode *internode,
                               int block); /* when this node no longer reads the old theta */
void apd_internode_send_rows(apd_internode *internode, int block); /* when this rank's rows are new */

/* Moves MPI forward; true when all that this rank sends is gone and all rows it receives have come. */
bool apd_internode_quiet(apd_internode *internode);

int64_t apd_internode_bytes(const apd_internode *internode);

#endif
