#include "method/proximal.h"

#include "base/memory.h"
#include "base/status.h"

#include <math.h>
#include <stdlib.h>

/* The k-th breakpoint of strays and centre merged: rank < count strays come before the centre. */
typedef struct walk {
    const apd_stray *strays;
    int64_t count, next;
    double lambda1, centre, centre_pull;
    int centre_done;
} walk;

/* The next point on the way up and how much the derivative rises there, ties together; 0 at the end. */
static int next_kink(walk *w, double *point, double *rise) {
    int has_centre = !w->centre_done && w->centre_pull > 0.0;
    if (w->next == w->count && !has_centre)
        return 0;
    *point = w->next < w->count ? w->strays[w->next].point : w->centre;
    if (has_centre && w->centre < *point)
        *point = w->centre;
    *rise = 0.0;
    if (has_centre && w->centre == *point) {
        *rise += 2.0 * w->centre_pull;
        w->centre_done = 1;
    }
    for (; w->next < w->count && w->strays[w->next].point == *point; w->next++)
        *rise += 2.0 * w->lambda1 * w->strays[w->next].mask;
    return 1;
}

static float rounded_within(double s, double low, double high) {
    float result = (float)s;
    if (result < (float)low)
        result = (float)low;
    if (result > (float)high)
        result = (float)high;
    return result;
}

float apd_proximal_absolute(float z, float eta, double lambda1, float centre, double centre_pull,
                            const apd_stray *strays, int64_t count, apd_piece *piece) {
    walk w = {.strays = strays,
              .count = count,
              .lambda1 = lambda1,
              .centre = (double)centre,
              .centre_pull = centre_pull};
    double derivative = -centre_pull;
    for (int64_t k = 0; k < count; k++)
        derivative -= lambda1 * strays[k].mask;
    double low = -INFINITY, point, rise;
    while (next_kink(&w, &point, &rise)) {
        double s = (double)z - (double)eta * derivative;
        if (s < point) {
            *piece = (apd_piece){(float)low, (float)point, (float)derivative, (float)derivative};
            return rounded_within(s, low, point);
        }
        double above = derivative + rise;
        if ((double)z - (double)eta * above <= point) {
            *piece = (apd_piece){(float)point, (float)point, (float)derivative, (float)above};
            return (float)point;
        }
        derivative = above;
        low = point;
    }
    *piece = (apd_piece){(float)low, INFINITY, (float)derivative, (float)derivative};
    return rounded_within((double)z - (double)eta * derivative, low, INFINITY);
}

static int ascending(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

void apd_huber_row_init(apd_huber_row *row, double lambda1, double lambda2, const double *masks, int count) {
    *row = (apd_huber_row){.count = count};
    row->half = apd_allocate(count, sizeof(double), "a row's zones");
    row->pull = apd_allocate(count + 1, sizeof(double), "a row's pulls");
    row->curve = apd_allocate(count + 1, sizeof(double), "a row's curves");
    for (int k = 0; k < count; k++)
        row->half[k] = lambda1 / (2.0 * lambda2 * masks[k]);
    qsort(row->half, (size_t)count, sizeof(double), ascending);
    for (int k = 0; k < count; k++) {
        double mask = lambda1 / (2.0 * lambda2 * row->half[k]);
        row->pull[k + 1] = row->pull[k] + lambda1 * mask;
    }
    for (int k = count; k-- > 0;) {
        double mask = lambda1 / (2.0 * lambda2 * row->half[k]);
        row->curve[k] = row->curve[k + 1] + 2.0 * lambda2 * mask * mask;
    }
}

void apd_huber_row_clear(apd_huber_row *row) {
    free(row->half);
    free(row->pull);
    free(row->curve);
    *row = (apd_huber_row){0};
}

/* How many zones end at a distance of `distance` or less. */
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
    const apd_stray *strays;
    int64_t count;
    double lambda1, lambda2, centre;
} huber;

static double one_derivative(const huber *h, double mask, double distance) {
    double inside = 2.0 * h->lambda2 * mask * mask * distance, limit = h->lambda1 * mask;
    return fmax(-limit, fmin(limit, inside));
}

/* The derivative of the whole sum at s: all tasks at the centre, then the strays taken to where they are. */
static double derivative_at(const huber *h, double s) {
    double distance = s - h->centre;
    int k = zones_left(h->row, fabs(distance));
    double sum = copysign(h->row->pull[k], distance) + h->row->curve[k] * distance;
    for (int64_t i = 0; i < h->count; i++)
        sum += one_derivative(h, h->strays[i].mask, s - h->strays[i].point) -
               one_derivative(h, h->strays[i].mask, distance);
    return sum;
}

/* Which side of s the minimum is on: the sign of (s - z)/eta + derivative, scaled by eta. */
static double balance(const huber *h, double z, double eta, double s) {
    return s - z + eta * derivative_at(h, s);
}

/* Narrow *low..*high (the minimum lies in it) by a breakpoint. */
static void narrow(const huber *h, double z, double eta, double s, double *low, double *high) {
    if (s <= *low || s >= *high)
        return;
    if (balance(h, z, eta, s) > 0.0)
        *high = s;
    else
        *low = s;
}

/* Narrow by the zone ends of the row's tasks on one side of the centre: a bisection among them. */
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
                         const apd_huber_row *row, const apd_stray *strays, int64_t count, apd_piece *piece) {
    huber h = {.row = row,
               .strays = strays,
               .count = count,
               .lambda1 = lambda1,
               .lambda2 = lambda2,
               .centre = (double)centre};
    double low = -INFINITY, high = INFINITY;
    for (int64_t i = 0; i < count; i++) {
        double half = lambda1 / (2.0 * lambda2 * strays[i].mask);
        narrow(&h, (double)z, (double)eta, strays[i].point - half, &low, &high);
        narrow(&h, (double)z, (double)eta, strays[i].point + half, &low, &high);
    }
    /* the centre itself is no breakpoint: sigma crosses it all the time, and would leave its piece */
    narrow_by_row(&h, (double)z, (double)eta, -1.0, &low, &high);
    narrow_by_row(&h, (double)z, (double)eta, 1.0, &low, &high);

    /* linear between low and high; constant where one of them is infinite */
    double origin = isfinite(low) ? low : (isfinite(high) ? high : (double)z);
    double level = derivative_at(&h, origin), slope = 0.0;
    if (isfinite(low) && isfinite(high))
        slope = (derivative_at(&h, high) - level) / (high - low);
    double s = origin + ((double)z - origin - (double)eta * level) / (1.0 + (double)eta * slope);
    *piece = (apd_piece){(float)low, (float)high, (float)level, (float)slope};
    return rounded_within(s, low, high);
}
