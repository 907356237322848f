/* guard: a fault inside HDF5 ends the program with one line that names the file, not with a crash.
 *
 * HDF5 trusts the files that it reads: a changed length or address sends it into memory that is not its own (seen with
 * 1.10.8: the global heap of texts of variable length). Checking that from outside would mean to read the whole format
 * again. So while a file is read, SIGSEGV, SIGBUS, SIGFPE and SIGABRT in HDF5, or in a library that HDF5 called, mean
 * that the file is damaged: the process says so and ends at once with the status DATA, without asking HDF5 to clean up;
 * under MPI the launcher then ends the job. After a read that the system refused the status is REQUEUE. Faults of our
 * own code, in libraries that it called, and outside of such a stretch go to the former handlers.
 *
 * Where the thread has a landing (base/landing.h) it goes there instead.
 *
 * What remains: heap memory that our code damaged, but HDF5 tripped over, still counts as a damaged file. Where HDF5 is linked statically
 * its code cannot be told from ours, and every fault while reading counts as the file's.
 * Reading in a child process would know better, but MPI forbids fork in places, and all would be read twice.
 *
 * The stretch belongs to the calling thread. Local. */
#ifndef APD_IO_HDF5_GUARD_H
#define APD_IO_HDF5_GUARD_H

/* From here to _end what this thread does is reading `path`, which must last as long. Returns what _end puts
 * back: stretches may be nested. */
const char *apd_h5_guard_begin(const char *path);
void apd_h5_guard_end(const char *former);

/* For a library, after a fault, too: this thread reads no more, and the former handlers are back. No other thread reads. */
void apd_h5_guard_remove(void);

#endif
