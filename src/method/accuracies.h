/* accuracies: R[t][j], the test accuracy on task j after task t was learned, t >= j (places in the stream, from 0).
 *
 * Most tasks keep their accuracy when another is learned: with lambda2 = inf all do. So a row is kept as what changed
 * since the row above, and memory grows with the changes, not with T x T. The last row may change until the next task comes.
 * NaN: forgotten, or not measured yet. */
#ifndef APD_METHOD_ACCURACIES_H
#define APD_METHOD_ACCURACIES_H

#include <stdbool.h>
#include <stdint.h>

/* Start with {0}. */
typedef struct apd_accuracies {
    int32_t tasks;    /* T */
    double *now;      /* (T): R[T-1][j]; may be written */
    double *learned;  /* (T): R[j][j], of tasks before the last */
    double *best;     /* (T): max over t < T-1 of R[t][j]; NaN for the last task */
    double *above;    /* (T): R[T-2][j]; NaN for the last task */
    int64_t *ends;    /* (T-1): where the changes of rows 0 .. T-2 end */
    int32_t *task;    /* changes, row after row: whose accuracy, ascending in a row ... */
    double *value;    /* ... and what it is now */
    int64_t capacity; /* of task and value */
} apd_accuracies;

void apd_accuracies_clear(apd_accuracies *accuracies);

/* Begin the next task's row: now[T-1] is NaN, the others are as before. */
void apd_accuracies_add_task(apd_accuracies *accuracies);

/* R[j][j] */
double apd_accuracies_learned(const apd_accuracies *accuracies, int32_t task);

/* Task `place` is NaN in every row. */
void apd_accuracies_forget(apd_accuracies *accuracies, int32_t place);

/* All changes: how many there are, and the list of them, `ends` (T), `task` and `value` (changes). */
int64_t apd_accuracies_changes(const apd_accuracies *accuracies);
void apd_accuracies_list(const apd_accuracies *accuracies, int64_t *ends, int32_t *task, double *value);

/* The inverse. False, and {0}, when the list makes no sense. */
bool apd_accuracies_set(apd_accuracies *accuracies, int32_t tasks, const int64_t *ends, const int32_t *task,
                        const double *value, int64_t changes);

/* Turn `row` (T), which is row t-1, into row t; for t = 0 it need not be set. */
void apd_accuracies_next_row(const apd_accuracies *accuracies, int32_t t, double *row);

#endif
