#include "io/checkpoint/links.h"

#include "base/memory.h"
#include "io/checkpoint/task.h"
#include "io/system/fault.h"

#include <stdlib.h>

static int together = 128; /* tasks; those of a last, broken lot are linked by each commit */

int apd_checkpoint_links_set_together(int tasks) {
    int last = together;
    together = tasks;
    return last;
}

apd_link_place apd_checkpoint_link_place(const apd_run_state *state, int place, int part) {
    const apd_task_record *record = &state->records[place];
    apd_link_place where = {.segment = {state->commit, APD_SEGMENT_TASKS, part},
                            .forgotten = record->class_count == 0};
    if (part < 0)
        where.segment = (apd_segment){record->segment, APD_SEGMENT_TASKS, record->part};
    return where;
}

apd_status apd_checkpoint_link_folders(const apd_checkpoint_out *root, apd_error *error) {
    static const char *const folders[] = {"shared", "tasks", "forgotten"};
    for (size_t f = 0; f < sizeof folders / sizeof folders[0]; f++)
        APD_TRY(apd_checkpoint_put_folder(root, folders[f], error));
    return APD_OK;
}

apd_status apd_checkpoint_link_put(const apd_checkpoint_out *root, int place, apd_link_place where,
                                   apd_error *error) {
    char name[64];
    apd_checkpoint_task_name(place, where.forgotten, name, sizeof name);
    return apd_checkpoint_put_check(root, apd_segment_link(root->id, name, where.segment), name + 1, error);
}

static bool same_place(apd_link_place a, apd_link_place b) {
    return a.segment.commit == b.segment.commit && a.segment.part == b.segment.part &&
           a.forgotten == b.forgotten;
}

static bool is_up_to_date(const apd_run_state *state, const int *part, int count) {
    bool same = state->links != NULL && state->links->count == count;
    for (int t = 0; t < count && same; t++)
        same = same_place(state->links->places[t], apd_checkpoint_link_place(state, t, part[t]));
    return same;
}

static apd_status fill(const apd_checkpoint_links *links, apd_checkpoint_file *file, apd_error *error) {
    const apd_checkpoint_out *root = apd_checkpoint_file_root(file);
    APD_TRY(apd_checkpoint_link_folders(root, error));
    for (int t = 0; t < links->count; t++)
        APD_TRY(apd_checkpoint_link_put(root, t, links->places[t], error));
    return APD_OK;
}

apd_status apd_checkpoint_links_update(apd_run_state *state, const int *part, const char *temporary,
                                       apd_error *error) {
    int lot = apd_fault_links(together), count = state->task_count / lot * lot;
    if (is_up_to_date(state, part, count))
        return APD_OK;
    apd_checkpoint_links_destroy(state->links);
    apd_checkpoint_links *links = state->links = apd_allocate(1, sizeof *links, "tasks' links");
    links->count = count;
    links->places = apd_allocate(count, sizeof *links->places, "tasks' links");
    for (int t = 0; t < count; t++)
        links->places[t] = apd_checkpoint_link_place(state, t, part[t]);
    apd_checkpoint_file *file = NULL;
    apd_status status;
    APD_GO(apd_checkpoint_file_create(temporary, NULL, &file, error));
    APD_GO(fill(links, file, error));
    APD_GO(apd_checkpoint_file_take(file, &links->image, error));
out:
    apd_checkpoint_file_destroy(file);
    if (status != APD_OK) {
        apd_checkpoint_links_destroy(links);
        state->links = NULL;
    }
    return status;
}

void apd_checkpoint_links_destroy(apd_checkpoint_links *links) {
    if (links == NULL)
        return;
    free(links->places);
    free(links->image.bytes);
    free(links);
}
