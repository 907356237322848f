/* apd.h: the networks of an apd run, in your program.
 *
 *     apd_file *file;
 *     apd_theta *theta;
 *     int task;
 *     if (apd_open("runs/mine", &file) != APD_GOOD || apd_find(file, "3", &task) != APD_GOOD ||
 *         apd_compose(file, task, &theta) != APD_GOOD)
 *         return fprintf(stderr, "%s\n", apd_reason()), 1;
 *     apd_predict(theta, images, n, probabilities, classes);
 *     apd_release(theta);
 *     apd_close(file);
 *
 * Compile and link with `pkg-config --cflags --libs apd`, or with find_package(apd) and apd::apd in CMake. No MPI is needed.
 *
 * Statuses   Functions that can fail return a status, APD_GOOD (0) or one of those below, and set their outputs on success only;
 *            apd_reason() is then a line of text. Damaged and hostile files are APD_BAD_FILE.
 * Threads    All functions may be called from several threads at a time, also on the same file and theta, but apd_close and
 *            apd_release, which are the last call on theirs. apd_open reads everything, one call at a time; afterwards the file on
 *            disk is not touched. Do not call HDF5 yourself in other threads while apd_open runs, unless yours is thread-safe.
 * Signals    While apd_open runs it handles SIGSEGV, SIGBUS, SIGFPE and SIGABRT, for crashes inside HDF5 that a hostile file may
 *            cause, and then puts your handlers back. After such a crash, or out of memory, apd_open returns a status, and every later
 *            apd_open in this process APD_FAULT: what is open already works on.
 * Bits       Predictions are those of `apd predict` and `apd evaluate`, to the bit, if images are passed in portions of apd_portion()
 *            from the first on, as these commands and one call of apd_predict do.
 * Task       An int, 0 .. apd_task_count()-1: its place in the stream. Where a number is out of its range, functions that return
 *            a number return 0 or NaN, and those that return a pointer NULL. */
#ifndef APD_H
#define APD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define APD_PUBLIC __attribute__((visibility("default")))
#else
#define APD_PUBLIC
#endif

/* The exit statuses of the program apd, too. */
enum {
    APD_GOOD = 0,
    APD_BAD_CALL = 2,  /* an argument is impossible: no such task, say */
    APD_BAD_FILE = 65, /* the checkpoint is damaged, or is none */
    APD_FAULT = 70,    /* a fault of the library or of one it calls; out of memory */
    APD_REFUSED = 74,  /* the system refused to read: no such file, no permission */
    APD_TRY_AGAIN = 75 /* the same, for a reason that may pass */
};

/* The text of the last failure in this thread, a line of UTF-8 without a newline; "" if there was none. Valid until the next. */
APD_PUBLIC const char *apd_reason(void);

/* "0.1.0" */
APD_PUBLIC const char *apd_version(void);

/* --- a checkpoint ------------------------------------------------------------------------------------------ */

typedef struct apd_file apd_file;

/* Read a run's newest commit (its folder) or a checkpoint (a file, also of `apd pack`) into memory. The run may go on
 * meanwhile. */
APD_PUBLIC int apd_open(const char *run, apd_file **file);
APD_PUBLIC void apd_close(apd_file *file); /* Takes NULL. Release what was composed from it before. */

/* What an image is: shape[3] becomes channels, height, width. Returns 1 if its numbers are float as the run's data file has
 * them, 0 if they are uint8_t, 0 to 255. */
APD_PUBLIC int apd_input(const apd_file *file, int shape[3]);

/* How many images pass the network at a time. */
APD_PUBLIC int64_t apd_portion(const apd_file *file);

/* How many tasks there are, forgotten ones included. */
APD_PUBLIC int apd_task_count(const apd_file *file);

/* The task with this number or name. APD_BAD_CALL where there is none, or it is forgotten. */
APD_PUBLIC int apd_find(const apd_file *file, const char *number_or_name, int *task);

APD_PUBLIC int apd_task_number(const apd_file *file, int task);
APD_PUBLIC const char *apd_task_name(const apd_file *file, int task);
APD_PUBLIC double apd_task_accuracy(const apd_file *file,
                                    int task); /* on its test images when it was learned, 0 to 1 */

/* The classes of a task, k = 0 .. apd_class_count()-1; 0 of a forgotten one. Their numbers and names are the data file's; name
 * "class 17" where it has none. */
APD_PUBLIC int apd_class_count(const apd_file *file, int task);
APD_PUBLIC int apd_class_number(const apd_file *file, int task, int k);
APD_PUBLIC const char *apd_class_name(const apd_file *file, int task, int k);

/* --- a task's network -------------------------------------------------------------------------------------- */

typedef struct apd_theta apd_theta;

/* Compose the weights theta = mask * sigma + sigma_g + tau of a task, which is not forgotten. The file outlives it. */
APD_PUBLIC int apd_compose(const apd_file *file, int task, apd_theta **theta);
APD_PUBLIC void apd_release(apd_theta *theta); /* Takes NULL. */

/* Predict n >= 0 images (n, channels, height, width), as they are in the data file: normalisation and the stream's transform
 * (layout, permutation, rotation) are applied.
 *   images          see apd_input
 *   probabilities   (n, apd_class_count()), out; may be NULL
 *   classes         (n), out: the most probable k, the first of equals; may be NULL */
APD_PUBLIC int apd_predict(const apd_theta *theta, const void *images, int64_t n, float *probabilities,
                           int *classes);

/* The arrays of theta, i = 0 .. apd_values_count()-1: rows * cols numbers and their name, as `apd export --npz` writes them
 * ("conv1_weights"; a bias has one column). A convolution's columns are (input channel, kernel row, kernel column). Pointers are
 * theta's; any may be NULL. */
APD_PUBLIC int apd_values_count(const apd_theta *theta);
APD_PUBLIC const float *apd_values(const apd_theta *theta, int i, const char **name, int64_t *rows,
                                   int64_t *cols);

#ifdef __cplusplus
}
#endif

#endif
