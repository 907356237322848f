#include "engine/consolidation.h"

#include "base/digest.h"
#include "base/heartbeat.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/system/fault.h"
#include "method/clustering/consolidate.h"
#include "method/clustering/kmeans.h"
#include "method/solvers/adaptive.h"
#include "mpi/gram/gram.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct apd_gram_memory {
    apd_gram *gram;
    int tasks;
    int *places;       /* (tasks) */
    uint64_t *digests; /* (tasks): of this rank's rows of each task's adaptive parameters */
} apd_gram_memory;

/* One layer being consolidated. */
typedef struct layer {
    apd_run *run;
    const apd_decomposition *d;
    int block, tasks, groups, clusters;
    const int *places; /* (tasks) */
    int *cluster;      /* (tasks) */
    apd_kmeans_result found;
    apd_consolidation report;
    double rank, explained, seconds;
} layer;

bool apd_consolidation_due(const apd_run *run) {
    int every = run->description->method.consolidate_every;
    return every > 0 && run->description->method.row->clusters && run->state.task_count % every == 0;
}

static int64_t vector_row(void *context, int vector, int64_t row, int32_t *columns, double *values) {
    const layer *l = context;
    if (vector < l->tasks)
        return apd_adaptive_row(l->d, l->places[vector], l->block, row, columns, values);
    return apd_group_row(l->d, vector - l->tasks, l->block, row, columns, values);
}

/* A digest of this rank's rows of a task's adaptive parameters. */
static uint64_t digest_vector(layer *l, int vector, int32_t *columns, double *values) {
    uint64_t digest = 0;
    for (int64_t r = 0; r < apd_local_rows(l->d, l->block); r++) {
        size_t count = (size_t)vector_row(l, vector, r, columns, values);
        digest = apd_digest_join(digest, apd_digest(columns, count * sizeof *columns));
        digest = apd_digest_join(digest, apd_digest(values, count * sizeof *values));
    }
    return digest;
}

static void digest_tasks(layer *l, uint64_t *digests) {
    int64_t cols = l->d->layout->blocks[l->block].cols;
    int32_t *columns = apd_allocate(cols, sizeof *columns, "a row's columns");
    double *values = apd_allocate(cols, sizeof *values, "a row's values");
    for (int i = 0; i < l->tasks; i++)
        digests[i] = digest_vector(l, i, columns, values);
    free(values);
    free(columns);
}

/* Which vectors differ from those that the former matrix was made of, on any rank. Collective. */
static bool *find_changed(const layer *l, const apd_gram_memory *memory, const uint64_t *digests) {
    int vectors = l->tasks + l->groups;
    int64_t *flags = apd_allocate(vectors, sizeof *flags, "which vectors changed");
    for (int i = 0; i < vectors; i++)
        flags[i] = i >= l->tasks || i >= memory->tasks || l->places[i] != memory->places[i] ||
                   digests[i] != memory->digests[i];
    apd_team_maximum(l->run->team, flags, vectors);
    bool *changed = apd_allocate(vectors, sizeof *changed, "which vectors changed");
    for (int i = 0; i < vectors; i++)
        changed[i] = flags[i] != 0;
    free(flags);
    return changed;
}

/* The layer's Gram matrix, remembered for the next time. Collective. */
static apd_gram *build_gram(layer *l, apd_gram_memory *memory) {
    static const apd_gram_storage storages[] = {[APD_METHOD_GRAM_AUTO] = APD_GRAM_AUTO,
                                                [APD_METHOD_GRAM_REPLICATED] = APD_GRAM_REPLICATED,
                                                [APD_METHOD_GRAM_DISTRIBUTED] = APD_GRAM_DISTRIBUTED};
    uint64_t *digests = apd_allocate(l->tasks, sizeof *digests, "the tasks' digests");
    digest_tasks(l, digests);
    bool *changed = find_changed(l, memory, digests);
    apd_gram_source source = {.vectors = l->tasks + l->groups,
                              .tasks = l->tasks,
                              .rows = apd_local_rows(l->d, l->block),
                              .cols = l->d->layout->blocks[l->block].cols,
                              .context = l,
                              .row = vector_row,
                              .changed = changed};
    apd_gram *gram =
        apd_gram_create(l->run->team, &source, memory->gram, storages[l->run->description->method.gram]);
    free(changed);
    apd_gram_destroy(memory->gram);
    free(memory->places);
    free(memory->digests);
    *memory = (apd_gram_memory){.gram = gram, .tasks = l->tasks, .digests = digests};
    memory->places = apd_allocate(l->tasks, sizeof *memory->places, "the tasks' places");
    memcpy(memory->places, l->places, (size_t)l->tasks * sizeof *memory->places);
    return gram;
}

