#include "method/clustering/kmeans.h"

#include "base/memory.h"
#include "base/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The state of one clustering. */
typedef struct clustering {
    const apd_gram_view *gram;
    int tasks, clusters;
    int *assignment;  /* (T) the caller's */
    int *next;        /* (T) the assignment being made */
    int *members;     /* (K) how many tasks each cluster has */
    double *within;   /* (K) W */
    double *sums;     /* (T, K) S */
    double *distance; /* (T) to the centroid of `next` */
} clustering;

static clustering start_clustering(const apd_gram_view *gram, int clusters, int *assignment) {
    int tasks = gram->tasks;
    clustering work = {.gram = gram, .tasks = tasks, .clusters = clusters, .assignment = assignment};
    work.next = apd_allocate(tasks, sizeof *work.next, "K-means' assignment");
    work.members = apd_allocate(clusters, sizeof *work.members, "K-means' cluster sizes");
    work.within = apd_allocate(clusters, sizeof *work.within, "K-means' clusters");
    work.sums = apd_allocate((int64_t)tasks * clusters, sizeof *work.sums, "K-means' products");
    work.distance = apd_allocate(tasks, sizeof *work.distance, "K-means' distances");
    return work;
}

static void clear_clustering(clustering *work) {
    free(work->next);
    free(work->members);
    free(work->within);
    free(work->sums);
    free(work->distance);
}

static void count_members(clustering *work, const int *assignment) {
    memset(work->members, 0, (size_t)work->clusters * sizeof *work->members);
    for (int i = 0; i < work->tasks; i++)
        work->members[assignment[i]]++;
}

/* --- empty clusters ---------------------------------------------------------------------------------- */

/* The task farthest from its centroid that is not the only member of its cluster. There is one whenever a
 * cluster is empty, because K <= T. */
static int farthest_task(const clustering *work) {
    int farthest = -1;
    for (int i = 0; i < work->tasks; i++)
        if (work->members[work->next[i]] > 1 &&
            (farthest < 0 || work->distance[i] > work->distance[farthest]))
            farthest = i;
    APD_ASSERT(farthest >= 0);
    return farthest;
}

/* Give every empty cluster of `next` a task. Returns how many were empty. */
static int fill_empty(clustering *work) {
    int filled = 0;
    count_members(work, work->next);
    for (int c = 0; c < work->clusters; c++) {
        if (work->members[c] > 0)
            continue;
        int task = farthest_task(work);
        work->members[work->next[task]]--;
        work->members[c] = 1;
        work->next[task] = c;
        work->distance[task] = 0.0; /* it is its own centroid now */
        filled++;
    }
    return filled;
}

/* --- initial centroids --------------------------------------------------------------------------------- */

/* Vector `vector` becomes the centroid of cluster `cluster`: tasks strictly nearer to it than to all before
 * move there. */
static void add_centroid(clustering *work, int cluster, int vector, double *column) {
    const double *diagonal = work->gram->diagonal;
    work->gram->column(work->gram->context, vector, column);
    for (int i = 0; i < work->tasks; i++) {
        double distance = (diagonal[i] - 2.0 * column[i]) + diagonal[vector];
        if (cluster == 0 || distance < work->distance[i]) {
            work->distance[i] = distance;
            work->next[i] = cluster;
        }
    }
}

/* k-means++: a task in proportion to its distance. The numbers used are 2*cluster and 2*cluster+1. */
static int draw_task(const clustering *work, const apd_random *random, int cluster, const bool *taken) {
    double total = 0.0, before = 0.0;
    if (cluster == 0)
        return (int)apd_random_below(random, 0, work->tasks);
    for (int i = 0; i < work->tasks; i++)
        total += fmax(work->distance[i], 0.0);
    if (total <= 0.0) {
        int lowest = 0;
        while (taken[lowest])
            lowest++;
        return lowest;
    }
    int64_t high = apd_random_bits(random, 2 * (int64_t)cluster) >> 5;
    int64_t low = apd_random_bits(random, 2 * (int64_t)cluster + 1) >> 6;
    double target = ldexp((double)(high << 26 | low), -53) * total; /* below total: 53 bits, rounded once */
    for (int i = 0; i < work->tasks; i++) {
        before += fmax(work->distance[i], 0.0);
        if (before > target)
            return i;
    }
    apd_fatal(APD_ERROR_INTERNAL, "k-means++ drew beyond the last task");
}

