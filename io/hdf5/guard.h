/* h5_guard: a fault inside HDF5 ends the program with one line that names the file, not with a crash.
 *
 * HDF5 trusts the files that it reads: a length or an address that damage has changed sends it into memory that
 * is not its own (seen with 1.10.8: the global heap of texts of variable length). Nobody can foresee that from
 * outside without reading the whole format again. So, while a file is read, the signals of such a fault
 * (SIGSEGV, SIGBUS, SIGFPE, SIGABRT) mean that the file is bad: the process says so and ends with the status
 * DATA at once, without asking HDF5 to clean up; under MPI the launcher then ends the job. Faults of our own
 * code, and those outside of such a stretch, go where they went before.
 * A child process that reads first was the other way: it would read all twice, and MPI forbids fork in places.
 *
 * The stretch belongs to the calling thread. Local. */
#ifndef APD_IO_HDF5_GUARD_H
#define APD_IO_HDF5_GUARD_H

/* From here to _end what this thread does is reading `path`, which must last as long. Returns what _end puts
 * back: stretches may be nested. */
const char *apd_h5_guard_begin(const char *path);
void apd_h5_guard_end(const char *former);

#endif