/* Each task starts in the cluster of the principal component on which it weighs most. Collective. */
static int *spectral_start(const layer *l, const apd_gram *gram) {
    double *values = apd_allocate(l->tasks, sizeof *values, "eigenvalues");
    double *vectors = apd_allocate((int64_t)l->clusters * l->tasks, sizeof *vectors, "principal components");
    int *start = apd_allocate(l->tasks, sizeof *start, "the spectral start");
    apd_gram_eigen(gram, values, l->clusters, vectors);
    for (int i = 0; i < l->tasks; i++) {
        double most = -1.0;
        for (int c = 0; c < l->clusters; c++) {
            double weight = fabs(vectors[(int64_t)c * l->tasks + i]) * sqrt(fmax(values[c], 0.0));
            if (weight > most) {
                most = weight;
                start[i] = c;
            }
        }
    }
    free(vectors);
    free(values);
    return start;
}

static void measure_spectrum(layer *l, const apd_gram *gram) {
    double *values = apd_allocate(l->tasks, sizeof *values, "eigenvalues");
    apd_gram_eigen(gram, values, 0, NULL);
    l->rank = apd_effective_rank(values, l->tasks);
    l->explained = apd_explained_variance(values, l->tasks, l->clusters);
    free(values);
}

/* K-means, and the merge of its clusters. Collective. */
static void consolidate_layer(layer *l, apd_gram_memory *memory) {
    apd_run *run = l->run;
    double before = apd_seconds();
    apd_gram *gram = build_gram(l, memory);
    bool spectral = run->description->method.cluster_start == APD_START_SPECTRAL;
    int *start = spectral ? spectral_start(l, gram) : NULL;
    apd_kmeans_settings settings = {.clusters = l->clusters,
                                    .warm = l->groups < l->clusters ? l->groups : l->clusters,
                                    .most_iterations = 100,
                                    .start = start,
                                    .random = apd_random_stream(run->description->seed, APD_RANDOM_KMEANS,
                                                                (uint32_t)l->block,
                                                                (uint32_t)run->state.consolidations)};
    apd_gram_view view = apd_gram_view_of(gram);
    l->found = apd_kmeans(&view, &settings, l->cluster);
    l->rank = l->explained = NAN;
    if (l->tasks <= run->description->log.spectrum)
        measure_spectrum(l, gram);
    l->found.inertia *= apd_gram_unit(gram);
    apd_consolidate(run->decomposition, l->block, l->places, l->cluster, l->tasks, l->found.clusters,
                    run->description->method.beta,
                    run->description->method.merge == APD_MERGES_PLAIN ? APD_MERGE_PLAIN : APD_MERGE_SAVING,
                    &l->report);
    free(start);
    l->seconds = apd_seconds() - before;
}

/* The report over all ranks. Collective. */
static void add_reports(layer *l) {
    apd_consolidation *report = &l->report;
    int64_t sums[] = {report->merged,    report->changed,       report->change_sum,  report->tau_before,
                      report->tau_after, report->shared_before, report->shared_after};
    apd_team_sum(l->run->team, sums, (int)(sizeof sums / sizeof sums[0]));
    apd_team_maximum(l->run->team, &report->largest_change, 1);
    report->merged = sums[0];
    report->changed = sums[1];
    report->change_sum = sums[2];
    report->tau_before = sums[3];
    report->tau_after = sums[4];
    report->shared_before = sums[5];
    report->shared_after = sums[6];
}

/* "0: 3 7 12; 1: 4 8": clusters with the ids of their members; free it. */
static char *members_text(const layer *l) {
    apd_text text;
    apd_text_begin(&text, "a list of clusters");
    for (int c = 0; c < l->found.clusters; c++) {
        (void)fprintf(text.file, "%s%d:", c > 0 ? "; " : "", c);
        for (int i = 0; i < l->tasks; i++)
            if (l->cluster[i] == c)
                (void)fprintf(text.file, " %d", l->run->state.records[l->places[i]].id);
    }
    return apd_text_end(&text);
}

