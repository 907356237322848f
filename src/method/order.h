/* order: how much a task's result depends on its place in the stream (order robustness; Yoon et al. 2020,
 * section 4). Runs of one stream in several orders are laid side by side by the tasks' identity:
 *
 *   A[o][t] = mean over the runs (seeds) of order o of the final accuracy on task t
 *   OPD_t   = max_o A[o][t] - min_o A[o][t]
 *   AOPD    = mean_t OPD_t           MOPD = max_t OPD_t
 *
 * Seeds are averaged first, or the spread between seeds would be taken for one between orders. A task that
 * is NaN in some run (forgotten, not measured) has no OPD and is left out of AOPD and MOPD; with fewer than
 * two orders there is no OPD at all. All grow with the number of orders: it is stated beside them. */
#ifndef APD_METHOD_ORDER_H
#define APD_METHOD_ORDER_H

typedef struct apd_order_spread {
    double average;            /* AOPD; NaN without any OPD */
    double largest;            /* MOPD; NaN without any OPD */
    int task;                  /* the first whose OPD is the largest; -1: none */
    int tasks;                 /* how many have an OPD */
    int least_runs, most_runs; /* of an order; 0 without runs */
} apd_order_spread;

/* Number the orders of runs: `sequences` (runs, tasks) holds the task ids in the order of training, and runs
 * with equal sequences get the same number in `order_of` (runs), from 0 in the order of first appearance.
 * Returns how many orders there are. */
int apd_order_group(const int *sequences, int runs, int tasks, int *order_of);

/* `accuracy` (runs, tasks): final accuracy by identity. `order_of` (runs): 0 .. orders-1, each at least once.
 * Written: `means` (orders, tasks), `opd` (tasks). */
apd_order_spread apd_order_spread_of(const double *accuracy, const int *order_of, int runs, int orders,
                                     int tasks, double *means, double *opd);

#endif
