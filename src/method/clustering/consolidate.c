#include "method/clustering/consolidate.h"

#include "base/memory.h"
#include "base/status.h"
#include "method/solvers/adaptive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One weight of a row, over the members of a cluster. */
typedef struct weight {
    double sum, least, most;
    int nonzero;  /* members with a != 0 */
    bool merged;  /* the members' tau becomes 0 */
    float shared; /* the new sigma_g; 0: not merged, or the mean is 0 */
} weight;

/* One block that gets new groups. */
typedef struct merge {
    apd_decomposition *d;
    int block;
    int64_t rows, cols;
    const int *places, *cluster;
    int tasks, clusters;
    double beta;
    apd_merge_rule rule;
    apd_consolidation *report;
    apd_sparse_writer *tau;    /* (tasks) */
    apd_sparse_writer *shared; /* (clusters) */
    int *list;                 /* (tasks) cluster after cluster, ascending within one */
    int *first;                /* (clusters+1) where each cluster's members begin in the list */
    weight *weights;           /* (C) */
    uint64_t *seen;            /* (C/64+1): a bit for each touched column */
    int32_t *touched;          /* (C) columns in which some member has an entry, ascending */
    int32_t *columns;          /* (C) a member's row */
    double *values;            /* (C) */
} merge;

/* List the columns marked in `seen`, ascending, and clear the marks. */
static int64_t list_touched(merge *m) {
    int64_t touched = 0, words = m->cols / 64 + 1;
    for (int64_t word = 0; word < words; word++) {
        for (uint64_t bits = m->seen[word]; bits != 0; bits &= bits - 1)
            m->touched[touched++] = (int32_t)(64 * word + __builtin_ctzll(bits));
        m->seen[word] = 0;
    }
    return touched;
}

/* Collect a cluster's members in row r. Returns the number of touched columns. */
static int64_t gather(merge *m, int cluster, int64_t r) {
    for (int i = m->first[cluster]; i < m->first[cluster + 1]; i++) {
        int64_t count = apd_adaptive_row(m->d, m->places[m->list[i]], m->block, r, m->columns, m->values);
        for (int64_t e = 0; e < count; e++) {
            weight *w = &m->weights[m->columns[e]];
            double a = m->values[e];
            m->seen[m->columns[e] / 64] |= UINT64_C(1) << (m->columns[e] % 64);
            w->sum += a;
            w->least = w->nonzero == 0 || a < w->least ? a : w->least;
            w->most = w->nonzero == 0 || a > w->most ? a : w->most;
            w->nonzero++;
        }
    }
    return list_touched(m);
}

/* The rule of eq. 4 for one weight of a cluster with `members` members. */
static bool agreed(const merge *m, const weight *w, int members) {
    double least = w->nonzero < members && w->least > 0.0 ? 0.0 : w->least;
    double most = w->nonzero < members && w->most < 0.0 ? 0.0 : w->most;
    return members >= 2 && most - least <= m->beta && (m->rule == APD_MERGE_PLAIN || w->nonzero >= 2);
}

/* Decide which weights of the row are merged, and write sigma_g. */
static void share_row(merge *m, int cluster, int64_t touched) {
    int members = m->first[cluster + 1] - m->first[cluster];
    for (int64_t k = 0; k < touched; k++) {
        weight *w = &m->weights[m->touched[k]];
        w->merged = agreed(m, w, members);
        w->shared = w->merged ? (float)(w->sum / members) : 0.0f;
        if (w->shared != 0.0f) {
            apd_sparse_put(&m->shared[cluster], m->touched[k], w->shared);
            m->report->merged++;
        }
    }
}

/* Changes of a member's theta in a row. */
typedef struct tally {
    int64_t changed, sum, largest;
} tally;

/* |after - before| in units of 2^-40, at most 1024, rounded: adding 2^52 leaves no bits for a fraction. */
static inline int64_t in_units(float after, float before) {
    double change = fabs((double)after - (double)before), most = 1024.0;
    double shifted = (change < most ? change : most) * 0x1p40 + 0x1p52, zero = 0x1p52;
    int64_t bits, none;
    memcpy(&bits, &shifted, sizeof bits);
    memcpy(&none, &zero, sizeof none);
    return bits - none;
}

/* Count a merged weight whose theta was `before` and becomes `after`. */
static inline void count_change(tally *t, float after, float before) {
    int64_t change = in_units(after, before);
    t->changed += !apd_same_bits(after, before);
    t->sum += change;
    t->largest = change > t->largest ? change : t->largest;
}

/* Count adjacent merged weights at which the member had no entry: theta = mask*sigma becomes mask*sigma + shared. */
static void count_span(tally *t, const float *sigma, float mask, const float *shared, int64_t count) {
    tally sum = {0};
    for (int64_t k = 0; k < count; k++) {
        float product = mask * sigma[k];
        count_change(&sum, product + shared[k], product);
    }
    t->changed += sum.changed;
    t->sum += sum.sum;
    t->largest = sum.largest > t->largest ? sum.largest : t->largest;
}

