/* kmeans: K-means of T vectors, given only their inner products (kernel K-means with a linear kernel).
 *
 * Lloyd's algorithm on the Gram matrix G. The squared distance of vector i to the mean of cluster c with n members is
 *     d_ic = (n^2*G_ii - 2*n*S_ic + W_c)/n^2,   S_ic = sum of G_ij over members j,   W_c = sum of S_ic over members i.
 *
 * Same bits everywhere: G holds integers in double (mpi/gram/gram.h), so small that each of the three terms is exact in
 * any order of summation. A distance is computed from exact numbers by a fixed sequence of operations with one division
 * at the end, so equal distances compare equal; ties go to the lowest index.
 *
 * Yoon et al. 2020, algorithm 1 (hierarchical knowledge consolidation); k-means++: Arthur & Vassilvitskii 2007. */
#ifndef APD_METHOD_CLUSTERING_KMEANS_H
#define APD_METHOD_CLUSTERING_KMEANS_H

#include "base/random.h"

#include <stdbool.h>
#include <stdint.h>

/* The Gram matrix of N vectors. The first `tasks` are clustered; the rest, former locally shared parameters, only serve
 * as initial centroids. The functions may be collective: all ranks call them in the same order. */
typedef struct apd_gram_view {
    int tasks;              /* T */
    int vectors;            /* N >= T */
    const double *diagonal; /* (N) */
    void *context;
    /* column `vector` of the matrix: out (N) */
    void (*column)(void *context, int vector, double *out);
    /* sums (T, clusters), row-major: sums[i][c] = sum of G_ij over tasks j with assignment[j] == c */
    void (*products)(void *context, const int *assignment, int clusters, double *sums);
} apd_gram_view;

typedef struct apd_kmeans_settings {
    int clusters; /* K; more than T is taken as T */
    int warm;     /* this many initial centroids are vectors T .. T+warm-1; 0 <= warm <= N-T; those beyond
                          * K are not used */
    int most_iterations; /* of Lloyd's algorithm; 100 */
    const int *start;    /* (T): an initial assignment instead of centroids (spectral start), or NULL */
    apd_random random;   /* stream for k-means++ */
} apd_kmeans_settings;

typedef struct apd_kmeans_result {
    int clusters; /* K as used */
    int iterations;
    bool converged; /* no task changed its cluster in the last iteration */
    int reseeded;   /* empty clusters that were given a task */
    double inertia; /* sum of squared distances to the centroids, in the Gram matrix's units */
} apd_kmeans_result;

/* Cluster the tasks: assignment (T), out, clusters 0 .. K-1, none empty. An initial centroid keeps its number.
 *
 * Initial centroids are the warm ones, then k-means++: each further one is drawn with probability in proportion to the
 * squared distance to the nearest centroid so far (the first, if there is none, uniformly); if all distances are 0 it is
 * the lowest index that is no centroid. An empty cluster takes the task farthest from its centroid that is not the only
 * member of its cluster; ties go to the lowest index.
 *
 * Cost an iteration: one call of `products` and O(T*K). */
apd_kmeans_result apd_kmeans(const apd_gram_view *gram, const apd_kmeans_settings *settings, int *assignment);

#endif
