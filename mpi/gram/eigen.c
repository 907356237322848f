#include "base/heartbeat.h"
#include "base/memory.h"
#include "mpi/gram/gram.h"
#include "mpi/gram/matrix.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_BITS 40 /* of eigenvalues and eigenvectors: both solvers agree on them */

/* --- the centred matrix: c_ij = G_ij - R_i/T - R_j/T + (sum of R)/T^2 -------------------------------- */

typedef struct centre {
    double *means; /* (T) R_i/T */
    double mean;   /* of all entries */
} centre;

/* Row sums R are exact, and so the same bits however the matrix is stored. */
static centre find_centre(const apd_gram *gram) {
    int *together = apd_allocate(gram->tasks, sizeof *together, "one cluster of all tasks");
    centre found = {.means = apd_allocate(gram->tasks, sizeof *found.means, "row means")};
    double total = 0.0;
    apd_gram_products(gram, together, 1, found.means);
    for (int i = 0; i < gram->tasks; i++) {
        total += found.means[i];
        found.means[i] /= gram->tasks;
    }
    found.mean = total / gram->tasks / gram->tasks;
    free(together);
    return found;
}

static double centred(const centre *found, double entry, int i, int j) {
    return (entry - (found->means[i] + found->means[j])) + found->mean;
}

/* --- the solvers: eigenvalues ascending, the last `count` eigenvectors in reverse order (count, T) --- */

static int workspace_size(double asked, int info) {
    APD_ASSERT(info == 0 && asked >= 0.0 && asked < INT_MAX);
    return (int)asked;
}

static void refuse_unsolved(int info) {
    if (info != 0)
        apd_fatal(APD_ERROR_INTERNAL,
                  "the eigenvalues of the tasks' Gram matrix: the solver did not converge (info %d)", info);
}

/* On this rank alone. The rows of `matrix` (T, T) become the eigenvectors. */
static void solve_local(int n, double *matrix, double *values, const char *job) {
    int info = 0, size = -1;
    double asked = 0.0;
    dsyev_(job, "U", &n, matrix, &n, values, &asked, &size, &info);
    size = workspace_size(asked, info);
    double *work = apd_allocate(size, sizeof *work, "LAPACK's workspace");
    dsyev_(job, "U", &n, matrix, &n, values, work, &size, &info);
    refuse_unsolved(info);
    free(work);
}

/* On rank 0, for all ranks: different processors would give different last bits. Collective. */
static void solve_replicated(const apd_gram *gram, const centre *found, double *values, int count,
                             double *vectors) {
    int n = gram->tasks;
    if (apd_team_rank(gram->team) == 0) {
        double *matrix = apd_allocate((int64_t)n * n, sizeof *matrix, "the centred Gram matrix");
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                matrix[(int64_t)i * n + j] =
                    centred(found, gram->whole[(int64_t)i * gram->vectors + j], i, j);
        solve_local(n, matrix, values, count > 0 ? "V" : "N");
        for (int k = 0; k < count; k++)
            memcpy(vectors + (int64_t)k * n, matrix + (int64_t)(n - 1 - k) * n, (size_t)n * sizeof *vectors);
        free(matrix);
    }
    apd_team_broadcast(gram->team, values, n * (int64_t)sizeof *values);
    apd_team_broadcast(gram->team, vectors, (int64_t)count * n * (int64_t)sizeof *vectors);
}

/* On all ranks together. Overwrites `matrix`; the columns of `basis` become the eigenvectors. Collective. */
static void solve_parts(int n, apd_grid_matrix *matrix, apd_grid_matrix *basis, double *values,
                        const char *job) {
    int info = 0, size = -1, one = 1;
    double asked = 0.0;
    apd_heartbeat_begin(APD_MAY_WAIT);
    pdsyev_(job, "U", &n, matrix->part, &one, &one, matrix->descriptor, values, basis->part, &one, &one,
            basis->descriptor, &asked, &size, &info);
    size = workspace_size(asked, info);
    double *work = apd_allocate(size, sizeof *work, "ScaLAPACK's workspace");
    pdsyev_(job, "U", &n, matrix->part, &one, &one, matrix->descriptor, values, basis->part, &one, &one,
            basis->descriptor, work, &size, &info);
    apd_heartbeat_end();
    refuse_unsolved(info);
    free(work);
}

static void centre_parts(const apd_gram *gram, const centre *found, apd_grid_matrix *matrix) {
    for (int k = 0; k < matrix->cols; k++)
        for (int l = 0; l < matrix->rows; l++)
            matrix->part[(int64_t)k * matrix->leading + l] =
                centred(found, gram->matrix.part[(int64_t)k * gram->matrix.leading + l],
                        apd_grid_row(&gram->grid, l), apd_grid_col(&gram->grid, k));
}

