#include "mpi/gram/gram.h"

#include "base/heartbeat.h"
#include "base/memory.h"
#include "mpi/gram/matrix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* AUTO distributes matrices of this many vectors or more. The replicated matrix is then 512 MiB a rank: memory decides,
 * since on one node replication was faster at nearly every size. Seconds on 2 ranks and cores, replicated and
 * distributed:
 *     ten products, K = N/3   N = 200: 0.0003, 0.010; 1000: 0.017, 0.36; 2000: 0.083, 2.8; 4000: 0.41, 19.8
 *     eigenvalues             N = 500: 0.030, 0.056; 1000: 0.13, 0.37
 *     and eigenvectors        N = 200: 0.020, 0.035; 500: 0.25, 0.21; 1000: 1.9, 1.3 */
#define DISTRIBUTED_FROM 8192

/* --- whole numbers ----------------------------------------------------------------------------------- */

/* The number of low bits of the sums that are rounded away, so that the largest entry, which is on the diagonal, is at
 * most 2^(52 - 2*ceil(log2 N)). */
static int bits_to_drop(const apd_gram_sums *sums) {
    int bits = 0, room = 52, drop = 0;
    for (; INT64_C(1) << bits < sums->vectors; bits++)
        room -= 2;
    APD_ASSERT(room > 0);
    int64_t largest = 0;
    for (int i = 0; i < sums->vectors; i++) {
        int64_t own = sums->sums[apd_gram_row_start(sums->vectors, i) + i];
        largest = own > largest ? own : largest;
    }
    while (largest >> drop >= INT64_C(1) << room)
        drop++;
    return drop;
}

/* Entry (i, j), rounded to a multiple of 2^drop. */
static double whole_number(const apd_gram_sums *sums, int i, int j, int drop) {
    int64_t sum = sums->sums[i <= j ? apd_gram_row_start(sums->vectors, i) + j
                                    : apd_gram_row_start(sums->vectors, j) + i];
    int64_t half = drop > 0 ? INT64_C(1) << (drop - 1) : 0;
    return (double)((sum + half) >> drop);
}

static void fill_whole(apd_gram *gram, int drop) {
    int n = gram->vectors;
    gram->whole = apd_allocate((int64_t)n * n, sizeof *gram->whole, "the Gram matrix");
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            gram->whole[(int64_t)i * n + j] = whole_number(&gram->sums, i, j, drop);
}

static void fill_part(apd_gram *gram, int drop) {
    apd_grid_matrix *matrix = &gram->matrix;
    for (int k = 0; k < matrix->cols; k++)
        for (int l = 0; l < matrix->rows; l++)
            matrix->part[(int64_t)k * matrix->leading + l] =
                whole_number(&gram->sums, apd_grid_row(&gram->grid, l), apd_grid_col(&gram->grid, k), drop);
}

/* --- start and end ----------------------------------------------------------------------------------- */

apd_gram *apd_gram_create(const apd_team *team, const apd_gram_source *source, const apd_gram *former,
                          apd_gram_storage storage) {
    APD_ASSERT(source->tasks >= 1 && source->vectors >= source->tasks && source->rows >= 0);
    apd_gram *gram = apd_allocate(1, sizeof *gram, "a Gram matrix");
    gram->team = team;
    gram->vectors = source->vectors;
    gram->tasks = source->tasks;
    gram->distributed =
        storage == APD_GRAM_DISTRIBUTED || (storage == APD_GRAM_AUTO && source->vectors >= DISTRIBUTED_FROM);
    apd_gram_sums_build(&gram->sums, team, source, former == NULL ? NULL : &former->sums);
    int drop = bits_to_drop(&gram->sums);
    gram->unit = ldexp(1.0, drop - gram->sums.exponent);
    gram->diagonal = apd_allocate(gram->vectors, sizeof *gram->diagonal, "the Gram matrix's diagonal");
    for (int i = 0; i < gram->vectors; i++)
        gram->diagonal[i] = whole_number(&gram->sums, i, i, drop);
    if (gram->distributed) {
        apd_grid_init(&gram->grid, team, gram->vectors);
        apd_grid_matrix_init(&gram->matrix, &gram->grid, gram->vectors, gram->vectors);
        fill_part(gram, drop);
    } else {
        fill_whole(gram, drop);
    }
    apd_gram_sums_share(&gram->sums, team);
    return gram;
}

