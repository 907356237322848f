#include "method/solvers/proximal.h"

#include "base/memory.h"
#include "base/status.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static float rounded_within(double s, double low, double high) {
    float result = (float)s;
    if (result < (float)low)
        result = (float)low;
    if (result > (float)high)
        result = (float)high;
    return result;
}

/* A search: the minimum lies in low..high, the first `count` of off_centre have their points between them, and
 * `derivative` is the old tasks' just above low. */
typedef struct search {
    double lambda1, centre, centre_subgradient; /* 0: the centre is not between low and high */
    apd_breakpoint *off_centre;
    int64_t count;
    double low, high, derivative;
} search;

/* How much the derivative rises between low and `point`, and at it. */
static void rises_to(const search *at, double point, double *before, double *here) {
    double below = 0.0, equal = 0.0;
    for (int64_t k = 0; k < at->count; k++) {
        below += at->off_centre[k].point < point ? at->off_centre[k].mask : 0.0;
        equal += at->off_centre[k].point == point ? at->off_centre[k].mask : 0.0;
    }
    *before = 2.0 * (at->lambda1 * below + (at->centre < point ? at->centre_subgradient : 0.0));
    *here = 2.0 * (at->lambda1 * equal + (at->centre == point ? at->centre_subgradient : 0.0));
}

/* Continue on one side of `point`; `derivative` is that just above it. The order of off-centre tasks stays. */
static void keep_side(search *at, double point, bool above, double derivative) {
    int64_t kept = 0;
    for (int64_t k = 0; k < at->count; k++) {
        const apd_breakpoint task = at->off_centre[k];
        at->off_centre[kept] = task;
        kept += above ? task.point > point : task.point < point;
    }
    at->count = kept;
    at->centre_subgradient = (above ? at->centre > point : at->centre < point) ? at->centre_subgradient : 0.0;
    at->low = above ? point : at->low;
    at->high = above ? at->high : point;
    at->derivative = above ? derivative : at->derivative;
}

/* A pivot: the median of the first, the middle and the last point. */
static double middle_of_three(const search *at) {
    double a = at->off_centre[0].point, b = at->off_centre[at->count / 2].point,
           c = at->off_centre[at->count - 1].point;
    double low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : (c > high ? high : c);
}

static void sort_off_centre(search *at) {
    for (int64_t k = 1; k < at->count; k++) {
        const apd_breakpoint task = at->off_centre[k];
        int64_t place = k;
        for (; place > 0 && at->off_centre[place - 1].point > task.point; place--)
            at->off_centre[place] = at->off_centre[place - 1];
        at->off_centre[place] = task;
    }
}

/* The next kink in ascending order, and by how much the derivative rises there, ties together; `*next` off-centre tasks
 * lie below it. Returns false at the end. */
static bool next_kink(search *at, int64_t *next, double *point, double *rise) {
    bool has_centre = at->centre_subgradient > 0.0;
    if (*next == at->count && !has_centre)
        return false;
    *point = *next < at->count ? at->off_centre[*next].point : at->centre;
    if (has_centre && at->centre < *point)
        *point = at->centre;
    *rise = 0.0;
    if (has_centre && at->centre == *point) {
        *rise += 2.0 * at->centre_subgradient;
        at->centre_subgradient = 0.0;
    }
    for (; *next < at->count && at->off_centre[*next].point == *point; ++*next)
        *rise += 2.0 * at->lambda1 * at->off_centre[*next].mask;
    return true;
}

float apd_proximal_absolute(float z, float eta, double lambda1, float centre, double centre_subgradient,
                            apd_breakpoint *off_centre, int64_t count, apd_linear_piece *piece) {
    search at = {lambda1, (double)centre, centre_subgradient, off_centre,
                 count,   -INFINITY,      INFINITY,           -centre_subgradient};
    double point, rise, before;
    int64_t next = 0;
    for (int64_t k = 0; k < count; k++)
        at.derivative -= lambda1 * off_centre[k].mask;
    while (at.count > APD_FEW_OFF_CENTRE) {
        point = middle_of_three(&at);
        rises_to(&at, point, &before, &rise);
        double below = at.derivative + before, above = below + rise;
        bool is_below = (double)z - (double)eta * below < point;
        if (!is_below && (double)z - (double)eta * above <= point) {
            *piece = (apd_linear_piece){(float)point, (float)point, (float)below, (float)above};
            return (float)point;
        }
        keep_side(&at, point, !is_below, above);
    }
    if (count > APD_FEW_OFF_CENTRE)
        sort_off_centre(&at);
    while (next_kink(&at, &next, &point, &rise)) {
        double s = (double)z - (double)eta * at.derivative;
        if (s < point) {
            at.high = point;
            break;
        }
        double above = at.derivative + rise;
        if ((double)z - (double)eta * above <= point) {
            *piece = (apd_linear_piece){(float)point, (float)point, (float)at.derivative, (float)above};
            return (float)point;
        }
        at.derivative = above;
        at.low = point;
    }
    *piece = (apd_linear_piece){(float)at.low, (float)at.high, (float)at.derivative, (float)at.derivative};
    return rounded_within((double)z - (double)eta * at.derivative, at.low, at.high);
}

