/* schema: the one description of what a commit stores besides the run's state.
 *
 * A commit is a list of items. An item is an HDF5 group with arrays, each of which holds the rows of one or more
 * blocks, one block after the other:
 *
 *   group                 arrays                                               an item
 *   /shared/NAME          sigma, and the arrays beside it                      a decomposed block
 *   /tasks/000017         mask bias tau weight bits head/... (the table)       a finished task, by its place
 *   /groups/NAME/003      sigma_g                                              a cluster's sigma_g
 *   /training/NAME        tau sigma ... (apd_solver_array_at)                  a block of the task half way
 *
 * The tables of schema.c are the only place that lists them: allocating, moving rows between ranks, saving, loading,
 * verifying, packing and docs/file-formats.md are loops over their rows, and a new array is a new row. Rows enter an
 * item's digest in their order; row offsets precede the arrays that they size, and masks what is coded by them.
 *
 * In memory an array is a member of apd_task_block, of this rank's rows; in a file it is whole. The two meet in
 * *packed rows*: the bytes of some rows of an item, array after array and block after block. */
#ifndef APD_IO_CHECKPOINT_SCHEMA_H
#define APD_IO_CHECKPOINT_SCHEMA_H

#include "io/checkpoint/number.h"
#include "io/checkpoint/state.h"
#include "method/decomposition.h"

#include <stddef.h>
#include <stdio.h>

/* How many numbers of an array a row of a block has. */
typedef enum apd_extent {
    APD_ONE, /* one number; in the file: (sum of R) */
    APD_COLS, /* as many as the block has columns; in the file (R, C), or flat where there are several blocks */
    APD_BITS,   /* bits of as many, in whole bytes; in the file flat, (sum of R * bytes) */
    APD_KEYS,   /* bytes of a key, the same in all tasks of a run; no array where that is 0 */
    APD_ENDS,   /* where its entries end */
    APD_ENTRIES /* a number an entry */
} apd_extent;

typedef enum apd_blocks { APD_BODY, APD_HEAD } apd_blocks; /* all decomposed ones, or the head */

/* Which tasks have it, by their storage. */
typedef enum apd_tasks {
    APD_SPARSE = 1 << APD_STORAGE_DECOMPOSED,
    APD_SINGLE = 1 << APD_STORAGE_SINGLE,
    APD_SHARED = 1 << APD_STORAGE_SHARED,
    APD_SUBNET = 1 << APD_STORAGE_SUBNETWORK,
    APD_ALL = (1 << APD_STORAGES) - 1
} apd_tasks;

/* How the file holds the numbers. */
typedef enum apd_encoding {
    APD_RAW,
    APD_HALF, /* in 16 bits, where the commit's numbers have no more; else raw */
    APD_ROWS, /* the code of rows (code.h) where the commit's sigma has few bits; in the file uint8, (bytes); else as HALF */
    APD_PART, /* ENDS, and the columns: with the values after them, in their code */
    APD_CODE  /* the code of sparse rows (code.h); in the file uint8, (bytes) */
} apd_encoding;

/* A row of a table. */
typedef struct apd_array {
    const char *name;
    apd_blocks blocks;
    apd_extent extent;
    apd_tasks tasks;
    apd_number number;
    apd_encoding encoding;
    size_t member;        /* of apd_task_block: the pointer to the numbers */
    const char *contents; /* for people */
} apd_array;

extern const apd_array apd_task_arrays[];
extern const int apd_task_array_count;

typedef enum apd_item_kind {
    APD_ITEM_SIGMA,
    APD_ITEM_TASK,
    APD_ITEM_CLUSTER,
    APD_ITEM_TRAINING
} apd_item_kind;

/* Which item: a block's sigma, a task's place, a block's cluster, a block's arrays in training. */
typedef struct apd_item_key {
    apd_item_kind kind;
    int of, cluster;
} apd_item_key;

/* An array of an item. */
typedef struct apd_item_array {
    apd_array array;
    char name[64];
    int first, end;       /* the blocks that it runs over */
    int64_t width;        /* COLS: numbers a row; 0: the block's columns */
    apd_task_block *view; /* (end - first): the rows that the item holds */
} apd_item_array;