static apd_status log_layer(const layer *l, apd_error *error) {
    const apd_consolidation *report = &l->report;
    apd_runlog *log = l->run->log;
    char *members = members_text(l);
    double changed = report->changed > 0 ? (double)report->changed : 1.0;
    apd_runlog_begin(log, "consolidation");
    apd_runlog_integer(log, "after_tasks", l->run->state.task_count);
    apd_runlog_text(log, "layer", l->d->layout->blocks[l->block].name);
    apd_runlog_integer(log, "clusters", l->found.clusters);
    apd_runlog_text(log, "members", members);
    apd_runlog_integer(log, "iterations", l->found.iterations);
    apd_runlog_integer(log, "reseeded", l->found.reseeded);
    apd_runlog_number(log, "inertia", l->found.inertia);
    apd_runlog_number(log, "effective_rank", l->rank);
    apd_runlog_number(log, "explained_variance", l->explained);
    apd_runlog_integer(log, "merged_weights", report->merged);
    apd_runlog_number(log, "largest_change", (double)report->largest_change * 0x1p-40);
    apd_runlog_number(log, "mean_change", (double)report->change_sum * 0x1p-40 / changed);
    apd_runlog_integer(log, "tau_nonzeros_before", report->tau_before);
    apd_runlog_integer(log, "tau_nonzeros", report->tau_after);
    apd_runlog_integer(log, "shared_nonzeros_before", report->shared_before);
    apd_runlog_integer(log, "shared_nonzeros", report->shared_after);
    apd_runlog_integer(log, "bytes_before", 8 * (report->tau_before + report->shared_before));
    apd_runlog_integer(log, "bytes", 8 * (report->tau_after + report->shared_after));
    apd_runlog_number(log, "seconds", l->seconds);
    free(members);
    return apd_runlog_end(log, error);
}

static int find_places(const apd_decomposition *d, int block, int *places) {
    int tasks = 0;
    for (int t = 0; t < d->task_count; t++)
        if (apd_task_is_decomposed(d, t, block))
            places[tasks++] = t;
    return tasks;
}

apd_status apd_consolidate_run(apd_run *run, apd_consolidator *consolidator, apd_error *error) {
    const apd_decomposition *d = run->decomposition;
    apd_status status = APD_OK;
    int *places = apd_allocate(d->task_count, sizeof *places, "the tasks to consolidate");
    int *cluster = apd_allocate(d->task_count, sizeof *cluster, "the tasks' clusters");
    int clusters = run->description->method.clusters_added * (run->state.consolidations + 1);
    if (consolidator->memory == NULL)
        consolidator->memory =
            apd_allocate(d->layout->block_count, sizeof *consolidator->memory, "the Gram matrices");
    for (int b = 0; b < d->layout->block_count && status == APD_OK; b++) {
        if (!d->layout->blocks[b].decomposed)
            continue;
        layer l = {.run = run, .d = d, .block = b, .places = places, .cluster = cluster};
        l.tasks = find_places(d, b, places);
        l.groups = d->groups[b].count;
        l.clusters = clusters < l.tasks ? clusters : l.tasks;
        if (l.tasks == 0)
            continue;
        (void)apd_heartbeat_phase("consolidate");
        consolidate_layer(&l, &consolidator->memory[b]);
        apd_fault_point("consolidation");
        add_reports(&l);
        status = apd_team_agree(run->team, apd_run_speaks(run) ? log_layer(&l, error) : APD_OK, error);
    }
    run->state.consolidations++;
    free(cluster);
    free(places);
    return status;
}

void apd_consolidator_clear(apd_consolidator *consolidator, const apd_run *run) {
    for (int b = 0; consolidator->memory != NULL && b < apd_network_layout(run->network)->block_count; b++) {
        apd_gram_destroy(consolidator->memory[b].gram);
        free(consolidator->memory[b].places);
        free(consolidator->memory[b].digests);
    }
    free(consolidator->memory);
    consolidator->memory = NULL;
}
