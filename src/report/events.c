#include "report/events.h"

#include "base/memory.h"
#include "io/system/json.h"
#include "io/system/runlog.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- lists that grow ----------------------------------------------------------------------------------------- */

/* An array's length as memory has it: the next power of two. */
static int64_t room_for(int count) {
    int64_t room = 8;
    while (room < count)
        room *= 2;
    return count == 0 ? 0 : room;
}

/* Append an element of 0 to the `*count` of `array`; returns the array. */
static void *grown(void *array, int *count, size_t size) {
    int64_t room = room_for(*count), needed = room_for(*count + 1);
    (*count)++;
    return needed > room ? apd_reallocate(array, room, needed, size, "a run's events") : array;
}

/* --- the events ---------------------------------------------------------------------------------------------- */

static void take_task(apd_events *events, const char *line) {
    double place = apd_json_find_number(line, "place");
    if (!(place >= 0.0 && place < 1e7))
        return;
    while (events->task_count <= (int)place) {
        events->tasks = grown(events->tasks, &events->task_count, sizeof *events->tasks);
        apd_task_event *made = &events->tasks[events->task_count - 1];
        made->capacity = NAN;
        for (int p = 0; p < APD_PHASES; p++)
            made->phases[p] = NAN;
    }
    apd_task_event *task = &events->tasks[(int)place];
    task->capacity = apd_json_find_number(line, "capacity");
    for (int p = 0; p < APD_PHASES; p++) {
        char field[32];
        (void)snprintf(field, sizeof field, "%s_ms", apd_phase_names[p]);
        task->phases[p] = apd_json_find_number(line, field);
    }
}

/* The text of a key, to be freed. */
static char *text_of(const char *line, const char *key) {
    size_t room = strlen(line) + 1;
    char *text = apd_allocate((int64_t)room, 1, "an event");
    if (!apd_json_find(line, key, text, room))
        text[0] = '\0';
    return text;
}

static void take_layer(apd_events *events, const char *line) {
    apd_layer_event layer = {.after_tasks = apd_json_find_whole(line, "after_tasks"),
                             .clusters = apd_json_find_whole(line, "clusters"),
                             .rank = apd_json_find_number(line, "effective_rank"),
                             .explained = apd_json_find_number(line, "explained_variance"),
                             .merged = apd_json_find_number(line, "merged_weights"),
                             .shared = apd_json_find_number(line, "shared_nonzeros")};
    layer.layer = text_of(line, "layer");
    layer.members = text_of(line, "members");
    int at = 0;
    while (at < events->layer_count && (events->layers[at].after_tasks != layer.after_tasks ||
                                        strcmp(events->layers[at].layer, layer.layer) != 0))
        at++;
    if (at == events->layer_count) {
        events->layers = grown(events->layers, &events->layer_count, sizeof *events->layers);
    } else {
        free(events->layers[at].layer);
        free(events->layers[at].members);
    }
    events->layers[at] = layer;
}

static void take_consolidated(apd_events *events, const char *line) {
    apd_consolidated taken = {.after_tasks = apd_json_find_whole(line, "after_tasks"),
                              .before = apd_json_find_number(line, "average_accuracy_before"),
                              .after = apd_json_find_number(line, "average_accuracy")};
    int at = 0;
    while (at < events->consolidation_count && events->consolidations[at].after_tasks != taken.after_tasks)
        at++;
    if (at == events->consolidation_count)
        events->consolidations =
            grown(events->consolidations, &events->consolidation_count, sizeof *events->consolidations);
    events->consolidations[at] = taken;
}

static void take_start(apd_events *events, const char *line) {
    (void)line;
    events->starts++;
}

static void take_forgotten(apd_events *events, const char *line) {
    int after = apd_json_find_whole(line, "after_tasks");
    for (int f = 0; f < events->forgotten_count; f++)
        if (events->forgotten[f] == after)
            return;
    events->forgotten = grown(events->forgotten, &events->forgotten_count, sizeof *events->forgotten);
    events->forgotten[events->forgotten_count - 1] = after;
}

static const struct {
    const char *event;
    void (*take)(apd_events *events, const char *line);
} kinds[] = {{"task", take_task},
             {"consolidation", take_layer},
             {"consolidated", take_consolidated},
             {"start", take_start},
             {"forget", take_forgotten}};

/* --- the file ------------------------------------------------------------------------------------------------ */

static void take_line(void *events, const char *event, const char *line) {
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        if (strcmp(event, kinds[k].event) == 0)
            kinds[k].take(events, line);
}

/* Rows of what a commit took back, or another run before it, follow those of `done` tasks. */
static void drop_after(apd_events *events, int done) {
    int kept = 0;
    if (events->task_count > done)
        events->task_count = done;
    for (int l = 0; l < events->layer_count; l++)
        if (events->layers[l].after_tasks <= done) {
            events->layers[kept++] = events->layers[l];
        } else {
            free(events->layers[l].layer);
            free(events->layers[l].members);
        }
    events->layer_count = kept;
    kept = 0;
    for (int c = 0; c < events->consolidation_count; c++)
        if (events->consolidations[c].after_tasks <= done)
            events->consolidations[kept++] = events->consolidations[c];
    events->consolidation_count = kept;
    kept = 0;
    for (int f = 0; f < events->forgotten_count; f++)
        if (events->forgotten[f] <= done)
            events->forgotten[kept++] = events->forgotten[f];
    events->forgotten_count = kept;
}

apd_status apd_events_read(const char *folder, int done, apd_events *out, apd_error *error) {
    apd_events events = {0};
    apd_status status = apd_runlog_read(folder, take_line, &events, error);
    drop_after(&events, done);
    if (status == APD_OK)
        *out = events;
    else
        apd_events_clear(&events);
    return status;
}

void apd_events_clear(apd_events *events) {
    for (int l = 0; l < events->layer_count; l++) {
        free(events->layers[l].layer);
        free(events->layers[l].members);
    }
    free(events->layers);
    free(events->tasks);
    free(events->consolidations);
    free(events->forgotten);
    *events = (apd_events){0};
}

/* --- clusters ------------------------------------------------------------------------------------------------ */

static int index_of(const int *ids, int count, long id) {
    for (int i = 0; i < count; i++)
        if (ids[i] == id)
            return i;
    return -1;
}

void apd_events_clusters(const apd_layer_event *layer, const int *ids, int count, int *cluster_of) {
    int cluster = -1;
    for (int i = 0; i < count; i++)
        cluster_of[i] = -1;
    for (const char *at = layer->members; *at != '\0';) {
        char *end = NULL;
        long number = strtol(at, &end, 10);
        if (end == at) {
            at++;
            continue;
        }
        int place = *end == ':' ? -1 : index_of(ids, count, number);
        if (*end == ':')
            cluster = (int)number;
        else if (place >= 0)
            cluster_of[place] = cluster;
        at = end;
    }
}
