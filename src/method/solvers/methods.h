/* methods: the table of continual-learning methods, one row each. Whoever treats methods differently asks the row.
 *
 * A method is a row of methods.c and a file of its own with its operations (state.h), whose head names paper and settings.
 * With all of them a task has a head and biases of its own; where the body is shared, a task's biases start from those of
 * the task before. The second moments, the learning rates and the weight decay are Adam's and training.*, whatever the
 * method. */
#ifndef APD_METHOD_SOLVERS_METHODS_H
#define APD_METHOD_SOLVERS_METHODS_H

#include "method/decomposition.h"

struct solver_operations;

/* When the theta of a finished task may change while another one trains: it is evaluated again then. */
typedef enum apd_moves { APD_MOVES_NEVER, APD_MOVES_FINITE_LAMBDA2, APD_MOVES_ALWAYS } apd_moves;

/* When sigma may be re-centred (clustering/recentre.h). */
typedef enum apd_recentring {
    APD_RECENTRING_NEVER,
    APD_RECENTRING_FIRST_TASK,
    APD_RECENTRING
} apd_recentring;

typedef struct apd_method {
    const char *name;  /* method.name */
    const char *paper; /* whose method it is */
    const char *help;  /* a sentence */
    const char *
        keys; /* of the description's section `method` that it reads, between spaces; it ignores the others */
    apd_storage storage;       /* of a finished task's body */
    const char *const *shared; /* arrays beside sigma (decomposition.h), ending in NULL; NULL: none */
    apd_moves moves;
    bool
        follows; /* finished tasks' own numbers follow sigma: a commit writes them anew, and training looks at them */
    bool slows;    /* a step takes longer with every finished task */
    bool clusters; /* finished tasks are consolidated */
    apd_recentring recentring;
    bool trains_sigma_first; /* sigma moves freely in the first method.sigma_tasks tasks, then stays */
    bool polishes;           /* the last epochs train on tau's support alone */
    bool codes; /* can keep its numbers in few bits (stored.h) and its tau within a budget (budget.h) */
    bool finite_lambda2; /* needs method.lambda2 < inf */
    bool rehearses;      /* trains on the images of all tasks seen, and with them their heads and biases */
    bool fisher;         /* needs the Fisher information at a task's end (apd_solver_add_fisher) */
    const char *unforgettable; /* why a task cannot be forgotten; NULL: it can */
    const struct solver_operations *operations;
} apd_method;

extern const apd_method apd_methods[];
extern const int apd_method_count;

/* The row with this name, or NULL. */
const apd_method *apd_method_find(const char *name);

/* Whether finished tasks may change while another one trains. */
bool apd_method_moves(const apd_method *method, double lambda2);

/* Bytes that training holds of finished tasks besides the decomposition, at most: of `tasks` of them with `entries` entries of
 * tau altogether, in a slice of `weights` decomposed weights. */
int64_t apd_method_finished_bytes(const apd_method *method, int64_t weights, int64_t tasks, int64_t entries);

#endif
