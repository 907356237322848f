/* Saving a commit from all ranks: parts side by side, then checkpoint.h5 by rank 0, then the rename. */
#include "io/saving/checkpoint.h"

#include "base/heartbeat.h"
#include "base/memory.h"
#include "io/checkpoint/links.h"
#include "io/checkpoint/root.h"
#include "io/checkpoint/store.h"
#include "io/saving/scatter.h"
#include "io/system/durable.h"
#include "io/system/fault.h"
#include "io/system/file.h"
#include "io/system/lock.h"

#include <stdlib.h>
#include <string.h>

typedef struct saving {
    const apd_team *team;
    const char *path;
    const apd_layout *layout;
    apd_run_state *state;
    apd_commit_plan plan;
    apd_part_writer **files; /* (parts) this rank's */
} saving;

/* Where the items lie once the plan is carried out, and which parts that needs. The former parts are the caller's. */
static void settle_state(const saving *s) {
    apd_run_state *state = s->state;
    int count, parts = 0;
    for (int p = 0; p < s->plan.part_count; p++)
        for (int i = s->plan.first[p]; i < s->plan.first[p + 1]; i++)
            *apd_item_home(state, s->plan.items[i]) =
                (apd_home){state->commit, p, s->plan.entries[i], s->plan.code[i], s->plan.digests[i]};
    apd_item_key *items = apd_item_list(state, &count);
    bool *needed = apd_allocate(state->part_count, sizeof *needed, "parts that are needed");
    for (int i = 0; i < count; i++) {
        const apd_home *home = apd_item_home(state, items[i]);
        const apd_part_record *part = apd_find_part(state, home->commit, home->part);
        if (part != NULL)
            needed[part - state->parts] = true;
    }
    apd_part_record *all =
        apd_allocate((int64_t)state->part_count + s->plan.part_count, sizeof *all, "parts");
    for (int p = 0; p < state->part_count; p++)
        if (needed[p])
            all[parts++] = state->parts[p];
    for (int p = 0; p < s->plan.part_count; p++)
        all[parts++] = s->plan.parts[p];
    free(needed);
    free(items);
    state->parts = all;
    state->part_count = parts;
}

/* checkpoint.h5 under its temporary name. Rank 0. */
static apd_status write_root(const saving *s, const char *temporary, apd_part_writer **file,
                             apd_error *error) {
    apd_part_plan plan = {.commit = s->state->commit};
    apd_part_link *links = NULL;
    apd_root root;
    uint64_t digests[APD_ROOT_GROUPS], digest;
    int64_t bytes;
    apd_status status;
    apd_root_describe(s->state, s->layout, false, &root);
    plan.group_count = root.group_count;
    plan.groups = root.groups;
    APD_GO(apd_links_make(s->state, s->layout, &links, &plan.link_count, &plan.begin, error));
    plan.links = links;
    APD_GO(apd_part_create(temporary, &plan, file, error));
    apd_root_append(&root, *file);
    APD_GO(apd_part_finish(*file, digests, &bytes, &digest, error));
    APD_GO(apd_part_wait(*file, error));
    s->state->written += bytes;
out:
    free(links);
    apd_root_clear(&root);
    return status;
}

/* Rank 0. `*published`: checkpoint.h5 means the new parts, whatever came after. */
static apd_status write_commit(const saving *s, bool *published, apd_error *error) {
    char *temporary = apd_store_temporary(s->path), *segments = apd_store_part(s->path, s->state->commit, 0);
    apd_part_writer *file = NULL;
    apd_status status;
    *published = false;
    APD_GO(apd_sync_folder_of(segments, error));
    APD_GO(apd_file_delete(temporary, error)); /* a killed writer's */
    APD_GO(write_root(s, temporary, &file, error));
    apd_fault_point("checkpoint.verified");
    status = apd_store_publish(s->state->lock, temporary, s->path, published, error);
    if (*published)
        apd_part_keep(file);
out:
    apd_part_destroy(file);
    free(segments);
    free(temporary);
    return status;
}

/* --- before and after ------------------------------------------------------------------------------------- */

/* Whether tasks were forgotten since the last save: their parts are still there. */
static bool forgets(const apd_run_state *state) {
    for (int t = 0; t < state->task_count; t++)
        if (state->records[t].class_count == 0 && state->records[t].home.commit > 0)
            return true;
    return false;
}

/* What the state has to say of the decomposition, the network and the solver. */
static void describe(const apd_decomposition *decomposition, const apd_solver *solver, apd_run_state *state) {
    const apd_layout *layout = decomposition->layout;
    if (state->shared == NULL) {
        state->block_count = layout->block_count;
        state->shared = apd_allocate(layout->block_count, sizeof *state->shared, "blocks");
    }
    state->half = decomposition->half;
    state->sigma_coded = decomposition->sigma_coded;
    state->shared_moved = state->shared_moved || state->shared_array_count != decomposition->shared_count;
    free(state->shared_arrays);
    state->shared_array_count = decomposition->shared_count;
    state->shared_arrays =
        apd_allocate(state->shared_array_count, sizeof *state->shared_arrays, "names of arrays");
    for (int a = 0; a < state->shared_array_count; a++)
        memcpy(state->shared_arrays[a].name, decomposition->shared[a].name,
               sizeof state->shared_arrays[a].name);
    for (int b = 0; b < layout->block_count; b++) {
        apd_shared_state *shared = &state->shared[b];
        int count = decomposition->groups[b].count;
        APD_ASSERT(count == 0 || state->consolidations > 0);
        if (shared->clusters == count)
            continue;
        free(shared->cluster);
        shared->cluster = apd_allocate(count, sizeof *shared->cluster, "clusters");
        shared->clusters = count;
    }
    for (int t = 0; t < state->task_count; t++) {
        apd_task_record *record = &state->records[t];
        const apd_task_part *part = decomposition->tasks[t];
        APD_ASSERT(part == NULL ? record->class_count == 0 : part->classes == record->class_count);
        record->storage = part != NULL ? (int32_t)part->storage : 0;
        if (record->groups == NULL && state->consolidations > 0)
            record->groups = apd_allocate(layout->block_count, sizeof *record->groups, "a task's clusters");
        for (int b = 0; b < layout->block_count && record->groups != NULL; b++)
            record->groups[b] = part != NULL && b + 1 < layout->block_count ? part->blocks[b].group : -1;
    }
    if (state->half_way)
        apd_training_list(solver, &state->training);
}

