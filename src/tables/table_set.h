/* table_set: the runs of a study, read, and grouped into tables and their lines.
 *
 * A table has the finished runs of the same data, tasks and evaluated part: its side. A line has those of one method and the
 * same values of all keys but seed and stream.order. Local. */
#ifndef APD_TABLES_TABLE_SET_H
#define APD_TABLES_TABLE_SET_H

#include "tables/side.h"

/* A run of a study, as given. */
typedef struct apd_table_run {
    const char *folder;        /* of the run; need not exist yet */
    const char *const *values; /* (key_count) as text */
} apd_table_run;

typedef struct apd_tabled_run {
    apd_result result;
    const char *folder;        /* as given; result.name is its last component */
    const char *const *values; /* (keys), not owned */
    const char *state;         /* "finished", "unfinished", "not started", "unreadable" */
    apd_error fault;           /* why it is unreadable */
    int table;                 /* of a finished one; -1: in none */
} apd_tabled_run;

typedef struct apd_table {
    apd_side side;
    int *rows; /* (side.run_count) which run of the study each is */
    int line_count;
    apd_line *lines; /* (lines) in the order of their first runs */
} apd_table;

typedef struct apd_table_set {
    int run_count, key_count, shown_count, table_count;
    apd_tabled_run *runs;
    const char *const *keys; /* (keys), not owned */
    int *shown; /* (shown) the keys but seed, stream.order and method.name: columns of the tables */
    apd_table *tables;
} apd_table_set;

/* Add to `keys`, which end in NULL, those in which the two descriptions differ besides. Returns how many there are then. */
enum { APD_TABLE_KEYS = 64 };
int apd_table_keys(const apd_description *a, const apd_description *b, const char *keys[APD_TABLE_KEYS + 1]);

/* Read and group. `keys` and the runs' texts must outlive the study. A run that cannot be read is in no table. Clear it. */
apd_table_set apd_table_set_read(const apd_table_run *runs, int count, const char *const *keys,
                                 int key_count);
void apd_table_set_clear(apd_table_set *study);

#endif
