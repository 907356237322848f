#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "agreed.h"
#include "base/digest.h"
#include "base/memory.h"
#include "mpi/gram/gram.h"
#include "network/partition.h"

static apd_team *team;

/* --- vectors: an entry is a function of (generation, vector, row, column), the same on every rank ------ */

typedef struct problem {
    int vectors, tasks;
    int64_t rows, cols; /* of all ranks */
    apd_rows mine;      /* this rank's rows */
    int generation;
    const bool *changed; /* vectors with this generation's numbers; the others have generation 0's */
    double scale;
} problem;

static uint64_t scramble(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Every fifth row is full, every seventh empty, the rest have one entry in eight. Vector 3 is zero; vectors of one
 * family (vector % 4) have a part in common. */
static double number(const problem *p, int vector, int64_t row, int64_t col) {
    int generation = p->changed != NULL && p->changed[vector] ? p->generation : 0;
    uint64_t place = (uint64_t)row * 1000003u + (uint64_t)col;
    uint64_t own = scramble(place * 4099u + (uint64_t)vector * 31u + (uint64_t)generation * 7u + 1u);
    uint64_t family = scramble(place * 8191u + (uint64_t)(vector % 4) + 17u);
    if (vector == 3 || row % 7 == 6 || (row % 5 != 0 && family % 8 != 0))
        return 0.0;
    double shared = (double)(int64_t)(family >> 40) - 8388608.0,
           mine = (double)(int64_t)(own >> 40) - 8388608.0;
    return p->scale * (shared + 0.25 * mine) / 8388608.0;
}

static int64_t problem_row(void *context, int vector, int64_t row, int32_t *columns, double *values) {
    const problem *p = context;
    int64_t count = 0;
    for (int64_t c = 0; c < p->cols; c++) {
        double value = number(p, vector, p->mine.begin + row, c);
        if (value == 0.0)
            continue;
        columns[count] = (int32_t)c;
        values[count++] = value;
    }
    return count;
}

static apd_gram *build(problem *p, const apd_gram *former, apd_gram_storage storage) {
    apd_gram_source source = {.vectors = p->vectors,
                              .tasks = p->tasks,
                              .rows = p->mine.end - p->mine.begin,
                              .cols = p->cols,
                              .context = p,
                              .row = problem_row,
                              .changed = former != NULL ? p->changed : NULL};
    return apd_gram_create(team, &source, former, storage);
}

static problem make_problem(int vectors, int tasks, int64_t rows, int64_t cols) {
    problem p = {.vectors = vectors, .tasks = tasks, .rows = rows, .cols = cols, .scale = 0.01};
    p.mine = apd_part(rows, apd_team_size(team), apd_team_rank(team));
    return p;
}

/* The matrix (N, N) as K-means reads it. Collective. */
static double *columns_of(apd_gram *gram) {
    apd_gram_view view = apd_gram_view_of(gram);
    double *matrix = apd_allocate((int64_t)view.vectors * view.vectors, sizeof *matrix, "test");
    for (int v = 0; v < view.vectors; v++)
        view.column(view.context, v, matrix + (int64_t)v * view.vectors);
    return matrix;
}

/* Inner products by the definition. */
static double *reference(const problem *p) {
    int n = p->vectors;
    long double *sums = apd_allocate((int64_t)n * n, sizeof *sums, "test");
    double *row = apd_allocate(n, sizeof *row, "test"),
           *matrix = apd_allocate((int64_t)n * n, sizeof *matrix, "test");
    for (int64_t r = 0; r < p->rows; r++)
        for (int64_t c = 0; c < p->cols; c++) {
            for (int v = 0; v < n; v++)
                row[v] = number(p, v, r, c);
            for (int i = 0; i < n; i++)
                for (int j = 0; row[i] != 0.0 && j < n; j++)
                    sums[(int64_t)i * n + j] += (long double)row[i] * row[j];
        }
    for (int64_t k = 0; k < (int64_t)n * n; k++)
        matrix[k] = (double)sums[k];
    free(sums);
    free(row);
    return matrix;
}

/* Rounding values to 31 bits relative to the longest vector adds up to about 1e-10 of the largest entry; 2e-9 is eight
 * standard deviations. */
static bool equals_reference(apd_gram *gram, const problem *p) {
    double *matrix = columns_of(gram), *expected = reference(p), largest = 0.0;
    apd_gram_view view = apd_gram_view_of(gram);
    int64_t count = (int64_t)p->vectors * p->vectors;
    bool right = true;
    for (int64_t k = 0; k < count; k++)
        largest = fmax(largest, fabs(expected[k]));
    for (int64_t k = 0; k < count; k++)
        right = right && fabs(matrix[k] * apd_gram_unit(gram) - expected[k]) <= 2e-9 * largest;
    for (int v = 0; v < p->vectors; v++)
        right = right && view.diagonal[v] == matrix[(int64_t)v * p->vectors + v];
    free(matrix);
    free(expected);
    return right;
}

static bool same_matrix(apd_gram *a, apd_gram *b, int vectors) {
    double *first = columns_of(a), *second = columns_of(b);
    size_t bytes = (size_t)vectors * (size_t)vectors * sizeof *first;
    bool same = apd_gram_unit(a) == apd_gram_unit(b) && memcmp(first, second, bytes) == 0;
    free(first);
    free(second);
    return same;
}

static uint64_t digest_of(apd_gram *gram, int vectors) {
    double *matrix = columns_of(gram);
    uint64_t digest = apd_digest(matrix, (size_t)vectors * (size_t)vectors * sizeof *matrix);
    free(matrix);
    return digest;
}

/* --- the matrix ----------------------------------------------------------------------------------------- */

static const apd_gram_storage storages[] = {APD_GRAM_REPLICATED, APD_GRAM_DISTRIBUTED};

static void create_sparse_and_dense_rows_equals_the_definition(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        problem p = make_problem(23, 20, 29, 70);
        apd_gram *gram = build(&p, NULL, storages[k]);
        assert_agreed(team, apd_gram_is_distributed(gram) == (storages[k] == APD_GRAM_DISTRIBUTED));
        assert_agreed(team, equals_reference(gram, &p));
        apd_gram_destroy(gram);
    }
}

