/* Figures of what happens as the tasks come: average accuracy, capacity, and the accuracy on chosen tasks. */
#include "report/figures.h"

#include "base/memory.h"
#include "report/script.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- lines with bands, and names at their ends ----------------------------------------------------------------- */

/* The value of a run at a place of the stream; NaN: none. */
typedef double value_at(const apd_report_run *run, int place);

/* A row a shown place: tasks learned; then for each line the mean over its runs and the deviation. */
static bool fill(apd_drawing *drawing, const char *name, const char *unit, int first, value_at *value) {
    const apd_report_group *group = drawing->group;
    int rows = 0, *places = apd_drawing_places(group->tasks, APD_CURVE_POINTS, &rows), kept = 0;
    bool any = false;
    while (kept < rows && places[kept] < first)
        kept++;
    apd_sheet *sheet = apd_drawing_sheet(drawing, name, 1 + 2 * group->line_count, rows - kept);
    apd_sheet_head(sheet, 0, 0, "tasks learned");
    for (int l = 0; l < group->line_count; l++) {
        const apd_report_line *line = &group->lines[l];
        double *values = apd_allocate(line->count, sizeof *values, "values");
        apd_sheet_head(sheet, 1 + 2 * l, 2, "%s, %s", line->name, unit);
        apd_sheet_head(sheet, 2 + 2 * l, 2, "±");
        for (int r = 0; r < rows - kept; r++) {
            for (int i = 0; i < line->count; i++) {
                const apd_report_run *run = &drawing->report->runs[line->runs[i]];
                int place = places[kept + r];
                values[i] = place < run->result->done ? 100.0 * value(run, place) : (double)NAN;
            }
            apd_summary summary = apd_summarize(values, line->count);
            *apd_sheet_at(sheet, r, 0) = places[kept + r] + 1;
            *apd_sheet_at(sheet, r, 1 + 2 * l) = summary.mean;
            *apd_sheet_at(sheet, r, 2 + 2 * l) = summary.deviation;
            any = any || !isnan(summary.mean);
        }
        free(values);
    }
    free(places);
    return any;
}

typedef struct extent {
    double low, high;
} extent;

/* The range of all means, with their deviations where bands are drawn. */
static extent extent_of(const apd_sheet *sheet, bool bands) {
    extent found = {INFINITY, -INFINITY};
    for (int64_t r = 0; r < sheet->rows; r++)
        for (int c = 1; c + 1 < sheet->columns; c += 2) {
            double mean = *apd_sheet_at(sheet, r, c), off = *apd_sheet_at(sheet, r, c + 1);
            off = isnan(off) || !bands ? 0.0 : off;
            found.low = fmin(found.low, mean - off);
            found.high = fmax(found.high, mean + off);
        }
    return found;
}

static double last_mean(const apd_sheet *sheet, int line) {
    for (int64_t r = sheet->rows - 1; r >= 0; r--)
        if (!isnan(*apd_sheet_at(sheet, r, 1 + 2 * line)))
            return *apd_sheet_at(sheet, r, 1 + 2 * line);
    return NAN;
}

/* Each line's name at its end. */
static void put_labels(const apd_drawing *drawing, FILE *script, const apd_sheet *sheet, extent y, bool log,
                       double gap) {
    double *ends = apd_allocate(drawing->group->line_count, sizeof *ends, "labels");
    for (int l = 0; l < drawing->group->line_count; l++)
        ends[l] = last_mean(sheet, l);
    apd_drawing_ends(drawing, script, ends, y.low, y.high, log, gap);
    free(ends);
}

/* Bands first, so that no line is below one. */
static void put_plot(const apd_drawing *drawing, FILE *script, const char *block, bool bands, bool keyed) {
    const apd_report_group *group = drawing->group;
    const char *separator = "plot ";
    for (int l = 0; l < group->line_count; l++)
        if (bands && group->lines[l].count > 1) {
            (void)fprintf(script,
                          "%s$%s using 1:($%d-$%d):($%d+$%d) with filledcurves fillcolor rgb '%s' "
                          "fillstyle transparent solid 0.16 noborder",
                          separator, block, 2 * l + 2, 2 * l + 3, 2 * l + 2, 2 * l + 3,
                          apd_colour_of(group->lines[l].method));
            separator = ", \\\n     ";
        }
    for (int l = 0; l < group->line_count; l++) {
        (void)fprintf(script, "%s$%s using 1:%d with lines ", separator, block, 2 * l + 2);
        apd_drawing_style(&group->lines[l], script);
        if (keyed)
            (void)fprintf(script, " title name[%d]", l + 1);
        separator = ", \\\n     ";
    }
}

