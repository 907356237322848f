/* Figures that hold the lines of a table against each other: accuracy and capacity, order dependence, time of a step. */
#include "report/figures.h"

#include "base/memory.h"
#include "report/script.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- accuracy against capacity --------------------------------------------------------------------------------------- */

/* Whether another line has no less accuracy at no more capacity, and more of one or less of the other. */
static bool is_beaten(const apd_sheet *sheet, int64_t row) {
    double capacity = *apd_sheet_at(sheet, row, 0), accuracy = *apd_sheet_at(sheet, row, 1);
    for (int64_t r = 0; r < sheet->rows; r++) {
        double c = *apd_sheet_at(sheet, r, 0), a = *apd_sheet_at(sheet, r, 1);
        if (c <= capacity && a >= accuracy && (c < capacity || a > accuracy))
            return true;
    }
    return false;
}

/* The corners of the steps, by rising capacity. */
static void fill_front(apd_drawing *drawing, const apd_sheet *points) {
    int64_t count = 0;
    for (int64_t r = 0; r < points->rows; r++)
        count += !is_beaten(points, r);
    apd_sheet *front = apd_drawing_sheet(drawing, "front", 2, count);
    apd_sheet_head(front, 0, 1, "capacity, %%");
    apd_sheet_head(front, 1, 2, "accuracy, %%");
    double last = -1.0;
    for (int64_t to = 0; to < count; to++) {
        int64_t next = -1;
        for (int64_t r = 0; r < points->rows; r++) {
            double c = *apd_sheet_at(points, r, 0);
            if (!is_beaten(points, r) && c > last && (next < 0 || c < *apd_sheet_at(points, next, 0)))
                next = r;
        }
        if (next < 0)
            break; /* two lines in one point */
        last = *apd_sheet_at(front, to, 0) = *apd_sheet_at(points, next, 0);
        *apd_sheet_at(front, to, 1) = *apd_sheet_at(points, next, 1);
    }
}

bool apd_pareto_numbers(apd_drawing *drawing) {
    const apd_report_group *group = drawing->group;
    if (group->table < 0 || group->line_count < 2)
        return false;
    apd_sheet *sheet = apd_drawing_sheet(drawing, "points", 4, group->line_count);
    apd_sheet_head(sheet, 0, 1, "capacity, %%");
    apd_sheet_head(sheet, 1, 2, "accuracy, %%");
    apd_sheet_head(sheet, 2, 1, "± capacity");
    apd_sheet_head(sheet, 3, 2, "± accuracy");
    for (int l = 0; l < group->line_count; l++) {
        const apd_line *line = group->lines[l].table;
        apd_sheet_label(sheet, l, group->lines[l].name);
        *apd_sheet_at(sheet, l, 0) = 100.0 * line->of[APD_CAPACITY].mean;
        *apd_sheet_at(sheet, l, 1) = 100.0 * line->of[APD_ACC].mean;
        *apd_sheet_at(sheet, l, 2) = 100.0 * line->of[APD_CAPACITY].deviation;
        *apd_sheet_at(sheet, l, 3) = 100.0 * line->of[APD_ACC].deviation;
        if (!(line->of[APD_CAPACITY].mean > 0.0))
            return false;
    }
    fill_front(drawing, sheet);
    return true;
}

static void put_capacity_axis(FILE *script, double low, double high) {
    static const double steps[] = {1.0, 2.0, 5.0};
    const char *separator = "";
    (void)fprintf(script, "set logscale x\nset xrange [%g:%g]\nset xtics (", low, high);
    for (double power = pow(10.0, floor(log10(low))); power <= high; power *= 10.0)
        for (int s = 0; s < 3; s++)
            if (steps[s] * power >= low && steps[s] * power <= high && (s == 0 || high / low < 300.0)) {
                (void)fprintf(script, "%s%g", separator, steps[s] * power);
                separator = ", ";
            }
    (void)fputs(")\nset xlabel 'capacity, '.percent.' of one network'\n", script);
}

/* One network a task: a dashed line at 100 T %, and another at the accuracy of the line that is that. */
static void put_single(const apd_drawing *drawing, FILE *script, double high) {
    const apd_report_group *group = drawing->group;
    const apd_sheet *points = &drawing->sheets[0];
    if (100.0 * group->tasks < high)
        (void)fprintf(script,
                      "set arrow 1 from %g, graph 0 to %g, graph 1 nohead back linecolor rgb '%s' linewidth "
                      "1 dashtype 2\n"
                      "set label 99 'one network a task' at %g, graph 0.02 left rotate by 90 "
                      "offset character -0.8,0 textcolor rgb '%s'\n",
                      100.0 * group->tasks, 100.0 * group->tasks, apd_colour_of("axis"), 100.0 * group->tasks,
                      apd_colour_of("axis"));
    for (int l = 0; l < group->line_count; l++)
        if (strcmp(group->lines[l].method, "stl") == 0)
            (void)fprintf(
                script,
                "set arrow %d from graph 0, first %g to graph 1, first %g nohead back linecolor rgb '%s' "
                "linewidth 1 dashtype 2\n",
                2 + l, *apd_sheet_at(points, l, 1), *apd_sheet_at(points, l, 1), apd_colour_of("stl"));
}

