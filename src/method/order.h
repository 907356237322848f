/* order: how much a task's result depends on its place in the stream (order robustness; Yoon et al. 2020, section 4).
 *
 * Over runs of one stream in several orders, tasks compared by identity:
 *     A[o][t] = mean over the runs (seeds) of order o of the final accuracy on task t
 *     OPD_t   = max_o A[o][t] - min_o A[o][t]
 *     AOPD    = mean_t OPD_t,   MOPD = max_t OPD_t
 * Seeds are averaged first, since otherwise their spread would count as one between orders. A task that is NaN in some run
 * (forgotten, not measured) has no OPD and is left out of AOPD and MOPD; with fewer than two orders there is none at all.
 * All three grow with the number of orders, which must be stated beside them. Local. */
#ifndef APD_METHOD_ORDER_H
#define APD_METHOD_ORDER_H

typedef struct apd_order_spread {
    double average;            /* AOPD; NaN without any OPD */
    double largest;            /* MOPD; NaN without any OPD */
    int task;                  /* the first with the largest OPD; -1: none */
    int tasks;                 /* how many have an OPD */
    int least_runs, most_runs; /* of an order; 0 without runs */
} apd_order_spread;

/* Number the orders of runs by first appearance, from 0. sequences (runs, tasks): task ids in the order of training.
 * order_of (runs), out: equal sequences get equal numbers. Returns how many orders there are. */
int apd_order_group(const int *sequences, int runs, int tasks, int *order_of);

/* The spread between orders.
 *   accuracy   (runs, tasks): final accuracy, by task identity                 in
 *   order_of   (runs): 0 .. orders-1, each at least once                       in
 *   means      (orders, tasks): A                                              out
 *   opd        (tasks)                                                         out */
apd_order_spread apd_order_spread_of(const double *accuracy, const int *order_of, int runs, int orders,
                                     int tasks, double *means, double *opd);

#endif
