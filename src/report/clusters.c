/* Figures of consolidations: which tasks share parameters in which layer, and how many directions the tasks span. */
#include "report/figures.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "report/script.h"
#include "tables/cells.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TASKS = 120, NAME_BYTES = 27 };

/* --- the last consolidation ----------------------------------------------------------------------------------------- */

/* The layers of the last consolidation: the first of them, and how many. */
static int last_layers(const apd_events *events, int *first) {
    int count = events->layer_count;
    if (count == 0)
        return 0;
    *first = count - 1;
    while (*first > 0 && events->layers[*first - 1].after_tasks == events->layers[count - 1].after_tasks)
        --*first;
    return count - *first;
}

typedef struct sharing {
    int tasks, layers, first; /* first: of the events' layers */
    int *places;              /* (tasks) in the stream */
    int *cluster;             /* (tasks, layers) */
} sharing;

/* Tasks that are in a cluster of some layer, unless forgotten. */
static sharing find_sharing(const apd_report_run *run) {
    const apd_result *result = run->result;
    sharing found = {.layers = 0};
    found.layers = last_layers(&run->events, &found.first);
    int done = result->done, *ids = apd_allocate(done, sizeof *ids, "tasks");
    int *all = apd_allocate((int64_t)done * found.layers, sizeof *all, "clusters");
    for (int t = 0; t < done; t++)
        ids[t] = result->records[t].id;
    for (int k = 0; k < found.layers; k++)
        apd_events_clusters(&run->events.layers[found.first + k], ids, done, all + (int64_t)k * done);
    found.places = apd_allocate(done, sizeof *found.places, "tasks");
    found.cluster = apd_allocate((int64_t)done * found.layers, sizeof *found.cluster, "clusters");
    for (int t = 0; t < done; t++) {
        bool any = false;
        for (int k = 0; k < found.layers; k++) {
            found.cluster[found.tasks * found.layers + k] = all[(int64_t)k * done + t];
            any = any || all[(int64_t)k * done + t] >= 0;
        }
        if (any && result->records[t].classes > 0)
            found.places[found.tasks++] = t;
    }
    free(all);
    free(ids);
    return found;
}

static void clear_sharing(sharing *found) {
    free(found->places);
    free(found->cluster);
}

/* The share of layers in which two tasks are apart. */
static double distance(const sharing *found, int a, int b) {
    int together = 0;
    for (int k = 0; k < found->layers; k++) {
        int c = found->cluster[a * found->layers + k];
        together += c >= 0 && c == found->cluster[b * found->layers + k];
    }
    return 1.0 - (double)together / found->layers;
}

/* --- a tree of the tasks: average linkage --------------------------------------------------------------------------- */

typedef struct node {
    int left, right; /* -1: a leaf */
    int size;
    double height, y;
} node;

/* Number the leaves below a node in order; its y is the middle of its branches'. */
static void place(node *nodes, int at, int *leaf, int *order) {
    if (nodes[at].left < 0) {
        nodes[at].y = *leaf;
        order[(*leaf)++] = at;
        return;
    }
    place(nodes, nodes[at].left, leaf, order);
    place(nodes, nodes[at].right, leaf, order);
    nodes[at].y = 0.5 * (nodes[nodes[at].left].y + nodes[nodes[at].right].y);
}

/* Join the two nearest nodes until one is left: nodes (2 tasks - 1), order (tasks): the leaves from the top. */
static void grow_tree(const sharing *found, node *nodes, int *order) {
    const int tasks = found->tasks;
    double *apart = apd_allocate((int64_t)tasks * tasks, sizeof *apart, "distances");
    int *alive = apd_allocate(tasks, sizeof *alive, "branches"), count = tasks, made = tasks, leaf = 0;
    int **members = apd_allocate(2 * (int64_t)tasks, sizeof *members, "branches");
    for (int i = 0; i < tasks; i++) {
        nodes[i] = (node){.left = -1, .right = -1, .size = 1};
        alive[i] = i;
        members[i] = apd_allocate(1, sizeof **members, "a branch");
        members[i][0] = i;
        for (int j = 0; j < tasks; j++)
            apart[i * tasks + j] = distance(found, i, j);
    }
    while (count > 1) {
        int first = 0, second = 1;
        double least = INFINITY;
        for (int a = 0; a < count; a++)
            for (int b = a + 1; b < count; b++) {
                const node *x = &nodes[alive[a]], *y = &nodes[alive[b]];
                double sum = 0.0;
                for (int i = 0; i < x->size; i++)
                    for (int j = 0; j < y->size; j++)
                        sum += apart[members[alive[a]][i] * tasks + members[alive[b]][j]];
                sum /= (double)x->size * y->size;
                if (sum < least - 1e-12) {
                    least = sum;
                    first = a;
                    second = b;
                }
            }
        node *x = &nodes[alive[first]], *y = &nodes[alive[second]];
        nodes[made] =
            (node){.left = alive[first], .right = alive[second], .size = x->size + y->size, .height = least};
        members[made] = apd_allocate(nodes[made].size, sizeof **members, "a branch");
        memcpy(members[made], members[alive[first]], (size_t)x->size * sizeof **members);
        memcpy(members[made] + x->size, members[alive[second]], (size_t)y->size * sizeof **members);
        alive[first] = made++;
        alive[second] = alive[--count];
    }
    place(nodes, alive[0], &leaf, order);
    for (int i = 0; i < made; i++)
        free(members[i]);
    free(members);
    free(alive);
    free(apart);
}

