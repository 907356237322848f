#include "engine/counts.h"

#include "base/digest.h"
#include "base/memory.h"
#include "io/checkpoint/code.h"

#include <stdlib.h>
#include <string.h>

/* Add what a task keeps on this slice besides tau: masks, biases and the head's rows of its classes. */
static void count_task(const apd_decomposition *d, const apd_task_part *part, apd_capacity_counts *counts) {
    for (int b = 0; b < d->layout->block_count; b++) {
        int64_t rows = apd_local_rows(d, b), cols = d->layout->blocks[b].cols;
        if (d->layout->blocks[b].decomposed) {
            counts->masks += part->blocks[b].mask != NULL ? rows : 0;
            counts->bits += part->blocks[b].bits != NULL ? rows * cols : 0;
            counts->own += rows;
            continue;
        }
        int64_t used = part->classes - d->rows[b].begin;
        used = used < 0 ? 0 : (used < rows ? used : rows);
        counts->own += used * (cols + 1);
    }
}

/* The non-zeros of every pattern in block `b`, tasks first, then clusters; -1: not sparse. `sums` (patterns), and the bits of the
 * file that say where they are at sums[patterns], over all ranks. Collective. */
static void sum_patterns(const apd_run *run, int b, int patterns, int64_t *sums) {
    const apd_decomposition *d = run->decomposition;
    int64_t rows = apd_local_rows(d, b), cols = d->layout->blocks[b].cols, *positions = &sums[patterns];
    for (int p = 0; p < patterns; p++) {
        const apd_task_part *part = p < d->task_count ? d->tasks[p] : NULL;
        if (part != NULL && part->blocks[b].bits != NULL) {
            sums[p] = apd_bits_count(part->blocks[b].bits, rows * apd_bit_bytes(cols));
            *positions += 8 * rows * apd_bit_bytes(cols);
            continue;
        }
        bool sparse = p >= d->task_count || (part != NULL && part->blocks[b].mask != NULL);
        const apd_sparse *tau = p >= d->task_count ? &d->groups[b].shared[p - d->task_count]
                                : part != NULL     ? &part->blocks[b].tau
                                                   : NULL;
        sums[p] = sparse && tau->offsets != NULL ? tau->offsets[rows] : 0;
        for (int64_t r = 0; r < rows && sparse && tau->offsets != NULL; r++)
            *positions += apd_code_position_bits(tau->offsets[r + 1] - tau->offsets[r], cols);
    }
    apd_team_sum(run->team, sums, patterns + 1);
    for (int p = 0; p < d->task_count; p++)
        if (d->tasks[p] == NULL ||
            (d->tasks[p]->blocks[b].mask == NULL && d->tasks[p]->blocks[b].bits == NULL))
            sums[p] = -1;
}

/* Collective. */
static void count_positions(const apd_run *run, apd_capacity_counts *counts) {
    const apd_decomposition *d = run->decomposition;
    int64_t bits = 0;
    for (int b = 0; b < d->layout->block_count; b++) {
        if (!d->layout->blocks[b].decomposed)
            continue;
        int patterns = d->task_count + d->groups[b].count;
        int64_t *sums = apd_allocate((int64_t)patterns + 1, sizeof *sums, "the patterns' non-zeros");
        int64_t weights = d->layout->blocks[b].rows * d->layout->blocks[b].cols;
        sum_patterns(run, b, patterns, sums);
        for (int p = 0; p < patterns; p++)
            counts->coded += sums[p] >= 0 ? apd_pattern_bytes(sums[p], weights) : 0.0;
        bits += sums[patterns];
        free(sums);
    }
    counts->positions = (bits + 7) / 8;
}

apd_capacity_counts apd_run_count(const apd_run *run, int64_t *tau) {
    const apd_decomposition *d = run->decomposition;
    apd_capacity_counts counts = {0};
    int64_t *nonzeros = apd_allocate(d->task_count, sizeof *nonzeros, "the tasks' non-zeros");
    for (int b = 0; b < d->layout->block_count; b++)
        if (d->sigma[b] != NULL)
            counts.sigma += apd_decomposition_sigma_used(d, b);
    counts.tau = apd_decomposition_group_nonzeros(d);
    for (int t = 0; t < d->task_count; t++) {
        nonzeros[t] = apd_decomposition_nonzeros(d, t);
        counts.tau += nonzeros[t];
        if (d->tasks[t] != NULL)
            count_task(d, d->tasks[t], &counts);
    }
    int64_t sums[5] = {counts.sigma, counts.tau, counts.masks, counts.own, counts.bits};
    apd_team_sum(run->team, sums, 5);
    apd_team_sum(run->team, nonzeros, d->task_count);
    if (tau != NULL)
        memcpy(tau, nonzeros, (size_t)d->task_count * sizeof *tau);
    free(nonzeros);
    counts = (apd_capacity_counts){
        .sigma = sums[0], .tau = sums[1], .masks = sums[2], .own = sums[3], .bits = sums[4]};
    count_positions(run, &counts);
    return counts;
}

void apd_run_count_blocks(const apd_run *run, int64_t *sigma, int64_t *tau) {
    const apd_decomposition *d = run->decomposition;
    for (int b = 0; b < d->layout->block_count; b++) {
        int64_t rows = apd_local_rows(d, b), weights = rows * d->layout->blocks[b].cols;
        sigma[b] = d->sigma[b] != NULL ? apd_decomposition_sigma_used(d, b) : 0;
        tau[b] = 0;
        for (int t = 0; d->layout->blocks[b].decomposed && t < d->task_count; t++) {
            const apd_task_block *own = d->tasks[t] != NULL ? &d->tasks[t]->blocks[b] : NULL;
            if (own != NULL && (own->dense != NULL || own->mask != NULL))
                tau[b] += own->dense != NULL ? weights : own->tau.offsets[rows];
        }
    }
    apd_team_sum(run->team, sigma, d->layout->block_count);
    apd_team_sum(run->team, tau, d->layout->block_count);
}

uint64_t apd_run_digest(const apd_run *run, int place) {
    const apd_decomposition *d = run->decomposition;
    uint64_t digest = 0;
    for (int b = 0; b < d->layout->block_count; b++) {
        if (place < 0 && d->sigma[b] == NULL)
            continue;
        int64_t rows = apd_local_rows(d, b), total = 0;
        uint64_t *own = apd_allocate(rows, sizeof *own, "row digests"), *all = NULL;
        apd_decomposition_row_digests(d, place, b, own);
        apd_team_gather_all(run->team, own, rows * (int64_t)sizeof *own, (void **)&all, &total);
        for (int64_t r = 0; r < total / (int64_t)sizeof *all; r++)
            digest = apd_digest_join(digest, all[r]);
        free(all);
        free(own);
    }
    return digest;
}
