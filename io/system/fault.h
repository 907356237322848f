/* fault: failures on purpose, for tests of what survives them. Nothing of it is in a release build.
 *
 * Built with APD_FAULTS, a process reads the environment variable APD_FAULT, a list such as
 *   kill=checkpoint.renamed:2      at the second passing of that point the process is killed (SIGKILL)
 *   stop=evaluated:3               at its third passing the process gets SIGUSR1
 *   write=0.01,seed=7              every write to a file of the checkpoint fails with this probability, as on a
 *                                  full disk (ENOSPC); in half of the cases after a part of its bytes
 *   write_after=20                 the writes from the 20th on fail so
 *   part=4000                      a part of a commit's tasks ends at so many bytes, so that small runs have many
 *   links=2                        so many tasks' links are kept together, likewise
 * Points: file.created, file.written, file.synced (of a checkpoint or a segment), checkpoint.verified,
 * checkpoint.former, checkpoint.renamed, checkpoint.tidied, evaluation (before a task's end evaluates), evaluated (each task there), consolidation (each layer),
 * forgetting, fisher (each shard), results. */
#ifndef APD_IO_SYSTEM_FAULT_H
#define APD_IO_SYSTEM_FAULT_H

#include <stddef.h>
#include <stdint.h>

#ifdef APD_FAULTS

void apd_fault_point(const char *name);

/* How many of `size` bytes a write may write; with errno set when not all. */
size_t apd_fault_write(size_t size);

/* The bytes at which a part ends, where `bytes` are usual. */
int64_t apd_fault_part(int64_t bytes);

/* How many tasks' links are kept together, where `tasks` are usual. */
int apd_fault_links(int tasks);

#else

static inline int64_t apd_fault_part(int64_t bytes) {
    return bytes;
}

static inline int apd_fault_links(int tasks) {
    return tasks;
}

static inline void apd_fault_point(const char *name) {
    (void)name;
}

static inline size_t apd_fault_write(size_t size) {
    return size;
}

#endif
#endif