void apd_gram_destroy(apd_gram *gram) {
    if (gram == NULL)
        return;
    if (gram->distributed) {
        apd_grid_matrix_clear(&gram->matrix);
        apd_grid_clear(&gram->grid);
    }
    apd_gram_sums_clear(&gram->sums);
    free(gram->whole);
    free(gram->diagonal);
    free(gram);
}

double apd_gram_unit(const apd_gram *gram) {
    return gram->unit;
}

bool apd_gram_is_distributed(const apd_gram *gram) {
    return gram->distributed;
}

/* --- replicated ---------------------------------------------------------------------------------------- */

static void replicated_column(const apd_gram *gram, int vector, double *out) {
    memcpy(out, gram->whole + (int64_t)vector * gram->vectors, (size_t)gram->vectors * sizeof *out);
}

static void replicated_products(const apd_gram *gram, const int *assignment, int clusters, double *sums) {
    memset(sums, 0, (size_t)gram->tasks * (size_t)clusters * sizeof *sums);
    for (int i = 0; i < gram->tasks; i++) {
        const double *row = gram->whole + (int64_t)i * gram->vectors;
        for (int j = 0; j < gram->tasks; j++)
            sums[(int64_t)i * clusters + assignment[j]] += row[j];
    }
}

/* --- distributed -------------------------------------------------------------------------------------- */

static void distributed_column(const apd_gram *gram, int vector, double *out) {
    int k = apd_grid_local_col(&gram->grid, vector);
    memset(out, 0, (size_t)gram->vectors * sizeof *out);
    for (int l = 0; k >= 0 && l < gram->matrix.rows; l++)
        out[apd_grid_row(&gram->grid, l)] = gram->matrix.part[(int64_t)k * gram->matrix.leading + l];
    apd_grid_spread(gram->team, out, gram->vectors);
}

/* Z (T, K): Z_jc = 1 where task j is in cluster c. */
static void fill_assignment(const apd_grid *grid, apd_grid_matrix *matrix, const int *assignment) {
    for (int l = 0; l < matrix->rows; l++) {
        int k = apd_grid_local_col(grid, assignment[apd_grid_row(grid, l)]);
        if (k >= 0)
            matrix->part[(int64_t)k * matrix->leading + l] = 1.0;
    }
}

static void distributed_products(const apd_gram *gram, const int *assignment, int clusters, double *sums) {
    const apd_grid *grid = &gram->grid;
    const int tasks = gram->tasks, one = 1;
    const double alpha = 1.0, beta = 0.0;
    apd_grid_matrix chosen, result;
    apd_grid_matrix_init(&chosen, grid, tasks, clusters);
    apd_grid_matrix_init(&result, grid, tasks, clusters);
    fill_assignment(grid, &chosen, assignment);
    apd_heartbeat_begin(APD_MAY_WAIT);
    pdgemm_("N", "N", &tasks, &clusters, &tasks, &alpha, gram->matrix.part, &one, &one,
            gram->matrix.descriptor, chosen.part, &one, &one, chosen.descriptor, &beta, result.part, &one,
            &one, result.descriptor);
    apd_heartbeat_end();
    memset(sums, 0, (size_t)tasks * (size_t)clusters * sizeof *sums);
    for (int k = 0; k < result.cols; k++)
        for (int l = 0; l < result.rows; l++)
            sums[(int64_t)apd_grid_row(grid, l) * clusters + apd_grid_col(grid, k)] =
                result.part[(int64_t)k * result.leading + l];
    apd_grid_spread(gram->team, sums, (int64_t)tasks * clusters);
    apd_grid_matrix_clear(&chosen);
    apd_grid_matrix_clear(&result);
}

/* --- both -------------------------------------------------------------------------------------------- */

void apd_gram_products(const apd_gram *gram, const int *assignment, int clusters, double *sums) {
    if (gram->distributed)
        distributed_products(gram, assignment, clusters, sums);
    else
        replicated_products(gram, assignment, clusters, sums);
}

static void view_products(void *context, const int *assignment, int clusters, double *sums) {
    apd_gram_products(context, assignment, clusters, sums);
}

static void view_column(void *context, int vector, double *out) {
    const apd_gram *gram = context;
    if (gram->distributed)
        distributed_column(gram, vector, out);
    else
        replicated_column(gram, vector, out);
}

apd_gram_view apd_gram_view_of(apd_gram *gram) {
    return (apd_gram_view){.tasks = gram->tasks,
                           .vectors = gram->vectors,
                           .diagonal = gram->diagonal,
                           .context = gram,
                           .column = view_column,
                           .products = view_products};
}
