/* relay: what an exchange sends between nodes. For the files of mpi/ only. With one node it does nothing.
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
#ifndef APD_MPI_RELAY_H
#define APD_MPI_RELAY_H

#include "mpi/gradients.h"
#include "mpi/partition.h"
#include "mpi/team_comm.h"

typedef struct apd_relay apd_relay;

/* `gradients`: of this node's shards; `theta`: the node's arena. Both, and the rest, must outlive the relay. Collective.
 */
apd_relay *apd_relay_create(const apd_team *team, const apd_partition *partition, const apd_layout *layout,
                            const apd_gradients *gradients, float *theta);
void apd_relay_destroy(apd_relay *relay); /* Collective; nothing may be under way. Takes NULL. */

/* All runs of all nodes, in order of shards. */
const apd_rows *apd_relay_runs(const apd_relay *relay, int *count);

void apd_relay_begin_step(apd_relay *relay);           /* expect this step's sums from other nodes */
void apd_relay_send_sums(apd_relay *relay, int block); /* when all shards of this node are done */
bool apd_relay_arrived(apd_relay *relay, int block);   /* are all sums for this rank's rows here? */
const float *apd_relay_sum(const apd_relay *relay, int block, int run); /* another node's: see above */

void apd_relay_expect_rows(apd_relay *relay, int block); /* when this node no longer reads the old theta */
void apd_relay_send_rows(apd_relay *relay, int block);   /* when this rank's rows are new */

/* Moves MPI forward; true when all that this rank sends is gone and all rows it receives have come. */
bool apd_relay_quiet(apd_relay *relay);

int64_t apd_relay_bytes(const apd_relay *relay);

#endif