static void create_huge_and_tiny_values_equals_the_definition(void **state) {
    (void)state;
    static const double scales[] = {1e-60, 1e-9, 3.0, 1e12, 1e60};
    for (size_t k = 0; k < sizeof scales / sizeof *scales; k++) {
        problem p = make_problem(6, 5, 9, 40);
        p.scale = scales[k];
        apd_gram *gram = build(&p, NULL, APD_GRAM_REPLICATED);
        assert_agreed(team, equals_reference(gram, &p));
        apd_gram_destroy(gram);
    }
}

static void create_dense_rows_wider_than_a_panel_equals_the_definition(void **state) {
    (void)state;
    problem p = make_problem(140, 140, 1, 4100);
    apd_gram *gram = build(&p, NULL, APD_GRAM_REPLICATED);
    assert_agreed(team, equals_reference(gram, &p));
    apd_gram_destroy(gram);
}

/* The digest of the matrix below, made on one rank; the tests above compare such numbers with the definition. */
#define ON_ONE_RANK UINT64_C(0x972280f550313907)

static void create_any_ranks_any_split_same_whole_numbers(void **state) {
    (void)state;
    enum { SPLITS = 4, VECTORS = 37 };
    int size = apd_team_size(team), rank = apd_team_rank(team);
    for (int split = 0; split < SPLITS; split++)
        for (int k = 0; k < 2; k++) {
            problem p = make_problem(VECTORS, 30, 41, 50);
            apd_rows splits[SPLITS] = {p.mine,
                                       {0, rank == 0 ? p.rows : 0},
                                       {0, rank == size - 1 ? p.rows : 0},
                                       apd_part(p.rows, size, size - 1 - rank)};
            p.mine = splits[split];
            apd_gram *gram = build(&p, NULL, storages[k]);
            assert_agreed(team, digest_of(gram, VECTORS) == ON_ONE_RANK);
            apd_gram_destroy(gram);
        }
}

static void create_entries_whole_and_small_enough_to_add_exactly(void **state) {
    (void)state;
    problem p = make_problem(33, 33, 11, 30);
    apd_gram *gram = build(&p, NULL, APD_GRAM_REPLICATED);
    double *matrix = columns_of(gram), largest = 0.0;
    bool whole = true;
    for (int64_t k = 0; k < (int64_t)p.vectors * p.vectors; k++) {
        whole = whole && matrix[k] == nearbyint(matrix[k]);
        largest = fmax(largest, fabs(matrix[k]));
    }
    /* ceil(log2 33) = 6; and no more than one bit is wasted */
    assert_agreed(team, whole && largest <= ldexp(1.0, 40) && largest >= ldexp(1.0, 39) - 1.0);
    free(matrix);
    apd_gram_destroy(gram);
}

