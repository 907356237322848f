/* memory_limit: is there memory for what a file says it holds?
 *
 * A number in a file may ask for more than the machine has, and the system then grants it and kills the process
 * later. So a size from a file is first held against the file's own size, by whoever reads it, and then against
 * this: what the system says can be had without swapping, what is left of the control group's limit (Slurm sets
 * one), and of the process' own limit of address space. It is an estimate: several processes may ask at once.
 * Local. */
#ifndef APD_IO_SYSTEM_MEMORY_LIMIT_H
#define APD_IO_SYSTEM_MEMORY_LIMIT_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* Bytes that this process can have; INT64_MAX where the system does not say. */
int64_t apd_room(void);

/* Check that `count` >= 0 elements of `size` bytes fit into memory; `where` (a file) and `what` (the elements, in the
 * plural) are for the message. Statuses: REQUEUE when they do not fit now (lack of memory proves no damage); DATA when
 * their bytes exceed 2^63. Costs nothing below a mebibyte. */
apd_status apd_memory_limit_check(const char *where, const char *what, int64_t count, size_t size,
                                  apd_error *error);

#endif
