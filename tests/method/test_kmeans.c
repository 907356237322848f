#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "method/clustering/kmeans.h"

enum { MOST = 40, DIMENSIONS = 3 };

/* Vectors of small whole numbers, so that their Gram matrix is exact. */
typedef struct points {
    int tasks, vectors;
    double at[MOST][DIMENSIONS];
    double gram[MOST][MOST];
    double diagonal[MOST];
} points;

static void column_of(void *context, int vector, double *out) {
    const points *p = context;
    memcpy(out, p->gram[vector], (size_t)p->vectors * sizeof *out);
}

static void products_of(void *context, const int *assignment, int clusters, double *sums) {
    const points *p = context;
    memset(sums, 0, (size_t)(p->tasks * clusters) * sizeof *sums);
    for (int i = 0; i < p->tasks; i++)
        for (int j = 0; j < p->tasks; j++)
            sums[i * clusters + assignment[j]] += p->gram[i][j];
}

static apd_gram_view view_of(points *p) {
    for (int i = 0; i < p->vectors; i++) {
        for (int j = 0; j < p->vectors; j++) {
            p->gram[i][j] = 0.0;
            for (int d = 0; d < DIMENSIONS; d++)
                p->gram[i][j] += p->at[i][d] * p->at[j][d];
        }
        p->diagonal[i] = p->gram[i][i];
    }
    return (apd_gram_view){.tasks = p->tasks,
                           .vectors = p->vectors,
                           .diagonal = p->diagonal,
                           .context = p,
                           .column = column_of,
                           .products = products_of};
}

/* Whole numbers of -spread .. spread. */
static points random_points(int tasks, int vectors, int spread, uint64_t seed) {
    points p = {.tasks = tasks, .vectors = vectors};
    apd_random random = apd_random_stream(seed, APD_RANDOM_TEST, 1, 0);
    for (int i = 0; i < vectors; i++)
        for (int d = 0; d < DIMENSIONS; d++)
            p.at[i][d] = (double)(apd_random_below(&random, i * DIMENSIONS + d, 2 * spread + 1) - spread);
    return p;
}

static apd_kmeans_settings settings_of(int clusters, uint64_t seed) {
    return (apd_kmeans_settings){.clusters = clusters,
                                 .most_iterations = 100,
                                 .random = apd_random_stream(seed, APD_RANDOM_TEST, 2, 0)};
}

/* --- the same from the vectors themselves --------------------------------------------------------------- */

static double squared_distance(const double *a, const double *b) {
    double sum = 0.0;
    for (int d = 0; d < DIMENSIONS; d++)
        sum += (a[d] - b[d]) * (a[d] - b[d]);
    return sum;
}

static void find_means(const points *p, const int *assignment, int clusters, double means[MOST][DIMENSIONS]) {
    for (int c = 0; c < clusters; c++) {
        double count = 0.0;
        memset(means[c], 0, sizeof means[c]);
        for (int i = 0; i < p->tasks; i++)
            for (int d = 0; assignment[i] == c && d < DIMENSIONS; d++)
                means[c][d] += p->at[i][d];
        for (int i = 0; i < p->tasks; i++)
            count += assignment[i] == c;
        for (int d = 0; d < DIMENSIONS; d++)
            means[c][d] /= fmax(count, 1.0);
    }
}

static double explicit_inertia(const points *p, const int *assignment, int clusters) {
    double means[MOST][DIMENSIONS], sum = 0.0;
    find_means(p, assignment, clusters, means);
    for (int i = 0; i < p->tasks; i++)
        sum += squared_distance(p->at[i], means[assignment[i]]);
    return sum;
}

/* Lloyd on vectors, from an assignment without empty clusters; false where a cluster runs empty or two
 * distances are so near that rounding decides, and a comparison would say nothing. */
static bool explicit_lloyd(const points *p, int *assignment, int clusters) {
    double means[MOST][DIMENSIONS];
    for (bool moved = true; moved;) {
        int members[MOST] = {0};
        find_means(p, assignment, clusters, means);
        moved = false;
        for (int i = 0; i < p->tasks; i++) {
            int best = 0;
            for (int c = 1; c < clusters; c++) {
                double gain = squared_distance(p->at[i], means[best]) - squared_distance(p->at[i], means[c]);
                if (fabs(gain) < 1e-9)
                    return false;
                best = gain > 0.0 ? c : best;
            }
            moved = moved || assignment[i] != best;
            assignment[i] = best;
            members[best]++;
        }
        for (int c = 0; c < clusters; c++)
            if (members[c] == 0)
                return false;
    }
    return true;
}