/* --- tasks and what they share -------------------------------------------------------------------------------------- */

/* "3  fish"; a long name is cut, so that the figure keeps its width. */
static void name_task(const apd_drawing *drawing, int stream_place, char *text, size_t room) {
    const apd_result_task *task = &drawing->run->result->records[stream_place];
    const char *known = apd_report_task_name(drawing->report, task);
    const char *name = known != NULL ? known : "(name forgotten)";
    size_t used = (size_t)snprintf(text, room, "%d  ", stream_place + 1);
    apd_utf8_excerpt(name, strlen(name), text + used, NAME_BYTES);
}

/* A row a task, in the order of the tree: its place from 1, and its cluster in each layer. */
static void fill_tasks(apd_drawing *drawing, const sharing *found, const int *order) {
    apd_sheet *sheet = apd_drawing_sheet(drawing, "tasks", 1 + found->layers, found->tasks);
    apd_sheet_head(sheet, 0, 0, "place");
    for (int k = 0; k < found->layers; k++)
        apd_sheet_head(sheet, k + 1, 0, "%s", drawing->run->events.layers[found->first + k].layer);
    for (int i = 0; i < found->tasks; i++) {
        char text[96];
        int task = order[i];
        name_task(drawing, found->places[task], text, sizeof text);
        apd_sheet_label(sheet, i, text);
        *apd_sheet_at(sheet, i, 0) = found->places[task] + 1;
        for (int k = 0; k < found->layers; k++)
            if (found->cluster[task * found->layers + k] >= 0)
                *apd_sheet_at(sheet, i, k + 1) = found->cluster[task * found->layers + k] + 1;
    }
}

/* The tree's strokes: x is minus the distance, y the row. */
static void fill_tree(apd_drawing *drawing, const node *nodes, int tasks) {
    apd_sheet *sheet = apd_drawing_sheet(drawing, "tree", 4, 3 * ((int64_t)tasks - 1));
    static const char *const headings[] = {"x", "y", "width", "height"};
    for (int c = 0; c < 4; c++)
        apd_sheet_head(sheet, c, 4, "%s", headings[c]);
    for (int n = tasks; n < 2 * tasks - 1; n++) {
        const node *left = &nodes[nodes[n].left], *right = &nodes[nodes[n].right];
        const double strokes[3][4] = {
            {-left->height, left->y, left->height - nodes[n].height, 0.0},
            {-right->height, right->y, right->height - nodes[n].height, 0.0},
            {-nodes[n].height, left->y, 0.0, right->y - left->y},
        };
        for (int s = 0; s < 3; s++)
            memcpy(apd_sheet_at(sheet, 3 * (n - tasks) + s, 0), strokes[s], sizeof strokes[s]);
    }
}

static void fill_layers(apd_drawing *drawing, const sharing *found) {
    apd_sheet *sheet = apd_drawing_sheet(drawing, "layers", 5, found->layers);
    apd_sheet_head(sheet, 0, 0, "clusters");
    apd_sheet_head(sheet, 1, 0, "shared non-zeros");
    apd_sheet_head(sheet, 2, 0, "weights merged");
    apd_sheet_head(sheet, 3, 2, "effective rank");
    apd_sheet_head(sheet, 4, 1, "variance between clusters, %%");
    for (int k = 0; k < found->layers; k++) {
        const apd_layer_event *layer = &drawing->run->events.layers[found->first + k];
        apd_sheet_label(sheet, k, layer->layer);
        *apd_sheet_at(sheet, k, 0) = layer->clusters;
        *apd_sheet_at(sheet, k, 1) = layer->shared;
        *apd_sheet_at(sheet, k, 2) = layer->merged;
        *apd_sheet_at(sheet, k, 3) = layer->rank;
        *apd_sheet_at(sheet, k, 4) = 100.0 * layer->explained;
    }
}