/* Points on all lines that show what a cursor rests on. */
static void put_tooltips(const apd_drawing *drawing, FILE *script, const char *block,
                         const apd_sheet *sheet) {
    const apd_report_group *group = drawing->group;
    if (sheet->rows > 100)
        return;
    for (int l = 0; l < group->line_count; l++)
        (void)fprintf(
            script,
            ", \\\n     $%s using 1:%d:(sprintf('%%s: %%.2f%%s after %%d', name[%d], $%d, percent, $1)) "
            "with labels hypertext point pointtype 7 pointsize 0.8 linecolor rgb '#ff000000'",
            block, 2 * l + 2, l + 1, 2 * l + 2);
}

/* Task numbers along x: few, whole. */
static void put_x(const apd_drawing *drawing, FILE *script, double first) {
    int tasks = drawing->group->tasks;
    double step = tasks <= 12 ? 1.0 : apd_round_step(tasks, 6);
    (void)fprintf(script,
                  "set xlabel 'tasks learned'\n"
                  "set xrange [%g:%g]\n"
                  "set xtics (%g",
                  first, tasks > first ? (double)tasks : first + 1.0, first);
    for (double tick = step; tick <= tasks; tick += step)
        if (tick > first + 0.4 * step)
            (void)fprintf(script, ", %g", tick);
    (void)fputs(")\n", script);
}

static void set_range(FILE *script, extent y) {
    (void)fprintf(script, "set yrange [%g:%g]\n", y.low, y.high);
}

/* Rounded outwards to a step of the axis, and at least ten points high: a smaller range makes noise look like news. */
static extent rounded(extent y) {
    double lack = 10.0 - (y.high - y.low);
    if (lack > 0.0) {
        y.high = fmin(y.high + lack / 2.0, 100.0);
        y.low = fmax(y.high - 10.0, 0.0);
    }
    double step = apd_round_step(fmax(y.high - y.low, 1e-3), 5);
    y.low = fmax(0.0, step * floor(y.low / step - 0.1));
    y.high = step * ceil(y.high / step + 0.1);
    return y;
}

/* Where a single run forgot tasks: dotted lines. */
static void put_forgettings(const apd_drawing *drawing, FILE *script) {
    const apd_events *events = &drawing->report->runs[0].events;
    for (int f = 0; f < events->forgotten_count && drawing->report->run_count == 1; f++)
        (void)fprintf(script,
                      "set arrow from %d, graph 0 to %d, graph 1 nohead back linecolor rgb '%s' linewidth 1 "
                      "dashtype 3\n",
                      events->forgotten[f], events->forgotten[f], apd_colour_of("ink"));
}

/* --- average accuracy --------------------------------------------------------------------------------------------- */

static double average_at(const apd_report_run *run, int place) {
    return run->average[place];
}

bool apd_average_numbers(apd_drawing *drawing) {
    return drawing->group->tasks > 1 && fill(drawing, "average", "%", 0, average_at);
}

void apd_average_draw(const apd_drawing *drawing, FILE *script) {
    const apd_sheet *sheet = &drawing->sheets[0];
    extent y = rounded(extent_of(sheet, true));
    y.high = fmin(y.high, 100.0);
    bool labels = apd_drawing_begin(drawing, script);
    put_x(drawing, script, 1.0);
    set_range(script, y);
    (void)fputs("set ylabel 'average accuracy, '.percent\n", script);
    put_forgettings(drawing, script);
    if (labels)
        put_labels(drawing, script, sheet, y, false, 0.065);
    put_plot(drawing, script, "average", true, !labels);
    put_tooltips(drawing, script, "average", sheet);
    (void)fputc('\n', script);
}

void apd_average_remark(const apd_drawing *drawing, FILE *page) {
    if (drawing->report->run_count == 1 && drawing->report->runs[0].events.forgotten_count > 0)
        (void)fputs(" Dotted: where tasks were forgotten, which are in no mean.", page);
    for (int l = 0; l < drawing->group->line_count; l++)
        if (drawing->group->lines[l].count > 1) {
            (void)fputs(" Bands: one deviation over the runs of a line.", page);
            return;
        }
}

/* --- capacity ------------------------------------------------------------------------------------------------------- */