static void create_one_vector_and_empty_vectors_are_well(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        problem one = make_problem(1, 1, 8, 12), none = make_problem(3, 2, 8, 12);
        problem no_rows = make_problem(5, 5, 0, 12);
        none.scale = 0.0;
        apd_gram *gram = build(&one, NULL, storages[k]);
        assert_agreed(team, equals_reference(gram, &one));
        apd_gram_destroy(gram);
        gram = build(&none, NULL, storages[k]);
        assert_agreed(team, equals_reference(gram, &none) && apd_gram_unit(gram) > 0.0);
        apd_gram_destroy(gram);
        gram = build(&no_rows, NULL, storages[k]);
        assert_agreed(team, equals_reference(gram, &no_rows));
        apd_gram_destroy(gram);
    }
}

/* --- reuse ---------------------------------------------------------------------------------------------- */

/* First `older` vectors; then `vectors`, of which every third changed, or all that are new. */
static void take_over(int older, int vectors, double scale) {
    bool changed[64] = {false};
    problem p = make_problem(older, older, 31, 40);
    apd_gram *former = build(&p, NULL, APD_GRAM_REPLICATED);
    for (int v = 0; v < vectors; v++)
        changed[v] = v % 3 == 1 || v >= older;
    p.vectors = vectors;
    p.tasks = older;
    p.generation = 1;
    p.changed = changed;
    for (int k = 0; k < 2; k++) {
        if (scale != 1.0) /* all change, and so does the rounding */
            for (int v = 0; v < vectors; v++)
                changed[v] = true;
        p.scale = 0.01 * scale;
        apd_gram *anew = build(&p, NULL, storages[k]), *taken = build(&p, former, storages[k]);
        assert_agreed(team, same_matrix(anew, taken, vectors) && equals_reference(taken, &p));
        apd_gram_destroy(anew);
        apd_gram_destroy(taken);
    }
    apd_gram_destroy(former);
}

static void create_former_and_changed_same_matrix_as_anew(void **state) {
    (void)state;
    take_over(20, 20, 1.0);
}

static void create_more_vectors_than_former_same_matrix_as_anew(void **state) {
    (void)state;
    take_over(14, 20, 1.0);
}

static void create_former_on_another_grid_same_matrix_as_anew(void **state) {
    (void)state;
    take_over(20, 20, 64.0);
}

/* Products of vectors marked as unchanged are not computed again: a former matrix of other numbers shows. */
static void create_unchanged_pairs_come_from_the_former(void **state) {
    (void)state;
    bool changed[8] = {false};
    problem p = make_problem(8, 8, 31, 40);
    apd_gram *former = build(&p, NULL, APD_GRAM_REPLICATED);
    changed[1] = true;
    p.changed = changed;
    p.generation = 1;
    problem lie = p;
    bool more[8] = {false, true, true};
    apd_gram *honest = build(&p, former, APD_GRAM_REPLICATED);
    lie.changed = more; /* vector 2 has other numbers */
    apd_gram_source source = {.vectors = 8,
                              .tasks = 8,
                              .rows = lie.mine.end - lie.mine.begin,
                              .cols = lie.cols,
                              .context = &lie,
                              .row = problem_row,
                              .changed = changed}; /* but is marked as unchanged */
    apd_gram *fooled = apd_gram_create(team, &source, former, APD_GRAM_REPLICATED);
    double *a = columns_of(honest), *b = columns_of(fooled);
    assert_agreed(team, a[2 * 8 + 2] == b[2 * 8 + 2] && a[2 * 8 + 5] == b[2 * 8 + 5]);
    assert_agreed(team, a[2 * 8 + 1] != b[2 * 8 + 1]);
    free(a);
    free(b);
    apd_gram_destroy(former);
    apd_gram_destroy(honest);
    apd_gram_destroy(fooled);
}

/* --- K-means -------------------------------------------------------------------------------------------- */

