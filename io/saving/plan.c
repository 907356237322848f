#include "io/saving/plan.h"

#include "base/memory.h"
#include "io/system/fault.h"

#include <stdlib.h>

static int64_t part_bytes = 16 << 20;

int64_t apd_commit_plan_set_part_bytes(int64_t bytes) {
    int64_t last = part_bytes;
    part_bytes = bytes;
    return last;
}

/* --- which items ------------------------------------------------------------------------------------------ */

typedef struct choice {
    apd_item_key key;
    const apd_part_record *part; /* that it lies in; NULL: none */
    bool written;
} choice;

/* Rewrite the items of every part of which fewer than half are still needed; when the commit is to be alone, fewer than all. */
static void give_up_parts(const apd_run_state *state, choice *choices, int count, bool alone) {
    int *needed = apd_allocate(state->part_count, sizeof *needed, "items needed of each part");
    for (int i = 0; i < count; i++)
        if (choices[i].part != NULL && !choices[i].written)
            needed[choices[i].part - state->parts]++;
    for (int i = 0; i < count; i++) {
        const apd_part_record *part = choices[i].part;
        if (part != NULL && needed[part - state->parts] * (alone ? 1 : 2) < part->items)
            choices[i].written = true;
    }
    free(needed);
}

/* Whether an item's numbers changed since they were written; for tasks this rank's alone. */
static bool has_changed(const apd_decomposition *decomposition, const apd_run_state *state,
                        apd_item_key key) {
    switch (key.kind) {
    case APD_ITEM_TASK: return decomposition->tasks[key.of]->changed;
    case APD_ITEM_TRAINING: return true;
    case APD_ITEM_SIGMA:
    case APD_ITEM_CLUSTER: break;
    }
    return state->shared_moved || !state->half_way;
}

/* Collective. */
static choice *choose(const apd_team *team, const apd_decomposition *decomposition, apd_run_state *state,
                      bool alone, int *count) {
    apd_item_key *items = apd_item_list(state, count);
    choice *choices = apd_allocate(*count, sizeof *choices, "the commit's items");
    int64_t *changed = apd_allocate(*count, sizeof *changed, "which items changed");
    for (int i = 0; i < *count; i++)
        changed[i] = has_changed(decomposition, state, items[i]);
    apd_team_maximum(team, changed, *count);
    for (int i = 0; i < *count; i++) {
        const apd_home *home = apd_item_home(state, items[i]);
        const apd_part_record *part = apd_find_part(state, home->commit, home->part);
        choices[i] = (choice){items[i], part, changed[i] != 0 || part == NULL};
    }
    free(changed);
    free(items);
    give_up_parts(state, choices, *count, alone);
    return choices;
}

/* --- in which parts --------------------------------------------------------------------------------------- */

static void cut(const apd_decomposition *decomposition, const apd_run_state *state, const apd_solver *solver,
                apd_commit_plan *plan) {
    int64_t filled = 0, most = apd_fault_part(part_bytes);
    plan->first = apd_allocate((int64_t)plan->count + 1, sizeof *plan->first, "where parts begin");
    plan->parts = apd_allocate(plan->count, sizeof *plan->parts, "parts");
    for (int i = 0; i < plan->count; i++) {
        bool other = i > 0 && apd_item_class(plan->items[i]) != apd_item_class(plan->items[i - 1]);
        if (i == 0 || other || filled >= most) {
            plan->parts[plan->part_count] =
                (apd_part_record){.commit = state->commit, .part = plan->part_count};
            plan->first[plan->part_count++] = i;
            filled = 0;
        }
        apd_item item = apd_item_of(plan->items[i], decomposition, state, solver);
        filled += apd_item_bytes(&item, plan->code[i]);
        apd_item_clear(&item);
        plan->parts[plan->part_count - 1].items++;
    }
    plan->first[plan->part_count] = plan->count;
}

void apd_commit_plan_make(const apd_team *team, const apd_decomposition *decomposition, apd_run_state *state,
                          const apd_solver *solver, bool alone, apd_commit_plan *plan) {
    int count;
    choice *choices = choose(team, decomposition, state, alone, &count);
    *plan = (apd_commit_plan){.items = apd_allocate(count, sizeof *plan->items, "items"),
                              .entries = apd_allocate(count, sizeof *plan->entries, "entries"),
                              .code = apd_allocate(count, sizeof *plan->code, "bytes of code"),
                              .digests = apd_allocate(count, sizeof *plan->digests, "digests")};
    for (int i = 0; i < count; i++) {
        if (!choices[i].written)
            continue;
        apd_item item = apd_item_of(choices[i].key, decomposition, state, solver);
        plan->entries[plan->count] = apd_item_entries(&item);
        plan->code[plan->count] = apd_item_code(&item);
        plan->items[plan->count++] = choices[i].key;
        apd_item_clear(&item);
    }
    free(choices);
    apd_team_sum(team, plan->entries, plan->count);
    apd_team_sum(team, plan->code, plan->count);
    cut(decomposition, state, solver, plan);
}

void apd_commit_plan_clear(apd_commit_plan *plan) {
    free(plan->items);
    free(plan->entries);
    free(plan->code);
    free(plan->digests);
    free(plan->first);
    free(plan->parts);
    *plan = (apd_commit_plan){0};
}
