#include "io/checkpoint/deal.h"

#include "base/memory.h"
#include "io/checkpoint/parcel.h"
#include "io/checkpoint/segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct dealing {
    const apd_team *team;
    const apd_partition *partition;
    const apd_decomposition *decomposition;
    const apd_layout *layout;
    const apd_commit_plan *plan;
    apd_parts *own;
    int *writers; /* (writer_count) ranks, ascending */
    int writer_count;
    int seat; /* which writer this rank is; -1: none */
} dealing;

/* Whether this rank sees a file that rank 0 makes in the folder for segments: a name that lies nowhere else, as a
 * node may have a folder of its own at the same path. Collective. */
static bool sees_folder(const apd_team *team, const char *path) {
    char name[4096] = "";
    bool first = apd_team_rank(team) == 0;
    int made = -1;
    if (first) {
        char *probe = apd_segment_path(path, APD_SEGMENT_PROBE);
        if (snprintf(name, sizeof name, "%s", probe) < (int)sizeof name)
            made = mkstemp(name);
        free(probe);
    }
    apd_team_broadcast(team, name, sizeof name);
    bool sees = access(name, F_OK) == 0;
    apd_team_barrier(team);
    if (made >= 0) {
        (void)close(made);
        (void)unlink(name);
    }
    return sees || first;
}

/* A single part is rank 0's. Collective. */
static void find_writers(dealing *d, const char *path) {
    int size = apd_team_size(d->team), rank = apd_team_rank(d->team);
    int64_t *sees = apd_allocate(size, sizeof *sees, "who sees the folder");
    sees[rank] = d->plan->parts > 1 ? sees_folder(d->team, path) : rank == 0;
    apd_team_sum(d->team, sees, size);
    d->writers = apd_allocate(size, sizeof *d->writers, "ranks that write");
    d->seat = -1;
    for (int r = 0; r < size; r++) {
        if (sees[r] == 0)
            continue;
        if (r == rank)
            d->seat = d->writer_count;
        d->writers[d->writer_count++] = r;
    }
    free(sees);
}

/* --- a task ------------------------------------------------------------------------------------------------ */

/* Which task (an index of plan->places) is number `slot` of a part; -1: there are no so many, or no such part. */
static int task_at(const dealing *d, int part, int slot) {
    if (part >= d->plan->parts || slot >= d->plan->first[part + 1] - d->plan->first[part])
        return -1;
    return d->plan->first[part] + slot;
}

static apd_rows all_rows(const dealing *d, int block) {
    return (apd_rows){0, apd_local_rows(d->decomposition, block)};
}

/* Words of this rank's rows of a task, all blocks. */
static int64_t count_words(const dealing *d, const apd_task_part *part) {
    int64_t words = 0;
    for (int b = 0; part != NULL && b < d->layout->block_count; b++)
        words += apd_checkpoint_parcel_words(&part->blocks[b], d->layout->blocks[b].cols, all_rows(d, b));
    return words;
}

static uint32_t *pack(const dealing *d, const apd_task_part *part, uint32_t *words) {
    for (int b = 0; part != NULL && b < d->layout->block_count; b++) {
        apd_checkpoint_parcel_pack(&part->blocks[b], d->layout->blocks[b].cols, all_rows(d, b), words);
        words += apd_checkpoint_parcel_words(&part->blocks[b], d->layout->blocks[b].cols, all_rows(d, b));
    }
    return words;
}

/* Send this rank's rows of number `slot` of every part from `first` on, one a writer, and get the others' rows of one's
 * own: those of rank r from `got` + at[r] (P, words) on; free both. Collective. */
static void trade(const dealing *d, int first, int slot, uint32_t **got, int64_t **at) {
    int size = apd_team_size(d->team);
    int64_t *bytes = apd_allocate(size, sizeof *bytes, "sizes of pieces"), words = 0;
    for (int w = 0; w < d->writer_count; w++) {
        int task = w == d->seat ? -1 : task_at(d, first + w, slot);
        int64_t count = task < 0 ? 0 : count_words(d, d->decomposition->tasks[d->plan->places[task]]);
        bytes[d->writers[w]] = count * (int64_t)sizeof **got;
        words += count;
    }
    uint32_t *pieces = apd_allocate_bytes(words * (int64_t)sizeof *pieces, "rows on their way"),
             *end = pieces;
    for (int w = 0; w < d->writer_count; w++) {
        int task = w == d->seat ? -1 : task_at(d, first + w, slot);
        if (task >= 0)
            end = pack(d, d->decomposition->tasks[d->plan->places[task]], end);
    }
    *at = apd_allocate(size, sizeof **at, "where pieces begin");
    apd_team_all_to_all(d->team, pieces, bytes, (void **)got, *at);
    for (int64_t r = 0, sum = 0, length; r < size; r++, sum += length) {
        length = (*at)[r] / (int64_t)sizeof **got;
        (*at)[r] = sum;
    }
    free(pieces);
    free(bytes);
}

