/* checkpoint_links: where a commit begins: with the links of most finished tasks.
 *
 * HDF5 makes a link in 4 us, and nearly all of a commit's are those of the one before: ten thousand tasks' would take
 * longer than the task that is new. So the links of the first tasks, by whole hundreds, are kept as the bytes of a
 * checkpoint.h5 that has nothing else; the next commit's begins as a copy of it. Every commit begins so, also the
 * first, which makes the bytes, and when one of these tasks is written anew they are made anew: the file depends on
 * what it says, not on the commits before it. */
#ifndef APD_IO_CHECKPOINT_LINKS_H
#define APD_IO_CHECKPOINT_LINKS_H

#include "io/checkpoint/checkpoint.h"
#include "io/checkpoint/file.h"
#include "io/checkpoint/segment.h"

typedef struct apd_link_place {
    apd_segment segment;
    bool forgotten;
} apd_link_place;

struct apd_checkpoint_links {
    int count;              /* of the first tasks */
    apd_link_place *places; /* (count) */
    apd_h5_image image;     /* of their links, and of the folders of all */
};

/* Where the task at `place` lies in a commit that is being made: in its part `part`, -1: where its record says. */
apd_link_place apd_checkpoint_link_place(const apd_run_state *state, int place, int part);

/* The folders that every checkpoint has. Statuses as apd_checkpoint_save. */
apd_status apd_checkpoint_link_folders(const apd_checkpoint_out *root, apd_error *error);

/* The link of the task at `place`. Statuses as apd_checkpoint_save. */
apd_status apd_checkpoint_link_put(const apd_checkpoint_out *root, int place, apd_link_place where,
                                   apd_error *error);

/* Make state->links those of the commit that is being made, whose tasks are in `part` (T). `temporary` is the path of
 * a file that may be written, and is gone afterwards. */
apd_status apd_checkpoint_links_update(apd_run_state *state, const int *part, const char *temporary,
                                       apd_error *error);

/* For tests: how many tasks' links are kept together; returns how many it was. */
int apd_checkpoint_links_set_together(int tasks);

void apd_checkpoint_links_destroy(apd_checkpoint_links *links); /* Takes NULL. */

#endif