bool apd_clusters_numbers(apd_drawing *drawing) {
    sharing found = find_sharing(drawing->run);
    bool shown = found.layers > 0 && found.tasks > 1 && found.tasks <= MOST_TASKS;
    if (shown) {
        node *nodes = apd_allocate(2 * (int64_t)found.tasks, sizeof *nodes, "a tree of tasks");
        int *order = apd_allocate(found.tasks, sizeof *order, "the order of tasks");
        grow_tree(&found, nodes, order);
        fill_tasks(drawing, &found, order);
        fill_tree(drawing, nodes, found.tasks);
        fill_layers(drawing, &found);
        drawing->height = 90 + (found.tasks <= 60 ? 17 : 8) * found.tasks;
        free(order);
        free(nodes);
    }
    clear_sharing(&found);
    return shown;
}

#define CELL 0.30 /* the width of a column of cells, that of the tree being 1 */

static double cell_at(int layer) {
    return 0.10 + CELL * (layer + 0.5);
}

/* "867", "5.2k", "1.3M" */
static void short_number(double number, char *text, size_t room) {
    if (number >= 999500.0)
        (void)snprintf(text, room, "%.1fM", number / 1e6);
    else if (number >= 999.5)
        (void)snprintf(text, room, number < 9950.0 ? "%.1fk" : "%.0fk", number / 1e3);
    else
        (void)snprintf(text, room, "%.0f", number);
}

static void put_texts(const apd_sheet *tasks, const apd_sheet *layers, FILE *script) {
    int64_t count = tasks->rows + layers->rows;
    const char **texts = apd_allocate(count, sizeof *texts, "texts");
    for (int64_t i = 0; i < tasks->rows; i++)
        texts[i] = tasks->labels[i];
    for (int64_t k = 0; k < layers->rows; k++)
        texts[tasks->rows + k] = layers->labels[k];
    apd_script_texts(script, texts, (int)count);
    free(texts);
}

static void put_heads(const apd_sheet *tasks, const apd_sheet *layers, FILE *script) {
    for (int k = 0; k < layers->rows; k++) {
        char shared[16];
        short_number(*apd_sheet_at(layers, k, 1), shared, sizeof shared);
        (void)fprintf(script,
                      "set label name[%lld] at %g,-0.9 left rotate by 40\n"
                      "set label '%s' at %g,%lld.9 center textcolor rgb '%s'\n",
                      (long long)tasks->rows + k + 1, cell_at(k) - 0.06, shared, cell_at(k),
                      (long long)tasks->rows - 1, apd_colour_of("axis"));
    }
    (void)fprintf(script, "set label 'shared non-zeros' at 0,%lld.9 right textcolor rgb '%s'\n",
                  (long long)tasks->rows - 1, apd_colour_of("axis"));
    for (int64_t i = 0; i < tasks->rows && tasks->rows <= 60; i++)
        (void)fprintf(script, "set label name[%lld] at %g,%lld left\n", (long long)i + 1,
                      cell_at((int)layers->rows - 1) + 0.6 * CELL, (long long)i);
    for (int tick = 0; tick <= 100; tick += 50)
        (void)fprintf(script, "set label '%d'.percent at %g,-0.9 center textcolor rgb '%s'\n", tick,
                      -tick / 100.0, apd_colour_of("axis"));
    (void)fprintf(script, "set label 'layers apart' at -0.5,-2.1 center textcolor rgb '%s'\n",
                  apd_colour_of("axis"));
}

void apd_clusters_draw(const apd_drawing *drawing, FILE *script) {
    static const char *const tints[] = {"#56b4e9", "#e69f00", "#009e73", "#cc79a7",
                                        "#0072b2", "#d55e00", "#999933", "#882255"};
    const apd_sheet *tasks = &drawing->sheets[0], *layers = &drawing->sheets[2];
    const int count = (int)layers->rows;
    put_texts(tasks, layers, script);
    (void)fprintf(
        script,
        "unset grid\nset border 0\nset tics scale 0\nunset xtics\nunset ytics\nunset key\n"
        "set xrange [-1.02:%g]\nset yrange [%lld.5:-0.5]\nset tmargin 4.5\nset bmargin 2\nset lmargin 2\n",
        cell_at(count - 1) + CELL / 2, (long long)tasks->rows - 1);
    put_heads(tasks, layers, script);
    (void)fprintf(script, "set rmargin 24\ntint(c) = ");
    for (int t = 0; t < 7; t++)
        (void)fprintf(script, "int(c-1)%%8 == %d ? 0x%s : ", t, tints[t] + 1);
    (void)fprintf(script, "0x%s\n", tints[7] + 1);
    (void)fprintf(script, "plot $tree using 1:2:3:4 with vectors nohead linecolor rgb '%s' linewidth 1.2",
                  apd_colour_of("axis"));
    for (int k = 0; k < count; k++) {
        (void)fprintf(script,
                      ", \\\n     $tasks using (%g):0:(%g):(%g):($0-0.45):($0+0.45):($%d == $%d ? tint($%d) "
                      ": NaN) with "
                      "boxxyerror fillstyle transparent solid 0.45 noborder linecolor rgb variable",
                      cell_at(k), cell_at(k) - 0.47 * CELL, cell_at(k) + 0.47 * CELL, k + 2, k + 2, k + 2);
        if (tasks->rows <= 60)
            (void)fprintf(script, ", \\\n     $tasks using (%g):0:(sprintf('%%d', $%d)) with labels",
                          cell_at(k), k + 2);
    }
    (void)fputc('\n', script);
}