/* All ranks' rows of the block in order: this rank's where they lie, the others' from `words` + at[r] on, which moves
 * behind them. `offsets` has room for those of any rank's rows. */
static void write_block(const dealing *d, int block, const apd_task_block *own, uint32_t *words, int64_t *at,
                        int64_t *offsets) {
    int64_t cols = d->layout->blocks[block].cols;
    for (int r = 0; r < d->partition->ranks; r++) {
        apd_rows rows = apd_partition_rows(d->partition, d->layout, block, r);
        int64_t count = rows.end - rows.begin;
        apd_task_block view;
        if (r == d->partition->rank) {
            apd_parts_task_block(d->own, block, count, own);
            continue;
        }
        at[r] += apd_checkpoint_parcel_view(words + at[r], count, cols, own->dense == NULL, offsets, &view);
        apd_parts_task_block(d->own, block, count, &view);
    }
}

static int64_t most_rows(const apd_layout *layout) {
    int64_t most = 0;
    for (int b = 0; b < layout->block_count; b++)
        most = layout->blocks[b].rows > most ? layout->blocks[b].rows : most;
    return most;
}

/* `words` and `at` as trade has them. Local. */
static apd_status write_task(const dealing *d, int task, uint32_t *words, int64_t *at, apd_error *error) {
    int place = d->plan->places[task];
    const apd_task_part *part = d->decomposition->tasks[place];
    if (part == NULL)
        return apd_parts_forgotten(d->own, place, error);
    apd_checkpoint_facts facts = {.present = true,
                                  .single = apd_commit_plan_is_single(d->decomposition, part),
                                  .classes = part->classes,
                                  .entries = d->plan->entries[task]};
    APD_TRY(apd_parts_begin_task(d->own, place, &facts, error));
    int64_t *offsets = apd_allocate(most_rows(d->layout) + 1, sizeof *offsets, "row offsets");
    for (int b = 0; b < d->layout->block_count; b++)
        write_block(d, b, &part->blocks[b], words, at, offsets);
    free(offsets);
    return apd_parts_end_task(d->own, error);
}

/* --- a part a rank ----------------------------------------------------------------------------------------- */

/* Number `slot` of every part from `first` on. Collective; the caller agrees. */
static apd_status write_slot(const dealing *d, int first, int slot, apd_error *error) {
    uint32_t *words;
    int64_t *at;
    trade(d, first, slot, &words, &at);
    int task = d->seat < 0 ? -1 : task_at(d, first + d->seat, slot);
    apd_status status = task < 0 ? APD_OK : write_task(d, task, words, at, error);
    free(words);
    free(at);
    return status;
}

/* The parts from `first` on, one a writer. Collective: all ranks leave together. */
static apd_status write_round(const dealing *d, int first, apd_error *error) {
    bool mine = d->seat >= 0 && first + d->seat < d->plan->parts;
    int slots = 0;
    for (int w = 0; w < d->writer_count; w++)
        while (task_at(d, first + w, slots) >= 0)
            slots++;
    apd_status status = mine ? apd_parts_begin(d->own, first + d->seat, error) : APD_OK;
    for (int slot = 0; slot < slots; slot++) {
        APD_TRY(apd_team_agree(d->team, status, error));
        status = write_slot(d, first, slot, error);
    }
    if (status == APD_OK && mine)
        status = apd_parts_finish(d->own, error);
    return apd_team_agree(d->team, status, error);
}

apd_status apd_checkpoint_deal(const apd_team *team, const apd_partition *partition,
                               const apd_decomposition *decomposition, const apd_commit_plan *plan,
                               const char *path, apd_parts *own, apd_error *error) {
    dealing d = {.team = team,
                 .partition = partition,
                 .decomposition = decomposition,
                 .layout = decomposition->layout,
                 .plan = plan,
                 .own = own};
    apd_status status = APD_OK;
    find_writers(&d, path);
    for (int first = 0; first < plan->parts && status == APD_OK; first += d.writer_count)
        status = write_round(&d, first, error);
    free(d.writers);
    return status;
}