/* Where everything lies now. */
static void note_saved(const apd_decomposition *decomposition, apd_run_state *state) {
    for (int t = 0; t < state->task_count; t++) {
        if (decomposition->tasks[t] != NULL)
            decomposition->tasks[t]->changed = false;
        else
            state->records[t].home = (apd_home){0};
    }
    state->shared_moved = false;
}

typedef struct backup {
    int count;
    apd_item_key *items;
    apd_home *homes;
} backup;

static backup back_up(apd_run_state *state) {
    backup b = {0};
    b.items = apd_item_list(state, &b.count);
    b.homes = apd_allocate(b.count, sizeof *b.homes, "items' homes");
    for (int i = 0; i < b.count; i++)
        b.homes[i] = *apd_item_home(state, b.items[i]);
    return b;
}

static void end_backup(backup *b, apd_run_state *state, bool restore) {
    for (int i = 0; i < b->count && restore; i++)
        *apd_item_home(state, b->items[i]) = b->homes[i];
    free(b->items);
    free(b->homes);
}

/* Rank 0. */
static apd_status remove_unneeded(const saving *s, const apd_run_state *former, apd_error *error) {
    char *previous = apd_store_previous(s->path);
    apd_status status;
    APD_GO(apd_lock_check(s->state->lock, error));
    if (s->state->alone) {
        APD_GO(apd_file_delete(previous, error));
        APD_GO(apd_sync_folder_of(s->path, error));
    }
    APD_GO(apd_store_sweep(s->path, s->state, s->state->alone ? NULL : former, error));
out:
    free(previous);
    return status;
}

/* Collective: all ranks leave together. */
static apd_status save_all(saving *s, const apd_partition *partition, const apd_decomposition *decomposition,
                           const apd_solver *solver, bool *published, apd_error *error) {
    bool first = apd_team_rank(s->team) == 0;
    apd_status status = first ? apd_store_begin(s->path, error) : APD_OK;
    APD_TRY(apd_team_agree(s->team, status, error));
    APD_TRY(apd_parts_write(s->team, partition, decomposition, s->state, solver, s->path, &s->plan, &s->files,
                            error));
    settle_state(s);
    s->state->written = 0;
    for (int p = 0; p < s->plan.part_count; p++)
        s->state->written += s->plan.parts[p].bytes;
    int64_t facts[2] = {0, s->state->written};
    if (first) {
        status = write_commit(s, published, error);
        facts[0] = *published;
        facts[1] = s->state->written;
    }
    apd_team_broadcast(s->team, facts, sizeof facts);
    *published = facts[0] != 0;
    s->state->written = facts[1];
    return apd_team_agree(s->team, status, error);
}

apd_status apd_checkpoint_save(const apd_team *team, const apd_partition *partition, const char *path,
                               apd_decomposition *decomposition, apd_run_state *state,
                               const apd_solver *solver, apd_error *error) {
    apd_error local = {0};
    if (error == NULL)
        error = &local;
    (void)apd_heartbeat_phase("commit");
    APD_ASSERT(state->task_count == decomposition->task_count);
    APD_ASSERT(!state->half_way || solver != NULL);
    saving s = {.team = team, .path = path, .layout = decomposition->layout, .state = state};
    int32_t alone = state->alone;
    bool published = false;
    apd_run_state former = {.part_count = state->part_count, .parts = state->parts};
    describe(decomposition, solver, state);
    state->alone = forgets(state);
    state->commit++;
    backup homes = back_up(state);
    apd_commit_plan_make(team, decomposition, state, solver, state->alone != 0, &s.plan);
    apd_status status = save_all(&s, partition, decomposition, solver, &published, error);
    for (int p = 0; p < s.plan.part_count && s.files != NULL; p++) {
        if (s.files[p] != NULL && published)
            apd_part_keep(s.files[p]);
        apd_part_destroy(s.files[p]);
    }
    free(s.files);
    end_backup(&homes, state, status != APD_OK);
    if (status == APD_OK) {
        note_saved(decomposition, state);
        status = apd_team_rank(team) == 0 ? remove_unneeded(&s, &former, error) : APD_OK;
        apd_fault_point("checkpoint.tidied");
        status = apd_team_agree(team, status, error);
        free(former.parts);
    } else {
        state->commit--;
        state->alone = alone;
        if (state->parts != former.parts)
            free(state->parts);
        state->parts = former.parts;
        state->part_count = former.part_count;
        apd_team_barrier(team); /* nobody returns before the temporary files are gone */
    }
    apd_commit_plan_clear(&s.plan);
    return status;
}
