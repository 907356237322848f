/* fuzz_checkpoint_run: the good run that inputs of fuzz_checkpoint begin with. Local. */
#ifndef APD_FUZZ_CHECKPOINT_RUN_H
#define APD_FUZZ_CHECKPOINT_RUN_H

enum { FUZZ_FILES = 5, FUZZ_PARTS = FUZZ_FILES - 1 };

/* In the run's folder: checkpoint.h5, then its parts. */
extern const char *const fuzz_run_files[FUZZ_FILES];

/* Where the items of a part end, in the order of apd_item_list. */
extern const int fuzz_part_ends[FUZZ_PARTS];

/* The arrays of a group in the order in which its digest has them: of the items, then of the root's groups. */
struct fuzz_order {
    char group[64];
    int count;
    char names[16][32];
};
extern struct fuzz_order fuzz_orders[32];
extern int fuzz_order_count;

/* Write commit 1 into the folder, which has a folder "segments". */
void fuzz_write_run(const char *run_folder);

#endif