void apd_clusters_remark(const apd_drawing *drawing, FILE *page) {
    const apd_events *events = &drawing->run->events;
    int after = events->layers[events->layer_count - 1].after_tasks;
    (void)fprintf(page, " After %d of %d tasks", after, drawing->run->result->done);
    for (int c = 0; c < events->consolidation_count; c++)
        if (events->consolidations[c].after_tasks == after && !isnan(events->consolidations[c].after))
            (void)fprintf(page, "; it took the average accuracy from %.2f to %.2f %%",
                          100.0 * events->consolidations[c].before, 100.0 * events->consolidations[c].after);
    (void)fputs(".", page);
}

/* --- effective rank --------------------------------------------------------------------------------------------------- */

static int column_of(const apd_sheet *sheet, const char *layer) {
    for (int c = 1; c < sheet->columns && sheet->headings[c] != NULL; c++)
        if (strcmp(sheet->headings[c], layer) == 0)
            return c;
    return -1;
}

bool apd_rank_numbers(apd_drawing *drawing) {
    const apd_events *events = &drawing->run->events;
    int first = 0, layers = last_layers(events, &first), rows = 0;
    for (int l = 0; l < events->layer_count; l++)
        rows += l == 0 || events->layers[l].after_tasks != events->layers[l - 1].after_tasks;
    if (rows < 2)
        return false;
    apd_sheet *sheet = apd_drawing_sheet(drawing, "rank", 1 + layers, rows);
    bool any = false;
    apd_sheet_head(sheet, 0, 0, "tasks learned");
    for (int k = 0; k < layers; k++)
        apd_sheet_head(sheet, k + 1, 2, "%s", events->layers[first + k].layer);
    for (int l = 0, row = -1; l < events->layer_count; l++) {
        row += l == 0 || events->layers[l].after_tasks != events->layers[l - 1].after_tasks;
        int column = column_of(sheet, events->layers[l].layer);
        *apd_sheet_at(sheet, row, 0) = events->layers[l].after_tasks;
        if (column > 0)
            *apd_sheet_at(sheet, row, column) = events->layers[l].rank;
        any = any || !isnan(events->layers[l].rank);
    }
    return any;
}

void apd_rank_draw(const apd_drawing *drawing, FILE *script) {
    const apd_sheet *sheet = &drawing->sheets[0];
    const int layers = sheet->columns - 1;
    const char *const *names = (const char *const *)sheet->headings + 1;
    const char **colours = apd_allocate(layers, sizeof *colours, "colours");
    double top = 1.0;
    for (int64_t r = 0; r < sheet->rows; r++)
        for (int k = 0; k < layers; k++)
            top = fmax(top, *apd_sheet_at(sheet, r, k + 1));
    for (int k = 0; k < layers; k++)
        colours[k] = apd_colour_of(drawing->run->result->method);
    double step = apd_round_step(top, 5);
    top = step * ceil(top / step);
    apd_script_texts(script, names, layers);
    apd_script_ends(script, apd_sheet_at(sheet, sheet->rows - 1, 1), colours, layers, 0.0, top, false, 0.065);
    (void)fprintf(script,
                  "set yrange [0:%g]\nset xrange [0:%g]\nset rmargin %zu\nset xlabel 'tasks learned'\n"
                  "set ylabel 'effective rank'\n",
                  top, *apd_sheet_at(sheet, sheet->rows - 1, 0), apd_longest(names, layers) + 2);
    for (int k = 0; k < layers; k++)
        (void)fprintf(
            script,
            "%s$rank using 1:%d with linespoints linecolor rgb '%s' linewidth 2 dashtype %d pointtype "
            "7 pointsize 0.5",
            k == 0 ? "plot " : ", \\\n     ", k + 2, colours[k], 1 + k % 5);
    (void)fputc('\n', script);
    free(colours);
}