/* `next` from the nearest of `warm` given vectors and K - warm drawn tasks. */
static void start_from_centroids(clustering *work, int warm, const apd_random *random) {
    double *column = apd_allocate(work->gram->vectors, sizeof *column, "a column of the Gram matrix");
    bool *taken = apd_allocate(work->tasks, sizeof *taken, "K-means' initial centroids");
    for (int c = 0; c < work->clusters; c++) {
        int vector = c < warm ? work->tasks + c : draw_task(work, random, c, taken);
        if (vector < work->tasks)
            taken[vector] = true;
        add_centroid(work, c, vector, column);
    }
    free(column);
    free(taken);
}

/* --- Lloyd's iteration ------------------------------------------------------------------------------- */

/* S, W and the cluster sizes of `assignment`. */
static void measure(clustering *work) {
    int clusters = work->clusters;
    count_members(work, work->assignment);
    work->gram->products(work->gram->context, work->assignment, clusters, work->sums);
    memset(work->within, 0, (size_t)clusters * sizeof *work->within);
    for (int i = 0; i < work->tasks; i++) {
        int c = work->assignment[i];
        work->within[c] += work->sums[(int64_t)i * clusters + c];
    }
}

/* The squared distance of a task to the mean of a cluster that has members. */
static double distance_to(const clustering *work, int task, int cluster) {
    double n = work->members[cluster], own = work->gram->diagonal[task];
    double product = work->sums[(int64_t)task * work->clusters + cluster];
    return ((n * n * own - 2.0 * n * product) + work->within[cluster]) / (n * n);
}

/* `next` from the nearest mean. No cluster of `assignment` is empty. */
static void assign_nearest(clustering *work) {
    for (int i = 0; i < work->tasks; i++)
        for (int c = 0; c < work->clusters; c++) {
            double distance = distance_to(work, i, c);
            if (c == 0 || distance < work->distance[i]) {
                work->distance[i] = distance;
                work->next[i] = c;
            }
        }
}

/* Make `next` the assignment; true when that changes nothing. */
static bool accept_next(clustering *work) {
    size_t bytes = (size_t)work->tasks * sizeof *work->assignment;
    bool same = memcmp(work->assignment, work->next, bytes) == 0;
    memcpy(work->assignment, work->next, bytes);
    return same;
}

/* The sum over clusters of (n * sum of G_ii - W) / n, every numerator exact. */
static double total_inertia(clustering *work) {
    double *own = apd_allocate(work->clusters, sizeof *own, "K-means' clusters");
    double inertia = 0.0;
    for (int i = 0; i < work->tasks; i++)
        own[work->assignment[i]] += work->gram->diagonal[i];
    for (int c = 0; c < work->clusters; c++)
        inertia += (work->members[c] * own[c] - work->within[c]) / work->members[c];
    free(own);
    return inertia > 0.0 ? inertia : 0.0; /* rounding G may leave a little below 0 */
}

static void check(const apd_gram_view *gram, const apd_kmeans_settings *settings) {
    APD_ASSERT(gram->tasks >= 1 && gram->vectors >= gram->tasks);
    APD_ASSERT(settings->clusters >= 1 && settings->most_iterations >= 0);
    APD_ASSERT(settings->warm >= 0 && settings->warm <= gram->vectors - gram->tasks);
}

/* `next` from a given assignment, which may leave clusters empty. */
static void start_from_assignment(clustering *work, const int *start) {
    for (int i = 0; i < work->tasks; i++) {
        APD_ASSERT(start[i] >= 0 && start[i] < work->clusters);
        work->assignment[i] = work->next[i] = start[i];
    }
    measure(work);
    for (int i = 0; i < work->tasks; i++)
        work->distance[i] = distance_to(work, i, start[i]);
}

apd_kmeans_result apd_kmeans(const apd_gram_view *gram, const apd_kmeans_settings *settings,
                             int *assignment) {
    check(gram, settings);
    int clusters = settings->clusters < gram->tasks ? settings->clusters : gram->tasks;
    apd_kmeans_result result = {.clusters = clusters};
    clustering work = start_clustering(gram, clusters, assignment);
    if (settings->start != NULL)
        start_from_assignment(&work, settings->start);
    else
        start_from_centroids(&work, settings->warm, &settings->random);
    result.reseeded = fill_empty(&work);
    (void)accept_next(&work);
    measure(&work);
    while (!result.converged && result.iterations < settings->most_iterations) {
        result.iterations++;
        assign_nearest(&work);
        result.reseeded += fill_empty(&work);
        result.converged = accept_next(&work);
        if (!result.converged)
            measure(&work);
    }
    result.inertia = total_inertia(&work);
    clear_clustering(&work);
    return result;
}