static void products_with_both_storages_equal_the_sums_of_columns(void **state) {
    (void)state;
    enum { TASKS = 41, CLUSTERS = 7 };
    problem p = make_problem(45, TASKS, 20, 40);
    double sums[2][TASKS * CLUSTERS], expected[TASKS * CLUSTERS] = {0};
    int assignment[TASKS];
    for (int i = 0; i < TASKS; i++)
        assignment[i] = (i * i + 3) % CLUSTERS;
    for (int k = 0; k < 2; k++) {
        apd_gram *gram = build(&p, NULL, storages[k]);
        apd_gram_view view = apd_gram_view_of(gram);
        view.products(view.context, assignment, CLUSTERS, sums[k]);
        double *matrix = columns_of(gram);
        memset(expected, 0, sizeof expected);
        for (int i = 0; i < TASKS; i++)
            for (int j = 0; j < TASKS; j++)
                expected[i * CLUSTERS + assignment[j]] += matrix[(int64_t)j * p.vectors + i];
        assert_agreed(team, memcmp(sums[k], expected, sizeof expected) == 0);
        free(matrix);
        apd_gram_destroy(gram);
    }
    assert_agreed(team, memcmp(sums[0], sums[1], sizeof expected) == 0);
}

static void kmeans_with_both_storages_same_assignment(void **state) {
    (void)state;
    enum { TASKS = 60 };
    for (int seed = 0; seed < 6; seed++) {
        int assignment[2][TASKS];
        double inertia[2];
        problem p = make_problem(TASKS + 3, TASKS, 10, 40);
        apd_kmeans_settings settings = {
            .clusters = 3 + 5 * (seed % 3), .warm = seed % 4, .most_iterations = 50};
        settings.random = apd_random_stream((uint64_t)seed, APD_RANDOM_TEST, 0, 0);
        for (int k = 0; k < 2; k++) {
            apd_gram *gram = build(&p, NULL, storages[k]);
            apd_gram_view view = apd_gram_view_of(gram);
            inertia[k] = apd_kmeans(&view, &settings, assignment[k]).inertia;
            apd_gram_destroy(gram);
        }
        assert_agreed(team, memcmp(assignment[0], assignment[1], sizeof assignment[0]) == 0);
        assert_agreed(team, inertia[0] == inertia[1]);
        assert_agreed(team, apd_team_same(team, apd_digest(assignment[0], sizeof assignment[0])));
    }
}

/* --- eigenvalues ---------------------------------------------------------------------------------------- */

/* Vectors given in full: one row of them on rank 0. */
typedef struct table {
    int cols;
    const double *values; /* (N, cols) */
} table;

static int64_t table_row(void *context, int vector, int64_t row, int32_t *columns, double *values) {
    const table *t = context;
    (void)row;
    for (int c = 0; c < t->cols; c++) {
        columns[c] = c;
        values[c] = t->values[vector * t->cols + c];
    }
    return t->cols;
}

/* The corners of a 6 by 2 rectangle: along the axes the sums of squares are 4*9 and 4*1. */
static void eigen_rectangle_gives_its_axes(void **state) {
    (void)state;
    static const double corners[] = {10, 5, 16, 5, 10, 7, 16, 7};
    table t = {.cols = 2, .values = corners};
    apd_gram_source source = {.vectors = 4,
                              .tasks = 4,
                              .rows = apd_team_rank(team) == 0,
                              .cols = 2,
                              .context = &t,
                              .row = table_row};
    for (int k = 0; k < 2; k++) {
        double values[4], vectors[2 * 4];
        apd_gram *gram = apd_gram_create(team, &source, NULL, storages[k]);
        apd_gram_eigen(gram, values, 2, vectors);
        assert_agreed(team, fabs(values[0] - 36.0) < 1e-6 && fabs(values[1] - 4.0) < 1e-6);
        assert_agreed(team, fabs(values[2]) < 1e-6 && fabs(values[3]) < 1e-6);
        static const double expected[] = {0.5, -0.5, 0.5, -0.5, 0.5, 0.5, -0.5, -0.5};
        for (int i = 0; i < 8; i++)
            assert_agreed(team, fabs(vectors[i] - expected[i]) < 1e-6);
        apd_gram_destroy(gram);
    }
}