typedef struct apd_item {
    apd_item_key key;
    char group[64]; /* "tasks/000017" */
    const apd_layout *layout;
    int classes;          /* rows of the head in use */
    bool half;            /* HALF arrays have 16 bits in the file */
    bool coded;           /* ROWS arrays are code there */
    int key_width;        /* of KEYS */
    const apd_rows *held; /* (B): the rows that views hold */
    int count;
    apd_item_array *arrays; /* (count), owned */
    apd_task_block *own;    /* (own_count): views that are not the decomposition's */
    int own_count;
    bool owns;     /* their arrays, too */
    apd_rows *all; /* held, where it is the item's */
} apd_item;

/* All items of a commit in their order: sigma, tasks, clusters, training. `*count` of them; free the list. */
apd_item_key *apd_item_list(const apd_run_state *state, int *count);

/* Where an item lies, inside the state. */
apd_home *apd_item_home(apd_run_state *state, apd_item_key key);

/* "tasks/000017" (room: 64). */
void apd_item_group(const apd_layout *layout, apd_item_key key, char group[64]);

/* Where a commit's parts begin anew: shared parameters, tasks and training lie in different files. */
int apd_item_class(apd_item_key key);

/* The item as this rank holds it: views point into the decomposition, or the solver. `solver` is needed for
 * APD_ITEM_TRAINING alone. Clear it. Local. */
apd_item apd_item_of(apd_item_key key, const apd_decomposition *decomposition, const apd_run_state *state,
                     const apd_solver *solver);

/* The item with views of its own for all rows, which have no memory before it is read (apd_reader_item): a file may claim any
 * layout. Clear it. Local. */
apd_item apd_item_whole(apd_item_key key, const apd_layout *layout, const apd_run_state *state);
void apd_item_clear(apd_item *item);

/* The rows of block `block` among `rows` that the item has: those of the head stop at its classes. */
apd_rows apd_item_rows(const apd_item *item, int block, apd_rows rows);

/* An array's shape in the file; `code`: bytes of the whole item's code. Not for a PART. */
apd_shape apd_item_shape(const apd_item *item, int array, int64_t code);

/* Entries of the rows that the item's views hold. */
int64_t apd_item_entries(const apd_item *item);

/* How the file holds the numbers of an array of this item: RAW, HALF, PART, CODE, or ROWS where they are code. */
apd_encoding apd_item_encoding(const apd_item *item, const apd_item_array *array);

/* Bytes of their code. */
int64_t apd_item_code(const apd_item *item);

/* An estimate of the bytes of the whole item in a file, with `code` bytes of code. */
int64_t apd_item_bytes(const apd_item *item, int64_t code);

/* Numbers of `rows` rows of a block of an array; `entries`: of these rows. */
int64_t apd_item_numbers(const apd_item *item, const apd_item_array *array, int block, int64_t rows,
                         int64_t entries);

/* Where the views' numbers of a block lie (ENDS: behind the leading 0). */
void *apd_item_at(const apd_item_array *array, int block);

/* Set the views' row offsets of a block to `ends` (rows), which count from `base`, and make room for its entries. */
void apd_item_set_ends(const apd_item_array *array, int block, int64_t rows, const int64_t *ends,
                       int64_t base);

/* The masks by which the rows of a block are coded (the rows held); NULL: by none. */
const float *apd_item_masks(const apd_item *item, int block);

/* Make room for an array of the rows held; nothing for entries. */
void apd_item_allocate(const apd_item *item, const apd_item_array *array);

/* Bytes of the rows `wanted` (B), which are among those held, packed: array after array, of each block after block, row
 * offsets as ends that count from the first wanted row. And the packing, which returns where it ends. */
int64_t apd_item_packed_bytes(const apd_item *item, const apd_rows *wanted);
unsigned char *apd_item_pack(const apd_item *item, const apd_rows *wanted, unsigned char *bytes);

/* Packed rows, all of those held, into the views' memory. `bytes` is aligned to 8. Returns where they end. */
const unsigned char *apd_item_unpack(const apd_item *item, const unsigned char *bytes);

/* After reading into an item of apd_item_of: what was made room for in views of its own becomes the decomposition's. */
void apd_item_keep(const apd_item *item, apd_decomposition *decomposition);

/* The list of a solver's arrays, in the order in which they are saved: into training->arrays. */
void apd_training_list(const apd_solver *solver, apd_training_state *training);

/* The tables as one of Markdown: docs/file-formats.md. */
void apd_schema_print(FILE *file);

#endif
