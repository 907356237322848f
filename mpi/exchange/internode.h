/* internode: an exchange's messages between nodes. For the files of mpi/exchange only. Does nothing on a single node.
 *
 * A node's shards are a contiguous range, which is cut into the fewest whole subtrees of the fixed tree. For each owner
 * on another node, one rank of this node, the owner's delegate, sums each subtree's gradients of the owner's rows and
 * sends all sums of a block in one message: subtree after subtree, (rows, C) weights, then (rows) biases. The owner
 * continues the tree from these sums, and sends its new rows of theta to its delegate on each node, which receives them
 * in place. Messages are two-sided: RMA between nodes is unreliable in Open MPI 4 over TCP.
 *
 * Every block has its own tags, and messages between two ranks with one tag stay in order. All ranks post them step by
 * step, so a rank may be a step ahead of another. */
#ifndef APD_MPI_EXCHANGE_INTERNODE_H
#define APD_MPI_EXCHANGE_INTERNODE_H

#include "mpi/exchange/gradients.h"
#include "mpi/team/comm.h"
#include "network/partition.h"

typedef struct apd_internode apd_internode;

/* `gradients`: of this node's shards; `theta`: this node's. All arguments must outlive the internode. Collective. */
apd_internode *apd_internode_create(const apd_team *team, const apd_partition *partition,
                                    const apd_layout *layout, const apd_gradients *gradients, float *theta);

/* No message may be under way. Collective. Takes NULL. */
void apd_internode_destroy(apd_internode *internode);

/* The ranges of shards that nodes sum up, of all nodes, in order of shards. Local. */
const apd_rows *apd_internode_ranges(const apd_internode *internode, int *count);

/* The functions below are local and do not wait. */

/* Post the receives of this step's sums. */
void apd_internode_begin_step(apd_internode *internode);

/* Sum and send, once the gradients of `block` of all this node's shards are ready. */
void apd_internode_send_sums(apd_internode *internode, int block);

/* True once all other nodes' sums of this rank's rows of `block` have arrived. */
bool apd_internode_arrived(apd_internode *internode, int block);

/* The sum over another node's range `range`: (rows, C) weights, then (rows) biases. */
const float *apd_internode_sum(const apd_internode *internode, int block, int range);

/* Post the receives of other nodes' new rows of theta, once no rank of this node reads the old ones. */
void apd_internode_expect_rows(apd_internode *internode, int block);

/* Send this rank's new rows of theta. */
void apd_internode_send_rows(apd_internode *internode, int block);

/* True if all that this rank sends is sent, and all rows that it expects have arrived. Lets MPI make progress. */
bool apd_internode_quiet(apd_internode *internode);

/* Bytes of this rank's buffers. */
int64_t apd_internode_bytes(const apd_internode *internode);

/* An estimate of these bytes, on the rank with the most, for a launch that is only planned. Nodes have `ranks_a_node`
 * ranks; the last may have fewer. */
int64_t apd_internode_estimate(const apd_layout *layout, int shards, int ranks, int ranks_a_node);

#endif