/* The least inertia over all assignments of the tasks to the clusters. */
static double best_inertia(const points *p, int clusters) {
    int assignment[MOST] = {0};
    double best = INFINITY;
    for (;;) {
        best = fmin(best, explicit_inertia(p, assignment, clusters));
        int digit = 0;
        while (digit < p->tasks && ++assignment[digit] == clusters)
            assignment[digit++] = 0;
        if (digit == p->tasks)
            return best;
    }
}

static void assert_no_empty_cluster(const int *assignment, int tasks, int clusters) {
    int members[MOST] = {0};
    for (int i = 0; i < tasks; i++) {
        assert_in_range(assignment[i], 0, clusters - 1);
        members[assignment[i]]++;
    }
    for (int c = 0; c < clusters; c++)
        assert_true(members[c] > 0);
}

static void assert_close(double a, double b) {
    if (!(fabs(a - b) <= 1e-9 * (1.0 + fabs(b))))
        fail_msg("%.17g is not %.17g", a, b);
}

/* --- against brute force and explicit vectors ----------------------------------------------------------- */

static void kmeans_many_seeds_reach_the_best_of_all_partitions(void **state) {
    (void)state;
    for (int problem = 0; problem < 12; problem++) {
        int tasks = 5 + problem % 4, clusters = 2 + problem % 3;
        points p = random_points(tasks, tasks, 9, (uint64_t)problem);
        apd_gram_view view = view_of(&p);
        double best = best_inertia(&p, clusters), found = INFINITY;
        for (int seed = 0; seed < 60; seed++) {
            int assignment[MOST];
            apd_kmeans_settings settings = settings_of(clusters, (uint64_t)seed);
            apd_kmeans_result result = apd_kmeans(&view, &settings, assignment);
            assert_close(result.inertia, explicit_inertia(&p, assignment, clusters));
            assert_true(result.inertia >= best - 1e-9);
            found = fmin(found, result.inertia);
        }
        assert_close(found, best);
    }
}

static void kmeans_converged_is_a_fixed_point(void **state) {
    (void)state;
    for (int seed = 0; seed < 40; seed++) {
        points p = random_points(30, 30, 20, (uint64_t)seed);
        apd_gram_view view = view_of(&p);
        apd_kmeans_settings settings = settings_of(4, (uint64_t)seed);
        int assignment[MOST], again[MOST];
        double means[MOST][DIMENSIONS];
        apd_kmeans_result result = apd_kmeans(&view, &settings, assignment);
        assert_true(result.converged);
        find_means(&p, assignment, 4, means);
        for (int i = 0; i < 30; i++)
            for (int c = 0; c < 4; c++)
                assert_true(squared_distance(p.at[i], means[assignment[i]]) <=
                            squared_distance(p.at[i], means[c]) + 1e-9);
        settings.start = assignment;
        result = apd_kmeans(&view, &settings, again);
        assert_true(result.converged && result.iterations == 1);
        assert_memory_equal(assignment, again, 30 * sizeof *again);
    }
}

static void kmeans_same_start_same_assignment_as_on_vectors(void **state) {
    (void)state;
    int compared = 0;
    for (int problem = 0; problem < 60; problem++) {
        int tasks = 12 + problem % 20, clusters = 2 + problem % 4, start[MOST], assignment[MOST];
        points p = random_points(tasks, tasks, 1000, (uint64_t)problem);
        apd_gram_view view = view_of(&p);
        for (int i = 0; i < tasks; i++)
            start[i] = (i * 7 + problem) % clusters;
        apd_kmeans_settings settings = settings_of(clusters, 0);
        settings.start = start;
        apd_kmeans_result result = apd_kmeans(&view, &settings, assignment);
        if (!explicit_lloyd(&p, start, clusters))
            continue;
        compared++;
        assert_true(result.converged && result.reseeded == 0);
        assert_memory_equal(assignment, start, (size_t)tasks * sizeof *start);
    }
    assert_true(compared >= 30);
}

/* --- starts --------------------------------------------------------------------------------------------- */

/* Three distant groups of points, tasks assigned to them in turn; the initial centroids are one of each group. */
static void kmeans_warm_start_keeps_numbers(void **state) {
    (void)state;
    static const int heap_of_centroid[] = {2, 0, 1};
    points p = random_points(12, 15, 3, 5);
    for (int v = 0; v < 15; v++)
        p.at[v][0] += 100.0 * (v < 12 ? v % 3 : heap_of_centroid[v - 12]);
    apd_gram_view view = view_of(&p);
    apd_kmeans_settings settings = settings_of(3, 1);
    settings.warm = 3;
    int assignment[MOST];
    apd_kmeans_result result = apd_kmeans(&view, &settings, assignment);
    assert_true(result.converged && result.clusters == 3);
    for (int i = 0; i < 12; i++)
        assert_int_equal(heap_of_centroid[assignment[i]], i % 3);
}

