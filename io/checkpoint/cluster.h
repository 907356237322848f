/* checkpoint_cluster: locally shared parameters as data sets, for the writer and the reader.
 *
 * A block's clusters are a group /groups/LAYER (how many there are, and which task is in which) and in it a
 * group a cluster, /groups/LAYER/003, with sigma_g as compressed sparse rows. The checks of sparse rows serve
 * tau too. Statuses as checkpoint_put and checkpoint_get. */
#ifndef APD_IO_CHECKPOINT_CLUSTER_H
#define APD_IO_CHECKPOINT_CLUSTER_H

#include "io/checkpoint/get.h"
#include "io/checkpoint/put.h"
#include "method/decomposition.h"

/* "/groups/LAYER", or "/groups/LAYER/003" for a cluster that is not negative. */
void apd_checkpoint_cluster_name(const apd_block *block, int cluster, char *name, size_t size);

/* Attribute clusters and data set assignment (tasks). Reading checks that as many clusters are there and that
 * every place is in one of them or in none (-1); the assignment is to be freed. */
apd_status apd_checkpoint_put_assignment(apd_checkpoint_out *out, int clusters, const int32_t *assignment,
                                         int tasks, apd_error *error);
apd_status apd_checkpoint_get_clusters(apd_checkpoint_in *in, int *clusters, apd_error *error);
apd_status apd_checkpoint_get_assignment(apd_checkpoint_in *in, int tasks, int clusters, int32_t **assignment,
                                         apd_error *error);

/* Data sets values, columns, row_offsets: sigma_g of a whole block. `shared` is to be cleared. */
apd_status apd_checkpoint_put_shared(apd_checkpoint_out *out, const apd_sparse *shared, apd_error *error);
apd_status apd_checkpoint_get_shared(apd_checkpoint_in *in, const apd_block *block, apd_sparse *shared,
                                     apd_error *error);

/* How many entries a cluster's data sets hold, without reading them. */
apd_status apd_checkpoint_get_entries(const apd_checkpoint_in *in, int64_t *entries, apd_error *error);

/* Row ends (rows) in data set `name`: rising from span.begin, none past span.end, no row longer than
 * `cols`. */
apd_status apd_checkpoint_check_ends(const apd_checkpoint_in *in, const char *name, const int64_t *ends,
                                     int64_t rows, apd_rows span, int64_t cols, apd_error *error);

/* Columns in data set `name`: rising within each row, in 0 .. cols-1. */
apd_status apd_checkpoint_check_columns(const apd_checkpoint_in *in, const char *name,
                                        const apd_sparse *sparse, int64_t cols, apd_error *error);

#endif
