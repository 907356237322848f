/* holder: who holds a run's lock, as text in the lock's file.
 *
 *   apd lock held                     or "left", of the same length, once the holder has left
 *   token 5f0c...                     a random number that no other lock has
 *   since 2026-11-30T01:53:07Z
 *   slurm CLUSTER/JOB 2               where Slurm started it: its job (ARRAY_INDEX in an array), how often restarted
 *   host NAME BOOT SPACE              io/system/process.h; the following numbers are of this host
 *   process PID START                 one a rank, rank 0 first
 *   end 2                             how many processes; without this line the text is not whole
 * Local. */
#ifndef APD_IO_SYSTEM_HOLDER_H
#define APD_IO_SYSTEM_HOLDER_H

#include "io/system/process.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct apd_holder {
    bool left;
    char token[20], since[32];
    char job[160]; /* "" without Slurm */
    int restart;
    apd_process *ranks; /* (count, at least 1), owned */
    int64_t count;
} apd_holder;

/* Where the word "held" or "left" is in the text. */
enum { APD_HOLDER_WORD = 9, APD_HOLDER_WORD_BYTES = 4 };

/* This job, whose processes are `ranks` (count), rank 0's first; with a new token. Clear it. */
void apd_holder_make(apd_holder *holder, const apd_process *ranks, int64_t count);

/* Its text (0-terminated; free it). */
char *apd_holder_write(const apd_holder *holder, int64_t *bytes);

/* The inverse; false, and nothing to clear, when the text is not whole or not such a text. */
bool apd_holder_parse(const char *text, apd_holder *holder);
void apd_holder_clear(apd_holder *holder);

/* Whether Slurm has started the job of `holder` again since, as `self`. */
bool apd_holder_was_restarted(const apd_holder *holder, const apd_holder *self);

/* Whether all processes of `holder` are dead beyond doubt, judged by rank 0 of `self`. */
bool apd_holder_is_dead(const apd_holder *holder, const apd_holder *self);

/* "process 123 on node7 (Slurm job 991, since ...)". */
void apd_holder_describe(const apd_holder *holder, char *text, int64_t size);

#endif