/* The two heaps that no warm centroid stands for are found for every seed: a drawn centroid is far away. */
static void kmeans_new_centroids_go_to_far_heaps(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        points p = random_points(21, 22, 1, seed);
        for (int v = 0; v < 22; v++)
            p.at[v][v % 3] += 1e4;
        apd_gram_view view = view_of(&p); /* vector 21 is of heap 0 */
        apd_kmeans_settings settings = settings_of(3, seed);
        settings.warm = 1;
        int assignment[MOST];
        (void)apd_kmeans(&view, &settings, assignment);
        for (int i = 0; i < 21; i++) {
            assert_int_equal(assignment[i], assignment[i % 3]);
            assert_true(i % 3 != 0 || assignment[i] == 0);
        }
        assert_int_not_equal(assignment[1], assignment[2]);
    }
}

/* With one centroid given at 0 and tasks at distances 1 and 3, the second is drawn 1 : 9. */
static void kmeans_draws_in_proportion_to_squared_distance(void **state) {
    (void)state;
    int far = 0;
    points p = {.tasks = 3, .vectors = 4, .at = {{0}, {1}, {0, 3}, {0}}};
    apd_gram_view view = view_of(&p);
    for (uint64_t seed = 0; seed < 4000; seed++) {
        apd_kmeans_settings settings = settings_of(2, seed);
        settings.warm = 1;
        settings.most_iterations = 0; /* the start itself */
        int assignment[3];
        apd_kmeans_result result = apd_kmeans(&view, &settings, assignment);
        assert_true(assignment[0] == 0 && assignment[1] + assignment[2] == 1 && !result.converged);
        far += assignment[2] == 1;
    }
    assert_in_range(far, 3600 - 76, 3600 + 76); /* four standard deviations */
}

static void kmeans_first_centroid_is_drawn_from_all_tasks(void **state) {
    (void)state;
    int nearest[3] = {0};
    points p = {.tasks = 3, .vectors = 3, .at = {{0}, {10}, {0, 10}}};
    apd_gram_view view = view_of(&p);
    for (uint64_t seed = 0; seed < 3000; seed++) {
        apd_kmeans_settings settings = settings_of(3, seed);
        settings.most_iterations = 0;
        int assignment[3];
        (void)apd_kmeans(&view, &settings, assignment);
        for (int i = 0; i < 3; i++)
            nearest[i] += assignment[i] == 0; /* the first centroid is cluster 0 */
    }
    for (int i = 0; i < 3; i++)
        assert_in_range(nearest[i], 1000 - 104, 1000 + 104);
}

static void kmeans_start_with_an_empty_cluster_gives_it_the_farthest_task(void **state) {
    (void)state;
    static const int start[] = {0, 0, 0, 0, 2, 2};
    points p = {.tasks = 6, .vectors = 6, .at = {{0}, {1}, {30}, {-1}, {500}, {501}}};
    apd_gram_view view = view_of(&p);
    apd_kmeans_settings settings = settings_of(3, 0);
    settings.start = start;
    int assignment[6];
    apd_kmeans_result result = apd_kmeans(&view, &settings, assignment);
    static const int expected[] = {0, 0, 1, 0, 2, 2};
    assert_memory_equal(assignment, expected, sizeof expected);
    assert_int_equal(result.reseeded, 1);
}

/* Four warm centroids, two of them far from every task: their clusters start empty, and are filled. */
static void kmeans_warm_centroids_without_tasks_are_reseeded(void **state) {
    (void)state;
    points p = random_points(10, 14, 50, 3);
    p.at[11][0] = p.at[13][0] = 1e5;
    apd_gram_view view = view_of(&p);
    apd_kmeans_settings settings = settings_of(4, 0);
    settings.warm = 4;
    int assignment[MOST];
    apd_kmeans_result result = apd_kmeans(&view, &settings, assignment);
    assert_true(result.reseeded >= 2);
    assert_no_empty_cluster(assignment, 10, 4);
}

/* --- edges ---------------------------------------------------------------------------------------------- */

static void kmeans_all_vectors_equal_every_cluster_has_a_member(void **state) {
    (void)state;
    for (int clusters = 1; clusters <= 7; clusters++) {
        points p = {.tasks = 7, .vectors = 7};
        for (int i = 0; i < 7; i++)
            p.at[i][0] = 3.0;
        apd_gram_view view = view_of(&p);
        apd_kmeans_settings settings = settings_of(clusters, 4);
        int assignment[7];
        apd_kmeans_result result = apd_kmeans(&view, &settings, assignment);
        assert_no_empty_cluster(assignment, 7, clusters);
        assert_true(result.converged && result.inertia == 0.0);
    }
}