static void eigen_with_both_storages_agree_and_satisfy_the_definition(void **state) {
    (void)state;
    enum { TASKS = 30, KEPT = 3 };
    problem p = make_problem(TASKS + 2, TASKS, 12, 40);
    double values[2][TASKS], vectors[2][KEPT * TASKS], alone[TASKS], trace = 0.0, sum = 0.0;
    double *expected = reference(&p);
    for (int k = 0; k < 2; k++) {
        apd_gram *gram = build(&p, NULL, storages[k]);
        apd_gram_eigen(gram, values[k], KEPT, vectors[k]);
        apd_gram_eigen(gram, alone, 0, NULL);
        for (int i = 0; i < TASKS; i++)
            assert_agreed(team, fabs(alone[i] - values[k][i]) <= 1e-11 * values[k][0]);
        apd_gram_destroy(gram);
    }
    for (int i = 0; i < TASKS; i++) {
        assert_agreed(team, fabs(values[0][i] - values[1][i]) <= 1e-11 * values[0][0]);
        assert_agreed(team, i == 0 || values[0][i] <= values[0][i - 1]);
        sum += values[0][i];
        trace += expected[(int64_t)i * p.vectors + i];
        for (int j = 0; j < TASKS; j++)
            trace -= expected[(int64_t)i * p.vectors + j] / TASKS;
    }
    assert_agreed(team, fabs(sum - trace) <= 1e-8 * trace);
    for (int k = 0; k < KEPT; k++)
        for (int i = 0; i < TASKS; i++) {
            /* an eigenvector of the centred matrix has mean 0, so centring its product is enough */
            double product = 0.0, mean = 0.0;
            const double *x = vectors[0] + k * TASKS;
            for (int j = 0; j < TASKS; j++) {
                product += expected[(int64_t)i * p.vectors + j] * x[j];
                for (int l = 0; l < TASKS; l++)
                    mean += expected[(int64_t)j * p.vectors + l] * x[l] / TASKS;
            }
            assert_agreed(team, fabs(product - mean - values[0][k] * x[i]) <= 1e-8 * values[0][0]);
            assert_agreed(team, fabs(vectors[0][k * TASKS + i] - vectors[1][k * TASKS + i]) < 1e-9);
        }
    free(expected);
}

static void eigen_one_task_is_zero(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        problem p = make_problem(1, 1, 8, 12);
        double value = 1.0, vector = 0.0;
        apd_gram *gram = build(&p, NULL, storages[k]);
        apd_gram_eigen(gram, &value, 1, &vector);
        assert_agreed(team, value == 0.0 && vector == 1.0);
        apd_gram_destroy(gram);
    }
}

static void summaries_of_known_spectra(void **state) {
    (void)state;
    static const double even[] = {2.0, 2.0, 2.0, 2.0, -1e-12}, one[] = {5.0, 0.0, 0.0}, none[] = {0.0, 0.0};
    static const double two[] = {0.75, 0.25};
    assert_agreed(team, fabs(apd_effective_rank(even, 5) - 4.0) < 1e-12);
    assert_agreed(team, fabs(apd_effective_rank(one, 3) - 1.0) < 1e-12);
    assert_agreed(team, fabs(apd_effective_rank(two, 2) - 1.7547653506033) < 1e-12); /* 4 / 3^0.75 */
    assert_agreed(team, apd_effective_rank(none, 2) == 0.0 && apd_explained_variance(none, 2, 1) == 0.0);
    assert_agreed(team, fabs(apd_explained_variance(even, 5, 3) - 0.75) < 1e-12);
    assert_agreed(team, apd_explained_variance(one, 3, 9) == 1.0 && apd_explained_variance(one, 3, 0) == 0.0);
}

int main(int argc, char **argv) {
    team = apd_team_create(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_sparse_and_dense_rows_equals_the_definition),
        cmocka_unit_test(create_huge_and_tiny_values_equals_the_definition),
        cmocka_unit_test(create_dense_rows_wider_than_a_panel_equals_the_definition),
        cmocka_unit_test(create_any_ranks_any_split_same_whole_numbers),
        cmocka_unit_test(create_entries_whole_and_small_enough_to_add_exactly),
        cmocka_unit_test(create_one_vector_and_empty_vectors_are_well),
        cmocka_unit_test(create_former_and_changed_same_matrix_as_anew),
        cmocka_unit_test(create_more_vectors_than_former_same_matrix_as_anew),
        cmocka_unit_test(create_former_on_another_grid_same_matrix_as_anew),
        cmocka_unit_test(create_unchanged_pairs_come_from_the_former),
        cmocka_unit_test(products_with_both_storages_equal_the_sums_of_columns),
        cmocka_unit_test(kmeans_with_both_storages_same_assignment),
        cmocka_unit_test(eigen_rectangle_gives_its_axes),
        cmocka_unit_test(eigen_with_both_storages_agree_and_satisfy_the_definition),
        cmocka_unit_test(eigen_one_task_is_zero),
        cmocka_unit_test(summaries_of_known_spectra),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    apd_team_destroy(team);
    return failed;
}
