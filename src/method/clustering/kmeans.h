/* kmeans: K-means of T vectors of which only the inner products are known.
 *
 * Lloyd's algorithm on a Gram matrix G: the squared distance of vector i to the mean of the n members of
 * cluster c is
 *     d_ic = (n^2*G_ii - 2*n*S_ic + W_c) / n^2,   S_ic = sum of G_ij over members j,   W_c = sum of S_ic over
 * members i; the D-long vectors are never touched (kernel K-means with a linear kernel).
 *
 * Same bits everywhere: the Gram matrix holds whole numbers in double (see mpi/gram.h) so small that each of
 * the three terms is exact, in any order and on any process grid. Distances are then made of exact numbers by
 * one fixed sequence of operations with one division at the end, so that equal distances compare equal; ties
 * go to the lowest index, and nothing depends on ranks.
 *
 * Yoon et al. 2020, algorithm 1 (hierarchical knowledge consolidation); k-means++: Arthur & Vassilvitskii
 * 2007. */
#ifndef APD_METHOD_CLUSTERING_KMEANS_H
#define APD_METHOD_CLUSTERING_KMEANS_H

#include "base/random.h"

#include <stdbool.h>
#include <stdint.h>

/* The Gram matrix of N vectors as seen by K-means: the first `tasks` are clustered, the rest (the former
 * locally shared parameters) only serve as first centroids. */
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
    int clusters;        /* K; more than T is taken as T */
    int warm;            /* how many first centroids are the vectors T .. T+warm-1; 0 <= warm <= N - T; those
                          * beyond K are not used */
    int most_iterations; /* of Lloyd's algorithm; 100 */
    const int *start;    /* (T) a start's assignment instead of centroids (spectral start), or NULL */
    apd_random random;   /* k-means++'s numbers */
} apd_kmeans_settings;

typedef struct apd_kmeans_result {
    int clusters; /* K as used */
    int iterations;
    bool converged; /* no task changed its cluster in the last iteration */
    int reseeded;   /* how often an empty cluster was given the farthest task */
    double inertia; /* sum of squared distances to the centroids, in the Gram matrix's units */
} apd_kmeans_result;

/* Cluster: assignment (T) out, clusters numbered 0 .. K-1 (a warm centroid keeps its number). Every cluster
 * has a member. k-means++ draws each further centroid with probability in proportion to the squared distance
 * to the nearest centroid so far (the first, when there is none, uniformly); when all distances are 0 the
 * lowest index that is not a centroid. An empty cluster takes the task farthest from its centroid, lowest
 * index on ties, never the only member of another. Cost a iteration: one call of products and O(T*K). */
apd_kmeans_result apd_kmeans(const apd_gram_view *gram, const apd_kmeans_settings *settings, int *assignment);

#endif