static int ascending(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

void apd_huber_row_init(apd_huber_row *row, double lambda1, double lambda2, const double *masks, int count) {
    *row = (apd_huber_row){.count = count};
    row->half = apd_allocate(count, sizeof(double), "a row's zones");
    row->slope = apd_allocate(count + 1, sizeof(double), "a row's subgradients");
    row->curve = apd_allocate(count + 1, sizeof(double), "a row's curves");
    for (int k = 0; k < count; k++)
        row->half[k] = lambda1 / (2.0 * lambda2 * masks[k]);
    qsort(row->half, (size_t)count, sizeof(double), ascending);
    for (int k = 0; k < count; k++) {
        double mask = lambda1 / (2.0 * lambda2 * row->half[k]);
        row->slope[k + 1] = row->slope[k] + lambda1 * mask;
    }
    for (int k = count; k-- > 0;) {
        double mask = lambda1 / (2.0 * lambda2 * row->half[k]);
        row->curve[k] = row->curve[k + 1] + 2.0 * lambda2 * mask * mask;
    }
}

void apd_huber_row_clear(apd_huber_row *row) {
    free(row->half);
    free(row->slope);
    free(row->curve);
    *row = (apd_huber_row){0};
}

/* How many zones have a half-width of `distance` or less. */
static int zones_left(const apd_huber_row *row, double distance) {
    int low = 0, high = row->count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (row->half[middle] <= distance)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

typedef struct huber {
    const apd_huber_row *row;
    const apd_breakpoint *off_centre;
    int64_t count;
    double lambda1, lambda2, centre;
} huber;

static double one_derivative(const huber *h, double mask, double distance) {
    double inside = 2.0 * h->lambda2 * mask * mask * distance, limit = h->lambda1 * mask;
    return fmax(-limit, fmin(limit, inside));
}

/* The derivative of the sum at s: as if all tasks were at the centre, corrected for the off-centre ones. */
static double derivative_at(const huber *h, double s) {
    double distance = s - h->centre;
    int k = zones_left(h->row, fabs(distance));
    double sum = copysign(h->row->slope[k], distance) + h->row->curve[k] * distance;
    for (int64_t i = 0; i < h->count; i++)
        sum += one_derivative(h, h->off_centre[i].mask, s - h->off_centre[i].point) -
               one_derivative(h, h->off_centre[i].mask, distance);
    return sum;
}

/* eta times the derivative of the objective at s; positive if the minimum lies below s. */
static double balance(const huber *h, double z, double eta, double s) {
    return s - z + eta * derivative_at(h, s);
}

/* Narrow *low..*high, in which the minimum lies, at s. */
static void narrow(const huber *h, double z, double eta, double s, double *low, double *high) {
    if (s <= *low || s >= *high)
        return;
    if (balance(h, z, eta, s) > 0.0)
        *high = s;
    else
        *low = s;
}

/* Narrow at the ends of the row's zones on one side of the centre, by bisection. */
static void narrow_by_row(const huber *h, double z, double eta, double side, double *low, double *high) {
    int first = 0, last = h->row->count;
    while (first < last) {
        int middle = first + (last - first) / 2;
        double s = h->centre + side * h->row->half[middle];
        double above = s >= *high ? 1.0 : (s <= *low ? -1.0 : balance(h, z, eta, s));
        if (above > 0.0 && s < *high)
            *high = s;
        if (above <= 0.0 && s > *low)
            *low = s;
        if ((above > 0.0) == (side > 0.0))
            last = middle;
        else
            first = middle + 1;
    }
}

float apd_proximal_huber(float z, float eta, double lambda1, double lambda2, float centre,
                         const apd_huber_row *row, const apd_breakpoint *off_centre, int64_t count,
                         apd_linear_piece *piece) {
    huber h = {.row = row,
               .off_centre = off_centre,
               .count = count,
               .lambda1 = lambda1,
               .lambda2 = lambda2,
               .centre = (double)centre};
    double low = -INFINITY, high = INFINITY;
    for (int64_t i = 0; i < count; i++) {
        double half = lambda1 / (2.0 * lambda2 * off_centre[i].mask);
        narrow(&h, (double)z, (double)eta, off_centre[i].point - half, &low, &high);
        narrow(&h, (double)z, (double)eta, off_centre[i].point + half, &low, &high);
    }
    /* not at the centre itself: sigma crosses it often, and would leave its piece each time */
    narrow_by_row(&h, (double)z, (double)eta, -1.0, &low, &high);
    narrow_by_row(&h, (double)z, (double)eta, 1.0, &low, &high);

    /* linear in low..high, constant where one of them is infinite */
    double origin = isfinite(low) ? low : (isfinite(high) ? high : (double)z);
    double level = derivative_at(&h, origin), slope = 0.0;
    if (isfinite(low) && isfinite(high))
        slope = (derivative_at(&h, high) - level) / (high - low);
    double s = origin + ((double)z - origin - (double)eta * level) / (1.0 + (double)eta * slope);
    *piece = (apd_linear_piece){(float)low, (float)high, (float)level, (float)slope};
    return rounded_within(s, low, high);
}