static double capacity_at(const apd_report_run *run, int place) {
    double capacity = place < run->events.task_count ? run->events.tasks[place].capacity : (double)NAN;
    return capacity > 0.0 ? capacity : (double)NAN;
}

bool apd_capacity_numbers(apd_drawing *drawing) {
    return drawing->group->tasks > 1 && fill(drawing, "capacity", "%", 0, capacity_at);
}

/* The name of the dashed line of one network a task: where it leaves the plot, or in the corner that it leaves free. */
static void put_single(FILE *script, bool leaves, double high) {
    char at[40] = "graph 0";
    if (leaves)
        (void)snprintf(at, sizeof at, "first %g", high / 100.0);
    (void)fprintf(script,
                  "set label 99 'one network a task' at %s, graph 0.95 left offset character 0.8,0 textcolor "
                  "rgb '%s'\n",
                  at, apd_colour_of("axis"));
}

/* From 0 where all lines stay far below one network a task, which leaves the plot; else by logarithms, with all of it. */
void apd_capacity_draw(const apd_drawing *drawing, FILE *script) {
    const apd_sheet *sheet = &drawing->sheets[0];
    extent y = extent_of(sheet, true);
    const int tasks = drawing->group->tasks;
    const bool far_below = y.high * 1.5 < 50.0 * tasks;
    if (far_below) {
        double step = apd_round_step(y.high * 1.3, 5);
        y = (extent){0.0, step * ceil(y.high * 1.3 / step)};
    } else {
        y.low = fmin(y.low, 100.0) * 0.9;
        y.high = fmax(y.high, 100.0 * tasks) * 1.1;
    }
    bool labels = apd_drawing_begin(drawing, script);
    put_x(drawing, script, 1.0);
    if (far_below)
        set_range(script, y);
    else
        apd_script_log_axis(script, 'y', y.low, y.high);
    (void)fputs("set ylabel 'capacity, '.percent.' of one network'\n", script);
    if (labels)
        put_labels(drawing, script, sheet, y, !far_below, 0.065);
    put_single(script, far_below, y.high);
    put_plot(drawing, script, "capacity", true, !labels);
    (void)fprintf(script, ", \\\n     100*x with lines linecolor rgb '%s' linewidth 1 dashtype 2",
                  apd_colour_of("axis"));
    put_tooltips(drawing, script, "capacity", sheet);
    (void)fputc('\n', script);
}

/* --- chosen tasks --------------------------------------------------------------------------------------------------- */

enum { CURVES = 5 }; /* sheets of a drawing, less one */

/* R[t][place] of all t of a run, (done); NaN for t < place. Free it. */
static double *follow(const apd_result *result, int place) {
    double *curve = apd_allocate(result->done, sizeof *curve, "a task's accuracies");
    double *row = apd_allocate(result->done, sizeof *row, "accuracies");
    for (int t = 0; t < result->done; t++) {
        apd_accuracies_next_row(&result->accuracies, t, row);
        curve[t] = t >= place ? row[place] : (double)NAN;
    }
    free(row);
    return curve;
}

/* Mean and deviation over a line's runs, into its columns. */
static void fill_curve(const apd_drawing *drawing, apd_sheet *sheet, int l, int place, const int *places) {
    const apd_report_line *line = &drawing->group->lines[l];
    double **curves = apd_allocate(line->count, sizeof *curves, "curves");
    double *values = apd_allocate(line->count, sizeof *values, "values");
    for (int i = 0; i < line->count; i++)
        curves[i] = follow(drawing->report->runs[line->runs[i]].result, place);
    for (int64_t r = 0; r < sheet->rows; r++) {
        for (int i = 0; i < line->count; i++) {
            const apd_result *result = drawing->report->runs[line->runs[i]].result;
            values[i] = places[r] < result->done ? 100.0 * curves[i][places[r]] : (double)NAN;
        }
        apd_summary summary = apd_summarize(values, line->count);
        *apd_sheet_at(sheet, r, 1 + 2 * l) = summary.mean;
        *apd_sheet_at(sheet, r, 2 + 2 * l) = summary.deviation;
    }
    for (int i = 0; i < line->count; i++)
        free(curves[i]);
    free(curves);
    free(values);
}

