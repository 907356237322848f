#include "report/figures.h"

#include "base/memory.h"
#include "report/script.h"

#include <stdlib.h>

const apd_figure apd_figures[] = {
    {"average", "Average accuracy", "Test accuracy after each task, mean over the tasks learned so far.",
     APD_OF_GROUP, 420, 300, false, apd_average_numbers, apd_average_draw, apd_average_remark},
    {"pareto", "Accuracy against capacity",
     "After all tasks. Up and to the left is better; the grey steps join what nothing else beats in both.",
     APD_OF_GROUP, 420, 300, false, apd_pareto_numbers, apd_pareto_draw, apd_pareto_remark},
    {"bytes", "Accuracy against bytes",
     "After all tasks, with the bytes of the checkpoint in per cent of one dense network of float32.",
     APD_OF_GROUP, 420, 300, false, apd_bytes_numbers, apd_pareto_draw, apd_pareto_remark},
    {"capacity", "Capacity", "Non-zero weights that are stored, in per cent of one network's.", APD_OF_GROUP,
     420, 300, false, apd_capacity_numbers, apd_capacity_draw, NULL},
    {"matrix", "Accuracy matrix",
     "Test accuracy, %, on each task (columns) after each task (rows), in the order of the stream.",
     APD_OF_RUN, 420, 360, true, apd_matrix_numbers, apd_matrix_draw, apd_matrix_remark},
    {"opd", "Order dependence",
     "OPD of each task: the largest minus the smallest final accuracy over orders, seeds averaged first; "
     "tasks sorted for each line.",
     APD_OF_GROUP, 420, 300, false, apd_opd_numbers, apd_opd_draw, NULL},
    {"forgetting", "Accuracy on chosen tasks",
     "Test accuracy on a task from when it is learned, while later ones are; numbered by their place in the "
     "stream.",
     APD_OF_GROUP, 420, 300, false, apd_forgetting_numbers, apd_forgetting_draw, NULL},
    {"clusters", "Tasks and what they share",
     "Clusters of the last consolidation. A column is a layer; tasks with the same number share parameters "
     "there. The tree joins tasks at the share of layers in which they are apart.",
     APD_OF_RUN, 420, 400, false, apd_clusters_numbers, apd_clusters_draw, apd_clusters_remark},
    {"rank", "Effective rank",
     "Effective rank of the tasks' own parameters in each layer, at each consolidation.", APD_OF_RUN, 420,
     300, false, apd_rank_numbers, apd_rank_draw, NULL},
    {"times", "Time of a training step",
     "Milliseconds by phase, mean over tasks and runs: making batches (gather), the passes, waiting for "
     "gradients "
     "(reduce), the solver (update), waiting for theta (share).",
     APD_OF_GROUP, 420, 260, false, apd_times_numbers, apd_times_draw, NULL},
    {"phases", "Time of a training step",
     "Milliseconds by phase, mean over the steps of each task: making batches (gather), the passes, waiting "
     "for "
     "gradients (reduce), the solver (update), waiting for theta (share).",
     APD_OF_RUN, 420, 300, false, apd_phases_numbers, apd_phases_draw, NULL},
    {"strong", "Strong scaling",
     "Time of a training step against ranks, of one batch: medians, with the least and the largest of the "
     "repeats.",
     APD_OF_REPORT, 420, 320, false, apd_strong_numbers, apd_ranks_draw, apd_ranks_remark},
    {"weak", "Weak scaling",
     "Time of a training step against ranks, of a batch that grows with them: medians, with the least and "
     "the "
     "largest of the repeats.",
     APD_OF_REPORT, 420, 320, false, apd_weak_numbers, apd_ranks_draw, apd_ranks_remark},
    {"tasktimes", "Time against tasks",
     "After so many tasks: of a run, medians over the last tenth of its tasks, at least five, and its last "
     "consolidation.",
     APD_OF_REPORT, 420, 320, false, apd_task_times_numbers, apd_task_times_draw, NULL},
    {"tasksizes", "Memory and bytes against tasks", "The largest rank's resident set, and the checkpoint.",
     APD_OF_REPORT, 420, 320, false, apd_task_sizes_numbers, apd_task_sizes_draw, NULL},
    {"roofline", "Roofline",
     "Layers of one rank while all work. Work is counted as it is done: of convolutions by Winograd's "
     "products these, "
     "without transforms. Bytes: inputs, outputs, weights and their gradients, once each. The roofs are "
     "measured: "
     "sgemm of the BLAS, and memory.",
     APD_OF_REPORT, 420, 340, false, apd_roofline_numbers, apd_roofline_draw, NULL},
    {NULL, NULL, NULL, APD_OF_GROUP, 0, 0, false, NULL, NULL, NULL},
};

