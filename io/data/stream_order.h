/* stream_order: in which order a stream's tasks come: a letter, a list or a seed. */
#ifndef APD_IO_DATA_STREAM_ORDER_H
#define APD_IO_DATA_STREAM_ORDER_H

#include "io/data/stream.h"

/* Make and fill stream->order (task_count) as stream.order of the description says. A is the identity for any
 * number of tasks; B to E are the orders of the method's authors (Yoon et al. 2020) for 10 and 20 tasks.
 * Status: USAGE, naming the key, the value and what would be right. */
apd_status apd_stream_order(const apd_description *description, apd_stream *stream, apd_error *error);

#endif
