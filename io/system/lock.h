/* lock: one job writes a run's folder at a time. Readers (verify, inspect, pack elsewhere) need no lock.
 *
 * Where the file system has open-file-description locks (Linux, fcntl F_OFD_SETLK) the kernel decides. Rank 0 enters with
 * an exclusive lock on RUN/run.lock, writes who it is, and keeps a shared lock; every other rank opens the file itself
 * and keeps a shared lock, too. So a start is refused while any rank of the former job lives, also one that its mpirun
 * lost; and the death of all of them frees the run, whatever the text says. Whoever finds the holder's processes dead
 * waits a little for the kernel, or the file server, to notice.
 *
 * Where it has none (ENOLCK, EOPNOTSUPP, EINVAL, ENOSYS) files RUN/run.lock.N decide. A starter writes who it is, all
 * ranks, into a file of its own and links it (link(2), then a link count of two, as NFS may misreport) to the number
 * above the highest; without link(2) it makes the number's file exclusively. Then it lists the numbers again: a higher
 * one wins. Numbers are never reused, and a file is never removed, so a slow starter cannot remove a new holder's. The
 * highest file's text decides: its holder left, or is dead beyond doubt (io/system/process.h), or the run is not free.
 *
 * Both ways look at both kinds of files, since two nodes may mount one file system differently.
 * A job is also dead beyond doubt when Slurm has started the same job again since (SLURM_RESTART_COUNT); with kernel
 * locks that only makes the starter wait longer for the lock.
 * A lock that cannot be read is never taken for a free one.
 *
 * A person who knows that the holder is dead breaks the lock (--break-lock): a new run.lock is renamed over the old one,
 * or a higher number is taken. Should the old holder live after all, apd_lock_check tells it. Between that check and
 * the rename that it protects there is a gap of microseconds.
 *
 * Local. Statuses: LOCKED, naming the holder; IO, or REQUEUE for a fault that may pass. */
#ifndef APD_IO_SYSTEM_LOCK_H
#define APD_IO_SYSTEM_LOCK_H

#include "base/status.h"
#include "io/system/process.h"

#include <stdint.h>

typedef struct apd_lock apd_lock;

/* How the other ranks recognise rank 0's lock. */
#define APD_LOCK_TOKEN 20
typedef char apd_lock_token[APD_LOCK_TOKEN];

/* Become the writer of the folder `run`, which must exist. Rank 0's call; `ranks` (count) are the job's processes, rank
 * 0's first. `force`: break a lock that is held or cannot be read; a warning says whose. Waits 1
 * second for a living holder, which may be ending, 10 for one whose processes are dead, and 2 minutes for a former start
 * of the same Slurm job. Sets `*lock` on
 * success only. */
apd_status apd_lock_open(const char *run, const apd_process *ranks, int64_t count, bool force,
                         apd_lock **lock, apd_error *error);

const char *apd_lock_token_of(const apd_lock *lock);

/* On the other ranks, once rank 0 has opened the lock that has `token`: keep a shared lock. A rank that sees no such
 * lock under this path (it is on a node with a folder of its own there, or without locks) gets NULL: it cannot write
 * the run, or the holder's text speaks for it. */
apd_status apd_lock_join(const char *run, const char *token, apd_lock **lock, apd_error *error);

/* Note that `newest` (a path; it may be missing) is the run's newest commit as this job left or read it. Takes a NULL
 * lock, as the next two do. */
apd_status apd_lock_note(apd_lock *lock, const char *newest, apd_error *error);

/* Before the run is changed so that a reader notices: that the lock is still this job's and the newest commit still the
 * one that was noted. Any other answer than OK: publish nothing, remove nothing. */
apd_status apd_lock_check(const apd_lock *lock, apd_error *error);

/* Leave the run to others. */
void apd_lock_close(apd_lock *lock);

#endif