/* --- what figures share -------------------------------------------------------------------------------------- */

apd_sheet *apd_drawing_sheet(apd_drawing *drawing, const char *name, int columns, int64_t rows) {
    APD_ASSERT(drawing->sheet_count < APD_FIGURE_SHEETS);
    apd_sheet *sheet = &drawing->sheets[drawing->sheet_count++];
    *sheet = apd_sheet_make(name, columns, rows);
    return sheet;
}

void apd_drawing_clear(apd_drawing *drawing) {
    for (int s = 0; s < drawing->sheet_count; s++)
        apd_sheet_clear(&drawing->sheets[s]);
    drawing->sheet_count = 0;
}

int *apd_drawing_places(int tasks, int most, int *count) {
    int step = (tasks + most - 1) / most, *places = apd_allocate(tasks + 1, sizeof *places, "places");
    *count = 0;
    for (int t = 0; t < tasks; t += step)
        places[(*count)++] = t;
    if (tasks > 0 && places[*count - 1] != tasks - 1)
        places[(*count)++] = tasks - 1;
    return places;
}

const char **apd_drawing_names(const apd_drawing *drawing) {
    const apd_report_group *group = drawing->group;
    const char **names = apd_allocate(group->line_count, sizeof *names, "lines' names");
    for (int l = 0; l < group->line_count; l++)
        names[l] = group->lines[l].name;
    return names;
}

const char **apd_drawing_colours(const apd_drawing *drawing) {
    const apd_report_group *group = drawing->group;
    const char **colours = apd_allocate(group->line_count, sizeof *colours, "lines' colours");
    for (int l = 0; l < group->line_count; l++)
        colours[l] = apd_colour_of(group->lines[l].method);
    return colours;
}

void apd_drawing_key(FILE *script, int count) {
    (void)fprintf(
        script, "set key bmargin left Left reverse horizontal maxcols 1 samplen 2 width 1\nset bmargin %g\n",
        4.0 + 1.1 * count);
}

bool apd_drawing_begin(const apd_drawing *drawing, FILE *script) {
    enum { LONG = 20, MANY = 10 };
    const int lines = drawing->group->line_count;
    const char **names = apd_drawing_names(drawing);
    const size_t longest = apd_longest(names, lines);
    const bool key = longest > LONG || lines > MANY;
    apd_script_texts(script, names, lines);
    free(names);
    if (lines == 1)
        (void)fputs("unset key\n", script);
    if (key)
        apd_drawing_key(script, lines);
    else
        (void)fprintf(script, "set rmargin %zu\n", longest + 2);
    return !key;
}

void apd_drawing_ends(const apd_drawing *drawing, FILE *script, const double *y, double low, double high,
                      bool log, double gap) {
    const char **colours = apd_drawing_colours(drawing);
    apd_script_ends(script, y, colours, drawing->group->line_count, low, high, log, gap);
    free(colours);
}

void apd_drawing_style(const apd_report_line *line, FILE *script) {
    (void)fprintf(script, "linecolor rgb '%s' linewidth 2 dashtype %d", apd_colour_of(line->method),
                  1 + line->variant % 5);
}