void apd_pareto_draw(const apd_drawing *drawing, FILE *script) {
    const apd_report_group *group = drawing->group;
    const apd_sheet *points = &drawing->sheets[0];
    double low = INFINITY, high = 100.0 * group->tasks, bottom = INFINITY, top = -INFINITY;
    for (int l = 0; l < group->line_count; l++) {
        double off = *apd_sheet_at(points, l, 3);
        low = fmin(low, *apd_sheet_at(points, l, 0));
        high = fmax(high, *apd_sheet_at(points, l, 0));
        bottom = fmin(bottom, *apd_sheet_at(points, l, 1) - (isnan(off) ? 0.0 : off));
        top = fmax(top, *apd_sheet_at(points, l, 1) + (isnan(off) ? 0.0 : off));
    }
    low /= 1.25;
    high *= 1.25;
    double step = apd_round_step(fmax(top - bottom, 1e-3), 5);
    bottom = fmax(0.0, step * floor(bottom / step - 0.3));
    top = fmin(100.0, step * ceil(top / step + 0.3));
    apd_drawing_texts(drawing, script);
    put_capacity_axis(script, low, high);
    (void)fprintf(script, "set yrange [%g:%g]\nset ylabel 'average accuracy, '.percent\n", bottom, top);
    put_single(drawing, script, high);
    (void)fprintf(script, "plot $front using 1:2 with steps linecolor rgb '%s' linewidth 1",
                  apd_colour_of("axis"));
    for (int l = 0; l < group->line_count; l++) {
        const char *colour = apd_colour_of(group->lines[l].method);
        bool right = log(*apd_sheet_at(points, l, 0) / low) > 0.65 * log(high / low);
        (void)fprintf(
            script,
            ", \\\n     $points every ::%d::%d using 1:2:3:4 with xyerrorbars pointtype 7 pointsize 0.7 "
            "linecolor rgb '%s' linewidth 1.5, \\\n     $points every ::%d::%d using 1:2:(name[%d]) with "
            "labels %s offset character %s,0.6 textcolor rgb '%s'",
            l, l, colour, l, l, l + 1, right ? "right" : "left", right ? "-0.8" : "0.8", colour);
    }
    for (int l = 0; l < group->line_count; l++)
        (void)fprintf(
            script,
            ", \\\n     $points every ::%d::%d using 1:2:(sprintf('%%s: %%.2f%%s at %%.1f%%s', name[%d], $2, "
            "percent, $1, percent)) with labels hypertext point pointtype 7 pointsize 1.2 linecolor rgb "
            "'#ff000000'",
            l, l, l + 1);
    (void)fputc('\n', script);
}

/* --- order dependence --------------------------------------------------------------------------------------------------- */