/* Copy column n-1-k of `basis` to row k of `vectors`, on all ranks. Collective. */
static void collect_vectors(const apd_gram *gram, const apd_grid_matrix *basis, int count, double *vectors) {
    int n = gram->tasks;
    for (int k = 0; k < count; k++) {
        int col = apd_grid_local_col(&gram->grid, n - 1 - k);
        memset(vectors + (int64_t)k * n, 0, (size_t)n * sizeof *vectors);
        for (int l = 0; col >= 0 && l < basis->rows; l++)
            vectors[(int64_t)k * n + apd_grid_row(&gram->grid, l)] =
                basis->part[(int64_t)col * basis->leading + l];
    }
    apd_grid_spread(gram->team, vectors, (int64_t)count * n);
}

static void solve_distributed(const apd_gram *gram, const centre *found, double *values, int count,
                              double *vectors) {
    int n = gram->tasks;
    apd_grid_matrix matrix, basis;
    apd_grid_matrix_init(&matrix, &gram->grid, n, n);
    apd_grid_matrix_init(&basis, &gram->grid, n, n);
    centre_parts(gram, found, &matrix);
    solve_parts(n, &matrix, &basis, values, count > 0 ? "V" : "N");
    apd_team_broadcast(gram->team, values, n * (int64_t)sizeof *values);
    collect_vectors(gram, &basis, count, vectors);
    apd_grid_matrix_clear(&matrix);
    apd_grid_matrix_clear(&basis);
}

/* --- both -------------------------------------------------------------------------------------------- */

/* Round to a multiple of 2^(exponent - KEPT_BITS). */
static double keep_bits(double value, int exponent) {
    return ldexp(nearbyint(ldexp(value, KEPT_BITS - exponent)), exponent - KEPT_BITS) + 0.0; /* no -0 */
}

/* From ascending to descending order, rounded relative to the largest, in squared parameters. */
static void finish_values(int n, double *values, double unit) {
    int exponent = 0;
    (void)frexp(fmax(fabs(values[0]), fabs(values[n - 1])), &exponent);
    for (int k = 0; k < n; k++)
        values[k] = keep_bits(values[k], exponent) * unit;
    for (int k = 0; k < n / 2; k++) {
        double value = values[k];
        values[k] = values[n - 1 - k];
        values[n - 1 - k] = value;
    }
}

/* Round, and make the first of the (nearly) largest components positive. */
static void finish_vector(int n, double *vector) {
    int largest = 0;
    for (int i = 0; i < n; i++)
        vector[i] = keep_bits(vector[i], 0);
    for (int i = 1; i < n; i++)
        if (fabs(vector[i]) > fabs(vector[largest]) + 1e-6)
            largest = i;
    double sign = vector[largest] < 0.0 ? -1.0 : 1.0;
    for (int i = 0; i < n; i++)
        vector[i] = sign * vector[i] + 0.0;
}

void apd_gram_eigen(const apd_gram *gram, double *values, int count, double *vectors) {
    int wanted = vectors == NULL ? 0 : count;
    APD_ASSERT(wanted >= 0 && wanted <= gram->tasks);
    centre found = find_centre(gram);
    if (gram->distributed)
        solve_distributed(gram, &found, values, wanted, vectors);
    else
        solve_replicated(gram, &found, values, wanted, vectors);
    free(found.means);
    finish_values(gram->tasks, values, gram->unit);
    for (int k = 0; k < wanted; k++)
        finish_vector(gram->tasks, vectors + (int64_t)k * gram->tasks);
}

/* --- summaries --------------------------------------------------------------------------------------- */

static double positive_sum(const double *eigenvalues, int count) {
    double sum = 0.0;
    for (int k = 0; k < count; k++)
        sum += fmax(eigenvalues[k], 0.0); /* rounding can leave a zero slightly negative */
    return sum;
}

double apd_effective_rank(const double *eigenvalues, int count) {
    double total = positive_sum(eigenvalues, count), entropy = 0.0;
    for (int k = 0; k < count; k++)
        if (eigenvalues[k] > 0.0)
            entropy -= eigenvalues[k] / total * log(eigenvalues[k] / total);
    return total > 0.0 ? exp(entropy) : 0.0;
}

double apd_explained_variance(const double *eigenvalues, int total, int first) {
    double all = positive_sum(eigenvalues, total);
    return all > 0.0 ? positive_sum(eigenvalues, first < total ? first : total) / all : 0.0;
}