bool apd_forgetting_numbers(apd_drawing *drawing) {
    const apd_report *report = drawing->report;
    const apd_report_group *group = drawing->group;
    int rows = 0, *places = apd_drawing_places(group->tasks, APD_CURVE_POINTS, &rows);
    for (int c = 0; c < report->curve_count && drawing->sheet_count < CURVES; c++) {
        char name[24];
        int place = report->curves[c], first = 0;
        if (place + 1 >= group->tasks)
            continue;
        while (places[first] < place)
            first++;
        (void)snprintf(name, sizeof name, "task%d", place + 1);
        apd_sheet *sheet = apd_drawing_sheet(drawing, name, 1 + 2 * group->line_count, rows - first);
        apd_sheet_head(sheet, 0, 0, "tasks learned");
        for (int r = 0; r < rows - first; r++)
            *apd_sheet_at(sheet, r, 0) = places[first + r] + 1;
        for (int l = 0; l < group->line_count; l++) {
            apd_sheet_head(sheet, 1 + 2 * l, 2, "task %d, %s, %%", place + 1, group->lines[l].name);
            apd_sheet_head(sheet, 2 + 2 * l, 2, "±");
            fill_curve(drawing, sheet, l, place, places + first);
        }
        if (!isfinite(extent_of(sheet, false).low)) /* forgotten in every run */
            apd_sheet_clear(&drawing->sheets[--drawing->sheet_count]);
    }
    free(places);
    drawing->height = group->line_count > 1 ? 40 + 170 * drawing->sheet_count : 300;
    return drawing->sheet_count > 0;
}

/* One line: its tasks together. */
static void draw_together(const apd_drawing *drawing, FILE *script) {
    extent y = {INFINITY, -INFINITY};
    double ends[APD_FIGURE_SHEETS];
    char names[APD_FIGURE_SHEETS][32];
    const char *texts[APD_FIGURE_SHEETS], *colours[APD_FIGURE_SHEETS];
    for (int s = 0; s < drawing->sheet_count; s++) {
        extent own = extent_of(&drawing->sheets[s], false);
        y.low = fmin(y.low, own.low);
        y.high = fmax(y.high, own.high);
        ends[s] = last_mean(&drawing->sheets[s], 0);
        (void)snprintf(names[s], sizeof names[s], "task %s", drawing->sheets[s].name + strlen("task"));
        texts[s] = names[s];
        colours[s] = apd_colour_of(drawing->group->lines[0].method);
    }
    y = rounded(y);
    y.high = fmin(y.high, 100.0);
    put_x(drawing, script, 1.0);
    set_range(script, y);
    apd_script_texts(script, texts, drawing->sheet_count);
    apd_script_ends(script, ends, colours, drawing->sheet_count, y.low, y.high, false, 0.065);
    (void)fputs("set ylabel 'accuracy, '.percent\nset rmargin 10\n", script);
    put_forgettings(drawing, script);
    for (int s = 0; s < drawing->sheet_count; s++)
        (void)fprintf(script,
                      "%s$%s using 1:2 with linespoints linecolor rgb '%s' linewidth 2 dashtype %d pointtype "
                      "7 pointsize 0.3",
                      s == 0 ? "plot " : ", \\\n     ", drawing->sheets[s].name, colours[s], s + 1);
    (void)fputc('\n', script);
}

void apd_forgetting_draw(const apd_drawing *drawing, FILE *script) {
    if (drawing->group->line_count == 1) {
        draw_together(drawing, script);
        return;
    }
    bool labels = apd_drawing_begin(drawing, script);
    (void)fprintf(script, "set multiplot layout %d,1\nset lmargin 8\nset bmargin 2\nset tmargin 1\n",
                  drawing->sheet_count);
    for (int s = 0; s < drawing->sheet_count; s++) {
        const apd_sheet *sheet = &drawing->sheets[s];
        extent y = rounded(extent_of(sheet, false));
        bool last = s + 1 == drawing->sheet_count;
        y.high = fmin(y.high, 100.0);
        put_x(drawing, script, 1.0);
        set_range(script, y);
        if (!last)
            (void)fputs("unset xlabel\n", script);
        if (!last || !labels)
            (void)fputs("unset key\n", script);
        (void)fprintf(script, "set ylabel 'task %s, '.percent\n", sheet->name + 4);
        if (last)
            (void)fputs("set bmargin 3.4\n", script);
        (void)fputs("unset label\n", script);
        if (labels)
            put_labels(drawing, script, sheet, y, false, 0.115);
        put_plot(drawing, script, sheet->name, false, false);
        (void)fputc('\n', script);
    }
    (void)fputs("unset multiplot\n", script);
}