static int rising(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bool apd_opd_numbers(apd_drawing *drawing) {
    const apd_report_group *group = drawing->group;
    int lines = 0, tasks = 0;
    for (int l = 0; l < group->line_count; l++)
        if (group->lines[l].table != NULL && group->lines[l].table->missing == NULL) {
            lines++;
            tasks = group->lines[l].table->spread.tasks;
        }
    if (lines == 0 || tasks < 2)
        return false;
    const int all = drawing->report->set.tables[group->table].side.task_count;
    apd_sheet *sheet = apd_drawing_sheet(drawing, "opd", 1 + group->line_count, tasks);
    apd_sheet_head(sheet, 0, 0, "tasks, by rising OPD");
    for (int t = 0; t < tasks; t++)
        *apd_sheet_at(sheet, t, 0) = t + 1;
    double *values = apd_allocate(all, sizeof *values, "OPD");
    for (int l = 0; l < group->line_count; l++) {
        const apd_line *line = group->lines[l].table;
        int count = 0;
        apd_sheet_head(sheet, l + 1, 2, "%s, %%", group->lines[l].name);
        for (int t = 0; t < all && line != NULL && line->missing == NULL; t++)
            if (!isnan(line->opd[t]))
                values[count++] = 100.0 * line->opd[t];
        qsort(values, (size_t)count, sizeof *values, rising);
        for (int t = 0; t < count && t < tasks; t++)
            *apd_sheet_at(sheet, t, l + 1) = values[t];
    }
    free(values);
    return true;
}

void apd_opd_draw(const apd_drawing *drawing, FILE *script) {
    const apd_report_group *group = drawing->group;
    const apd_sheet *sheet = &drawing->sheets[0];
    double top = 1.0, *ends = apd_allocate(group->line_count, sizeof *ends, "labels");
    size_t longest = 0;
    for (int64_t i = 0; i < sheet->rows; i++)
        for (int l = 0; l < group->line_count; l++)
            top = fmax(top, *apd_sheet_at(sheet, i, l + 1));
    double step = apd_round_step(top, 5);
    top = step * ceil(top / step);
    for (int l = 0; l < group->line_count; l++) {
        ends[l] = *apd_sheet_at(sheet, sheet->rows - 1, l + 1);
        ends[l] = isnan(ends[l]) ? 0.0 : ends[l];
        longest = strlen(group->lines[l].name) > longest ? strlen(group->lines[l].name) : longest;
    }
    apd_spread(ends, group->line_count, 0.065 * top, 0.0, top);
    apd_drawing_texts(drawing, script);
    (void)fprintf(script,
                  "set xrange [1:%lld]\nset yrange [0:%g]\nset rmargin %zu\n"
                  "set xlabel 'tasks, by rising OPD'\nset ylabel 'OPD, '.percent\n",
                  (long long)sheet->rows, top, longest + 2);
    for (int l = 0; l < group->line_count; l++)
        if (!isnan(*apd_sheet_at(sheet, sheet->rows - 1, l + 1)))
            (void)fprintf(
                script,
                "set label %d name[%d] at graph 1, first %g left offset character 0.8,0 textcolor rgb '%s'\n",
                l + 1, l + 1, ends[l], apd_colour_of(group->lines[l].method));
    for (int l = 0; l < group->line_count; l++) {
        (void)fprintf(script, "%s$opd using 1:%d with linespoints pointtype 7 pointsize 0.35 ",
                      l == 0 ? "plot " : ", \\\n     ", l + 2);
        apd_drawing_style(&group->lines[l], script);
    }
    (void)fputc('\n', script);
    free(ends);
}

/* --- time of a step ------------------------------------------------------------------------------------------------------- */

/* Fills of the phases, apart from methods' colours in meaning and in hue. */
static const char *const fills[APD_PHASES] = {"#b8b8b8", "#7a9cc6", "#3f5f8f",
                                              "#e0b95a", "#9a6fb0", "#6f6f6f"};

/* The mean of a phase over tasks and runs. */
static double mean_phase(const apd_drawing *drawing, const apd_report_line *line, int phase) {
    double sum = 0.0;
    int count = 0;
    for (int i = 0; i < line->count; i++) {
        const apd_events *events = &drawing->report->runs[line->runs[i]].events;
        for (int t = 0; t < events->task_count; t++)
            if (!isnan(events->tasks[t].phases[phase])) {
                sum += events->tasks[t].phases[phase];
                count++;
            }
    }
    return count > 0 ? sum / count : (double)NAN;
}

bool apd_times_numbers(apd_drawing *drawing) {
    const apd_report_group *group = drawing->group;
    apd_sheet *sheet = apd_drawing_sheet(drawing, "times", 1 + APD_PHASES, group->line_count);
    bool any = false;
    apd_sheet_head(sheet, 0, 3, "all, ms");
    for (int p = 0; p < APD_PHASES; p++)
        apd_sheet_head(sheet, p + 1, 3, "%s, ms", apd_phases[p].name);
    for (int l = 0; l < group->line_count; l++) {
        double sum = 0.0;
        apd_sheet_label(sheet, l, group->lines[l].name);
        for (int p = 0; p < APD_PHASES; p++) {
            double mean = *apd_sheet_at(sheet, l, p + 1) = mean_phase(drawing, &group->lines[l], p);
            sum += isnan(mean) ? 0.0 : mean;
        }
        *apd_sheet_at(sheet, l, 0) = sum;
        any = any || sum > 0.0;
    }
    drawing->height = 100 + 26 * group->line_count;
    return any;
}

/* A bar a line, from the top; phases side by side. */
void apd_times_draw(const apd_drawing *drawing, FILE *script) {
    const apd_report_group *group = drawing->group;
    size_t longest = 0;
    apd_drawing_texts(drawing, script);
    for (int l = 0; l < group->line_count; l++)
        longest = strlen(group->lines[l].name) > longest ? strlen(group->lines[l].name) : longest;
    (void)fprintf(script,
                  "set yrange [%g:-0.5]\nset xrange [0:*]\nset lmargin %zu\nset tmargin 3.5\n"
                  "set border 1\nset xlabel 'milliseconds a step'\nset ytics scale 0\n"
                  "unset grid\nset grid xtics linecolor rgb '%s' linetype 1 linewidth 1\n"
                  "set key outside top left horizontal Left reverse samplen 1 width 0 maxrows 2\nset ytics (",
                  group->line_count - 0.5, (longest < 24 ? longest : 24) + 2, apd_colour_of("grid"));
    for (int l = 0; l < group->line_count; l++)
        (void)fprintf(script, "%sname[%d] %d", l > 0 ? ", " : "", l + 1, l);
    (void)fputs(")\nplot ", script);
    for (int p = 0; p < APD_PHASES; p++) {
        char before[200] = "0", column[16];
        for (int q = 0; q < p; q++) {
            (void)snprintf(column, sizeof column, "+column(%d)", q + 2);
            (void)strncat(before, column, sizeof before - strlen(before) - 1);
        }
        (void)fprintf(
            script,
            "%s$times using (%s):0:(%s):(%s+column(%d)):($0-0.34):($0+0.34) with boxxyerror fillstyle "
            "solid noborder linecolor rgb '%s' title '%s'",
            p > 0 ? ", \\\n     " : "", before, before, before, p + 2, fills[p], apd_phases[p].name);
    }
    (void)fputc('\n', script);
}
