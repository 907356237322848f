/* links: checkpoint.h5's links to the items, for readers of HDF5 without the program.
 *
 * HDF5 needs 4 us for a link. The bytes of a file that has the links of the first tasks and nothing else are kept from commit
 * to commit, so that a commit makes links to the last, broken lot of tasks alone. The lots are of a fixed size, so that equal
 * commits are equal files. */
#ifndef APD_IO_CHECKPOINT_LINKS_H
#define APD_IO_CHECKPOINT_LINKS_H

#include "io/checkpoint/part_writer.h"
#include "io/checkpoint/schema.h"

/* Links to all items of a commit, those of the image first. `*begin` is the state's (NULL where it has none: few tasks). Free
 * the list. Status INTERNAL. */
apd_status apd_links_make(apd_run_state *state, const apd_layout *layout, apd_part_link **links,
                          int64_t *count, const apd_part_image **begin, apd_error *error);

/* For tests: a lot is of so many tasks (128). Returns what it was. */
int apd_links_set_lot(int tasks);

#endif