static void report_row(merge *m, int i, const tally *t) {
    if (t->changed == 0)
        return;
    m->report->changed += t->changed;
    m->report->change_sum += t->sum;
    m->report->largest_change =
        t->largest > m->report->largest_change ? t->largest : m->report->largest_change;
    m->d->tasks[m->places[i]]->moved = true;
}

static int32_t least_column(int32_t a, int32_t b) {
    return a < b ? a : b;
}

/* Count and skip the next `count` entries of `shared`, at which the member has none. Most often they are adjacent. */
static void count_shared(tally *t, const float *sigma, float mask, apd_sparse_cursor *shared, int64_t count) {
    const int32_t *columns = shared->columns;
    if (count > 0 && columns[count - 1] - columns[0] == count - 1)
        count_span(t, sigma + columns[0], mask, shared->values, count);
    else
        for (int64_t k = 0; k < count; k++)
            count_span(t, sigma + columns[k], mask, shared->values + k, 1);
    apd_sparse_skip(shared, count);
}

/* How many of the entries lie left of `column`. */
static int64_t count_before(const apd_sparse_cursor *list, int32_t column) {
    int64_t count = 0;
    if (list->left == 0 || list->columns[list->left - 1] < column)
        return list->left;
    if (column - list->columns[0] <= list->left && column >= list->columns[0])
        count = column - list->columns[0]; /* an upper bound, exact if no column between is missing */
    while (count > 0 && list->columns[count - 1] >= column)
        count--;
    while (list->columns[count] < column)
        count++;
    return count;
}

/* Write row r of member i's tau. Its theta differs from mask*sigma, before or after, only where its tau, its former group
 * or its new one (`shared`) has an entry. Spans with entries of `shared` alone need no entry of tau. */
static void rewrite_row(merge *m, int i, int64_t r, apd_sparse_cursor shared) {
    const apd_task_block *part = &m->d->tasks[m->places[i]]->blocks[m->block];
    const float *sigma = m->d->sigma[m->block] + r * m->cols, mask = part->mask[r];
    apd_sparse_cursor tau = apd_sparse_row(&part->tau, r);
    apd_sparse_cursor group = apd_group_cursor(m->d, m->block, part->group, r);
    tally changes = {0};
    for (;;) {
        int32_t column = least_column(apd_sparse_next(&tau), apd_sparse_next(&group));
        count_shared(&changes, sigma, mask, &shared, count_before(&shared, column));
        if (column == INT32_MAX)
            break;
        const float *theta = apd_sparse_take(&tau, column), *sigma_g = apd_sparse_take(&group, column);
        float product = mask * sigma[column];
        float before = theta != NULL ? *theta : sigma_g != NULL ? product + *sigma_g : product;
        const weight *w = &m->weights[column];
        if (w->merged)
            count_change(&changes, w->shared != 0.0f ? product + w->shared : product, before);
        else if (!apd_same_bits(before, product))
            apd_sparse_put(&m->tau[i], column, before);
        (void)apd_sparse_take(&shared, column);
    }
    apd_sparse_end_row(&m->tau[i], r);
    report_row(m, i, &changes);
}

static void merge_row(merge *m, int cluster, int64_t r) {
    int64_t touched = gather(m, cluster, r), before = m->shared[cluster].count;
    share_row(m, cluster, touched);
    const apd_sparse_writer *made = &m->shared[cluster];
    apd_sparse_cursor shared = {made->sparse.columns + before, made->sparse.values + before,
                                made->count - before};
    for (int k = m->first[cluster]; k < m->first[cluster + 1]; k++)
        rewrite_row(m, m->list[k], r, shared);
    for (int64_t k = 0; k < touched; k++)
        m->weights[m->touched[k]] = (weight){0};
    apd_sparse_end_row(&m->shared[cluster], r);
}

static int64_t tau_entries(const merge *m) {
    int64_t count = 0;
    for (int i = 0; i < m->tasks; i++)
        count += m->d->tasks[m->places[i]]->blocks[m->block].tau.offsets[m->rows];
    return count;
}

static int64_t shared_entries(const merge *m) {
    int64_t count = 0;
    const apd_block_groups *groups = &m->d->groups[m->block];
    for (int g = 0; g < groups->count; g++)
        count += groups->shared[g].offsets[m->rows];
    return count;
}

