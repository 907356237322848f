#include "io/checkpoint/links.h"

#include "base/memory.h"
#include "io/checkpoint/store.h"
#include "io/system/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int lot = 128;

int apd_links_set_lot(int tasks) {
    int last = lot;
    lot = tasks;
    return last;
}

static apd_part_link link_to(apd_run_state *state, const apd_layout *layout, apd_item_key key) {
    const apd_home *home = apd_item_home(state, key);
    apd_part_link link = {0}; /* to its last byte: links are compared */
    apd_item_group(layout, key, link.object);
    apd_store_part_name(home->commit, home->part, link.file);
    return link;
}

/* Tasks come first: those of whole lots make the image. */
static apd_part_link *list_links(apd_run_state *state, const apd_layout *layout, int64_t *count,
                                 int64_t *kept) {
    int items, tasks = state->task_count / apd_fault_links(lot) * apd_fault_links(lot);
    apd_item_key *keys = apd_item_list(state, &items);
    apd_part_link *links = apd_allocate(items, sizeof *links, "links");
    *count = *kept = 0;
    for (int i = 0; i < items; i++)
        if (keys[i].kind == APD_ITEM_TASK) {
            *kept += keys[i].of < tasks;
            links[(*count)++] = link_to(state, layout, keys[i]);
        }
    for (int i = 0; i < items; i++)
        if (keys[i].kind != APD_ITEM_TASK)
            links[(*count)++] = link_to(state, layout, keys[i]);
    free(keys);
    return links;
}

/* The image has the first `kept` links. */
static apd_status update_image(apd_run_state *state, const apd_part_link *links, int64_t kept,
                               apd_error *error) {
    size_t bytes = (size_t)kept * sizeof *links;
    if (state->links != NULL && state->links->image.links == kept &&
        memcmp(state->links->links, links, bytes) == 0)
        return APD_OK;
    apd_links_destroy(state->links);
    state->links = NULL;
    if (kept == 0)
        return APD_OK;
    apd_links *made = apd_allocate(1, sizeof *made, "links");
    made->links = apd_allocate(kept, sizeof *links, "links");
    memcpy(made->links, links, bytes);
    apd_status status = apd_part_image_make(links, kept, &made->image, error);
    if (status == APD_OK)
        state->links = made;
    else
        apd_links_destroy(made);
    return status;
}

apd_status apd_links_make(apd_run_state *state, const apd_layout *layout, apd_part_link **links,
                          int64_t *count, const apd_part_image **begin, apd_error *error) {
    int64_t kept;
    apd_part_link *made = list_links(state, layout, count, &kept);
    apd_status status = update_image(state, made, kept, error);
    if (status == APD_OK) {
        *links = made;
        *begin = state->links != NULL ? &state->links->image : NULL;
    } else {
        free(made);
    }
    return status;
}
