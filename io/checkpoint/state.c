#include "io/checkpoint/state.h"

#include <stdlib.h>
#include <string.h>

void apd_links_destroy(apd_links *links) {
    if (links == NULL)
        return;
    free(links->links);
    free(links->image.bytes);
    free(links);
}

void apd_run_state_clear(apd_run_state *state) {
    for (int t = 0; t < state->task_count && state->records != NULL; t++) {
        free(state->records[t].classes);
        free(state->records[t].groups);
    }
    for (int b = 0; b < state->block_count && state->shared != NULL; b++)
        free(state->shared[b].cluster);
    apd_accuracies_clear(&state->accuracies);
    apd_links_destroy(state->links);
    free(state->records);
    free(state->shared);
    free(state->shared_arrays);
    free(state->parts);
    free(state->run_yaml);
    free(state->about);
    free(state->training.arrays);
    free(state->training.tallies);
    *state = (apd_run_state){0};
}

static int compare_parts(const void *a, const void *b) {
    const apd_part_record *left = a, *right = b;
    if (left->commit != right->commit)
        return left->commit < right->commit ? -1 : 1;
    return left->part < right->part ? -1 : left->part > right->part;
}

const apd_part_record *apd_find_part(const apd_run_state *state, int32_t commit, int32_t part) {
    const apd_part_record wanted = {.commit = commit, .part = part};
    if (state->part_count == 0)
        return NULL;
    return bsearch(&wanted, state->parts, (size_t)state->part_count, sizeof wanted, compare_parts);
}

int apd_find_task(const apd_run_state *state, const char *text) {
    char *end = NULL;
    long id = strtol(text, &end, 10);
    bool number = end != text && *end == '\0';
    for (int t = 0; t < state->task_count; t++)
        if (number ? state->records[t].id == id
                   : text[0] != '\0' && strcmp(state->records[t].name, text) == 0)
            return t;
    return -1;
}