static void merge_begin(merge *m) {
    m->tau = apd_allocate(m->tasks, sizeof *m->tau, "the merged tasks");
    m->shared = apd_allocate(m->clusters, sizeof *m->shared, "the locally shared parameters");
    m->list = apd_allocate(m->tasks, sizeof *m->list, "the clusters' members");
    m->first = apd_allocate(m->clusters + 1, sizeof *m->first, "the clusters' members");
    m->weights = apd_allocate(m->cols, sizeof *m->weights, "a row's weights");
    m->seen = apd_allocate(m->cols / 64 + 1, sizeof *m->seen, "a row's columns");
    m->touched = apd_allocate(m->cols, sizeof *m->touched, "a row's columns");
    m->columns = apd_allocate(m->cols, sizeof *m->columns, "a row's columns");
    m->values = apd_allocate(m->cols, sizeof *m->values, "a row's values");
    for (int i = 0; i < m->tasks; i++) {
        APD_ASSERT(m->cluster[i] >= 0 && m->cluster[i] < m->clusters);
        m->first[m->cluster[i] + 1]++;
        m->tau[i] = apd_sparse_begin(m->rows, 0);
    }
    for (int g = 0, next = 0; g < m->clusters; g++) {
        m->shared[g] = apd_sparse_begin(m->rows, 0);
        m->first[g + 1] += m->first[g];
        for (int i = 0; i < m->tasks; i++)
            if (m->cluster[i] == g)
                m->list[next++] = i;
    }
}

/* Put the new tau and groups in place of the old ones. */
static void merge_end(merge *m) {
    apd_block_groups *groups = &m->d->groups[m->block];
    m->report->tau_before += tau_entries(m);
    m->report->shared_before += shared_entries(m);
    apd_block_groups_clear(groups);
    groups->count = m->clusters;
    groups->shared = apd_allocate(m->clusters, sizeof *groups->shared, "the locally shared parameters");
    for (int g = 0; g < m->clusters; g++)
        groups->shared[g] = apd_sparse_end(&m->shared[g]);
    for (int i = 0; i < m->tasks; i++) {
        apd_task_part *part = m->d->tasks[m->places[i]];
        apd_task_replace_tau(part, m->block, apd_sparse_end(&m->tau[i]));
        part->blocks[m->block].group = m->cluster[i];
    }
    apd_decomposition_revised(m->d, m->block);
    m->report->tau_after += tau_entries(m);
    m->report->shared_after += shared_entries(m);
    void *const arrays[] = {m->tau,  m->shared,  m->list,    m->first, m->weights,
                            m->seen, m->touched, m->columns, m->values};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        free(arrays[i]);
}

void apd_consolidate(apd_decomposition *d, int block, const int *places, const int *cluster, int tasks,
                     int clusters, double beta, apd_merge_rule rule, apd_consolidation *report) {
    merge m = {.d = d,
               .block = block,
               .rows = apd_local_rows(d, block),
               .cols = d->layout->blocks[block].cols,
               .places = places,
               .cluster = cluster,
               .tasks = tasks,
               .clusters = clusters,
               .beta = beta,
               .rule = rule,
               .report = report};
    merge_begin(&m);
    for (int g = 0; g < clusters; g++)
        for (int64_t r = 0; r < m.rows; r++)
            merge_row(&m, g, r);
    merge_end(&m);
}

/* The number of tasks in a group; `*last` is the last of them. */
static int count_members(const apd_decomposition *d, int block, int group, int *last) {
    int members = 0;
    for (int t = 0; t < d->task_count; t++)
        if (apd_task_is_decomposed(d, t, block) && d->tasks[t]->blocks[block].group == group) {
            *last = t;
            members++;
        }
    return members;
}

/* Dissolve a group: its last member, the task at `place`, gets its full tau. */
static void dissolve(apd_decomposition *d, int block, int place, int group) {
    const apd_task_block *part = &d->tasks[place]->blocks[block];
    int64_t rows = apd_local_rows(d, block), cols = d->layout->blocks[block].cols;
    float *theta = apd_allocate(rows * cols, sizeof(float), "a member's theta");
    float *bias = apd_allocate(rows, sizeof(float), "a member's biases");
    apd_decomposition_theta(d, place, block, theta, bias);
    apd_sparse_writer tau = apd_sparse_begin(rows, 0);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t j = r * cols; j < (r + 1) * cols; j++)
            if (!apd_same_bits(theta[j], part->mask[r] * d->sigma[block][j]))
                apd_sparse_put(&tau, (int32_t)(j - r * cols), theta[j]);
        apd_sparse_end_row(&tau, r);
    }
    apd_task_replace_tau(d->tasks[place], block, apd_sparse_end(&tau));
    apd_sparse_resize(&d->groups[block].shared[group], rows, 0);
    free(bias);
    free(theta);
}

int apd_forget(apd_decomposition *d, int place) {
    APD_ASSERT(place >= 0 && place < d->task_count && d->tasks[place] != NULL);
    int dissolved = 0;
    apd_task_part *forgotten = d->tasks[place];
    d->tasks[place] = NULL;
    for (int b = 0; b < d->layout->block_count; b++) {
        apd_decomposition_revised(d, b);
        int group = forgotten->blocks[b].mask != NULL ? forgotten->blocks[b].group : -1;
        if (group < 0)
            continue;
        int left = -1, members = count_members(d, b, group, &left);
        if (members == 1) {
            dissolve(d, b, left, group);
            dissolved++;
        }
        if (members == 0)
            apd_sparse_resize(&d->groups[b].shared[group], apd_local_rows(d, b), 0);
    }
    apd_task_part_destroy(d, forgotten);
    return dissolved;
}
