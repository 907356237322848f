/* status: how a function says what went wrong.
 *
 * The world's faults (a missing file, a wrong key, damaged data) are returned as an apd_status and one line
 * of text in an apd_error. The text names the place (file, key, line), the reason, and what would be right.
 * The status values are the program's exit codes, so that a Slurm script can act on them.
 * Our own faults (a broken invariant) end the program through APD_ASSERT; lack of memory through apd_fatal.
 */
#ifndef APD_BASE_STATUS_H
#define APD_BASE_STATUS_H

typedef enum apd_status {
    APD_OK = 0,
    APD_ERROR_RUNS = 1,      /* some runs of a study failed */
    APD_ERROR_USAGE = 2,     /* the command line or the run description is wrong */
    APD_ERROR_DATA = 65,     /* a data file or a checkpoint is damaged, missing parts, or does not fit */
    APD_ERROR_LOCKED = 69,   /* another job writes this run */
    APD_ERROR_INTERNAL = 70, /* a fault of the program or of a library it calls; out of memory */
    APD_ERROR_IO = 74,       /* the system refused to read or write: no such file, no space, no permission */
    APD_REQUEUE = 75 /* start again: committed and stopped (no text), or a fault that may pass (a text) */
} apd_status;

/* The first error met. Start with {0}. */
typedef struct apd_error {
    apd_status status;
    char message[1024]; /* one line, no trailing newline; "" when status is APD_OK */
} apd_error;

/* Fill `error` with the formatted line and return `status`, so that `return apd_fail(...)` reads well.
 * The first failure is kept: a second call leaves the text alone and returns the first status.
 * `error` may be NULL. Newlines in the text become spaces, other control characters and what is not UTF-8 '?'. */
apd_status apd_fail(apd_error *error, apd_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a system call that failed with errno `number`; its text is put behind the line. Returns APD_REQUEUE for
 * faults that may pass (EIO, ESTALE, EMFILE, ENFILE, ENOMEM, EAGAIN), APD_ERROR_IO for all others. */
apd_status apd_fail_errno(apd_error *error, int number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Return from the calling function when `call` fails. Only for functions that own nothing yet. */
#define APD_TRY(call)                    \
    do {                                 \
        apd_status try_status_ = (call); \
        if (try_status_ != APD_OK)       \
            return try_status_;          \
    } while (0)

/* Jump to `out` when `call` fails; needs a local `apd_status status` and a label `out`. */
#define APD_GO(call)          \
    do {                      \
        status = (call);      \
        if (status != APD_OK) \
            goto out;         \
    } while (0)

/* End the process after one line on stderr. Under MPI the whole job ends: mpi/team installs its abort. Where the thread has a
 * landing (base/landing.h), go there instead. */
void apd_fatal(apd_status status, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

/* Who speaks and how the process ends: called once by mpi/team. `abort_job` must not return. */
void apd_fatal_install(int rank, void (*abort_job)(int exit_code));

/* Always on, in release builds too. No side effects inside. */
#define APD_ASSERT(expression) \
    ((expression)              \
         ? (void)0             \
         : apd_fatal(APD_ERROR_INTERNAL, "%s:%d: broken invariant: %s", __FILE__, __LINE__, #expression))

#endif
