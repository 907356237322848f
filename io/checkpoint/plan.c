#include "io/checkpoint/plan.h"

#include "base/memory.h"
#include "io/checkpoint/task.h"
#include "io/system/fault.h"

#include <stdlib.h>

static int64_t part_bytes = 16 << 20;

int64_t apd_commit_plan_set_part_bytes(int64_t bytes) {
    int64_t last = part_bytes;
    part_bytes = bytes;
    return last;
}

bool apd_commit_plan_is_single(const apd_decomposition *decomposition, const apd_task_part *part) {
    for (int b = 0; b < decomposition->layout->block_count; b++)
        if (decomposition->layout->blocks[b].decomposed)
            return part->blocks[b].dense != NULL;
    return false;
}

/* --- which tasks ---------------------------------------------------------------------------------------- */

typedef struct whereabouts {
    int segment, part, place;
} whereabouts;

static int compare_files(const void *a, const void *b) {
    const whereabouts *left = a, *right = b;
    if (left->segment != right->segment)
        return left->segment < right->segment ? -1 : 1;
    return left->part < right->part ? -1 : left->part > right->part;
}

/* Of the `count` tasks of `kept`, those whose file would hold too much that nobody needs any more are written, too:
 * half of its groups, or, when the commit is to be alone, a single one. */
static void give_up_files(const apd_run_state *state, whereabouts *kept, int count, bool alone,
                          bool *written) {
    if (count > 0)
        qsort(kept, (size_t)count, sizeof *kept, compare_files);
    for (int i = 0, end; i < count; i = end) {
        for (end = i; end < count && compare_files(&kept[i], &kept[end]) == 0;)
            end++;
        int needed = end - i, held = state->records[kept[i].place].segment_groups;
        for (int k = i; k < end && (alone ? needed < held : 2 * needed < held); k++)
            written[kept[k].place] = true;
    }
}

/* Tasks that changed on any rank, and those of files that are given up. Collective. */
static bool *choose(const apd_team *team, const apd_decomposition *decomposition, const apd_run_state *state,
                    bool alone) {
    int tasks = state->task_count, count = 0;
    bool *written = apd_allocate(tasks, sizeof *written, "which tasks are written");
    int64_t *changed = apd_allocate(tasks, sizeof *changed, "which tasks changed");
    whereabouts *kept = apd_allocate(tasks, sizeof *kept, "where tasks lie");
    for (int t = 0; t < tasks; t++)
        changed[t] = decomposition->tasks[t] != NULL && decomposition->tasks[t]->changed;
    apd_team_maximum(team, changed, tasks);
    for (int t = 0; t < tasks; t++) {
        const apd_task_record *record = &state->records[t];
        written[t] = changed[t] != 0 || record->segment == 0;
        if (!written[t])
            kept[count++] = (whereabouts){record->segment, record->part, t};
    }
    give_up_files(state, kept, count, alone, written);
    free(kept);
    free(changed);
    return written;
}

/* --- in which parts -------------------------------------------------------------------------------------- */

/* Nearly what the task's group takes. */
static int64_t group_bytes(const apd_decomposition *decomposition, int place, int64_t entries) {
    const apd_layout *layout = decomposition->layout;
    const apd_task_part *part = decomposition->tasks[place];
    const int64_t frame = 8192; /* HDF5's */
    int64_t bytes = frame + 8 * ((int64_t)place + 1);
    if (part == NULL)
        return bytes;
    int64_t rows = apd_checkpoint_decomposed_rows(layout);
    bytes += 4 * part->classes * (layout->blocks[layout->block_count - 1].cols + 1);
    if (apd_commit_plan_is_single(decomposition, part))
        return bytes + 4 * (rows + apd_checkpoint_decomposed_weights(layout));
    return bytes + 16 * rows + 8 * entries;
}

static void cut(const apd_decomposition *decomposition, apd_commit_plan *plan) {
    int64_t filled = 0, most = apd_fault_part(part_bytes);
    plan->first = apd_allocate((int64_t)plan->count + 1, sizeof *plan->first, "where parts begin");
    for (int i = 0; i < plan->count; i++) {
        int place = plan->places[i];
        if (i == 0 || filled >= most) {
            plan->first[plan->parts++] = i;
            filled = 0;
        }
        plan->part[place] = plan->parts - 1;
        filled += group_bytes(decomposition, place, plan->entries[i]);
    }
    plan->first[plan->parts] = plan->count;
}

void apd_commit_plan_make(const apd_team *team, const apd_decomposition *decomposition,
                          const apd_run_state *state, bool alone, apd_commit_plan *plan) {
    int tasks = state->task_count;
    bool *written = choose(team, decomposition, state, alone);
    *plan = (apd_commit_plan){.part = apd_allocate(tasks, sizeof *plan->part, "parts of tasks"),
                              .places = apd_allocate(tasks, sizeof *plan->places, "tasks' places"),
                              .entries = apd_allocate(tasks, sizeof *plan->entries, "tau's entries")};
    for (int t = 0; t < tasks; t++) {
        plan->part[t] = -1;
        if (!written[t])
            continue;
        plan->entries[plan->count] = apd_decomposition_nonzeros(decomposition, t);
        plan->places[plan->count++] = t;
    }
    apd_team_sum(team, plan->entries, plan->count);
    cut(decomposition, plan);
    free(written);
}

void apd_commit_plan_clear(apd_commit_plan *plan) {
    free(plan->part);
    free(plan->places);
    free(plan->entries);
    free(plan->first);
    *plan = (apd_commit_plan){0};
}
