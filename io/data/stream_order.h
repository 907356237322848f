/* stream_order: the order of a stream's tasks, from a letter, a list or a seed. */
#ifndef APD_IO_DATA_STREAM_ORDER_H
#define APD_IO_DATA_STREAM_ORDER_H

#include "io/description/description.h"

/* Set order[p], p = 0 .. count-1, to the id of the task that is trained p-th, as stream.order says. A is the identity for
 * any number of tasks; B to E are the orders published with the method (Yoon et al. 2020), for 10 and 20 tasks. Local.
 * Status: USAGE naming the key, the value and what is needed; `order` is then undefined. */
apd_status apd_stream_order(const apd_description *description, int count, int *order, apd_error *error);

#endif
