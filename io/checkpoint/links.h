/* links: checkpoint.h5's links to the items, for readers of HDF5 without the program.
 *
 * HDF5 takes 4 us to make a link. So the bytes of a file with nothing but the links of the first tasks are kept from commit to
 * commit, and a commit makes links only for the tasks after them. The kept image grows by batches of a fixed number of
 * tasks, so that equal commits are equal files. */
#ifndef APD_IO_CHECKPOINT_LINKS_H
#define APD_IO_CHECKPOINT_LINKS_H

#include "io/checkpoint/part_writer.h"
#include "io/checkpoint/schema.h"

/* Links to all items of a commit, those of the image first. `*begin` is the state's (NULL where it has none: few tasks). Free
 * the list. Status INTERNAL. */
apd_status apd_links_make(apd_run_state *state, const apd_layout *layout, apd_part_link **links,
                          int64_t *count, const apd_part_image **begin, apd_error *error);

/* For tests: set the number of tasks in a batch (128). Returns the former number. */
int apd_links_set_lot(int tasks);

#endif