static void kmeans_as_many_clusters_as_tasks_or_more_each_task_has_its_own(void **state) {
    (void)state;
    for (int clusters = 6; clusters <= 9; clusters++) {
        points p = random_points(6, 6, 100, 8);
        apd_gram_view view = view_of(&p);
        apd_kmeans_settings settings = settings_of(clusters, 2);
        int assignment[6];
        apd_kmeans_result result = apd_kmeans(&view, &settings, assignment);
        assert_int_equal(result.clusters, 6);
        assert_no_empty_cluster(assignment, 6, 6);
        assert_true(result.inertia == 0.0);
    }
}

static void kmeans_one_cluster_or_one_task_all_in_it(void **state) {
    (void)state;
    points many = random_points(9, 9, 10, 1), one = random_points(1, 1, 10, 1);
    apd_gram_view view = view_of(&many);
    apd_kmeans_settings settings = settings_of(1, 0);
    int assignment[9];
    apd_kmeans_result result = apd_kmeans(&view, &settings, assignment);
    for (int i = 0; i < 9; i++)
        assert_int_equal(assignment[i], 0);
    assert_close(result.inertia, explicit_inertia(&many, assignment, 1));
    view = view_of(&one);
    settings.clusters = 3;
    result = apd_kmeans(&view, &settings, assignment);
    assert_true(assignment[0] == 0 && result.clusters == 1 && result.inertia == 0.0 && result.converged);
}

/* Task 2 at 0 is as far from a cluster of three with mean -1/3 as from one of six with mean 1/3: the lower
 * number gets it, whichever that is. The tie must survive thirds. */
static void kmeans_tie_goes_to_the_lowest_cluster(void **state) {
    (void)state;
    points p = {.tasks = 9, .vectors = 9, .at = {{-2}, {1}, {0}, {2}, {2}, {-3}, {1}, {-1}, {1}}};
    apd_gram_view view = view_of(&p);
    for (int three = 0; three < 2; three++) {
        int start[9], assignment[9];
        for (int i = 0; i < 9; i++)
            start[i] = i < 3 ? three : 1 - three;
        apd_kmeans_settings settings = settings_of(2, 0);
        settings.start = start;
        settings.most_iterations = 1;
        (void)apd_kmeans(&view, &settings, assignment);
        assert_int_equal(assignment[2], 0);
        assert_int_equal(assignment[0], three); /* at -2, nearer to -1/3 */
        assert_int_equal(assignment[3], 1 - three);
    }
}

static void kmeans_same_settings_same_result(void **state) {
    (void)state;
    points p = random_points(40, 40, 4, 11);
    apd_gram_view view = view_of(&p);
    apd_kmeans_settings settings = settings_of(6, 9);
    int first[MOST], second[MOST];
    apd_kmeans_result a = apd_kmeans(&view, &settings, first), b = apd_kmeans(&view, &settings, second);
    assert_memory_equal(first, second, sizeof first);
    assert_true(a.inertia == b.inertia && a.iterations == b.iterations);
}

static void kmeans_no_iterations_left_inertia_is_of_the_assignment(void **state) {
    (void)state;
    points p = random_points(40, 40, 50, 12);
    apd_gram_view view = view_of(&p);
    for (int most = 0; most < 4; most++) {
        apd_kmeans_settings settings = settings_of(5, 3);
        settings.most_iterations = most;
        int assignment[MOST];
        apd_kmeans_result result = apd_kmeans(&view, &settings, assignment);
        assert_true(result.iterations <= most);
        assert_close(result.inertia, explicit_inertia(&p, assignment, 5));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kmeans_many_seeds_reach_the_best_of_all_partitions),
        cmocka_unit_test(kmeans_converged_is_a_fixed_point),
        cmocka_unit_test(kmeans_same_start_same_assignment_as_on_vectors),
        cmocka_unit_test(kmeans_warm_start_keeps_numbers),
        cmocka_unit_test(kmeans_new_centroids_go_to_far_heaps),
        cmocka_unit_test(kmeans_draws_in_proportion_to_squared_distance),
        cmocka_unit_test(kmeans_first_centroid_is_drawn_from_all_tasks),
        cmocka_unit_test(kmeans_start_with_an_empty_cluster_gives_it_the_farthest_task),
        cmocka_unit_test(kmeans_warm_centroids_without_tasks_are_reseeded),
        cmocka_unit_test(kmeans_all_vectors_equal_every_cluster_has_a_member),
        cmocka_unit_test(kmeans_as_many_clusters_as_tasks_or_more_each_task_has_its_own),
        cmocka_unit_test(kmeans_one_cluster_or_one_task_all_in_it),
        cmocka_unit_test(kmeans_tie_goes_to_the_lowest_cluster),
        cmocka_unit_test(kmeans_same_settings_same_result),
        cmocka_unit_test(kmeans_no_iterations_left_inertia_is_of_the_assignment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
