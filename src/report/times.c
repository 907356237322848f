/* Figures of time: what a training step consists of, by line and as tasks come. */
#include "report/figures.h"

#include "base/memory.h"
#include "report/script.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- a bar a line ------------------------------------------------------------------------------------------------------- */

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
    if (drawing->report->run_count == 1)
        return false; /* apd_phases_draw */
    apd_sheet *sheet = apd_drawing_sheet(drawing, "times", 1 + APD_PHASES, group->line_count);
    bool any = false;
    apd_sheet_head(sheet, 0, 3, "all, ms");
    for (int p = 0; p < APD_PHASES; p++)
        apd_sheet_head(sheet, p + 1, 3, "%s, ms", apd_phase_names[p]);
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
    drawing->height = 110 + 24 * group->line_count;
    return any;
}

/* "0+column(2)+column(3)": where phase p begins. */
static void sum_before(int p, char *text, size_t room) {
    size_t used = (size_t)snprintf(text, room, "0");
    for (int q = 0; q < p; q++)
        used += (size_t)snprintf(text + used, room - used, "+column(%d)", q + 2);
}

/* A bar a line, from the top; phases side by side. */
void apd_times_draw(const apd_drawing *drawing, FILE *script) {
    const apd_report_group *group = drawing->group;
    const char **names = apd_drawing_names(drawing);
    size_t longest = apd_longest(names, group->line_count);
    apd_script_texts(script, names, group->line_count);
    free(names);
    (void)fprintf(script,
                  "set yrange [%g:-0.5]\nset xrange [0:*]\nset lmargin %zu\nset tmargin 3.6\n"
                  "set border 1\nset xlabel 'milliseconds a step'\nunset ytics\n"
                  "unset grid\nset grid xtics linecolor rgb '%s' linetype 1 linewidth 1\n"
                  "set key outside top left horizontal Left reverse samplen 1 width 0 maxcols 3\n",
                  group->line_count - 0.5, (longest < 24 ? longest : 24) + 2, apd_colour_of("grid"));
    for (int l = 0; l < group->line_count; l++)
        apd_script_row_name(script, l + 1, l);
    (void)fputs("plot ", script);
    for (int p = 0; p < APD_PHASES; p++) {
        char before[200];
        sum_before(p, before, sizeof before);
        (void)fprintf(
            script,
            "%s$times using (%s):0:(%s):(%s+column(%d)):($0-0.34):($0+0.34) with boxxyerror fillstyle "
            "solid noborder linecolor rgb '%s' title '%s'",
            p > 0 ? ", \\\n     " : "", before, before, before, p + 2, fills[p], apd_phase_names[p]);
    }
    (void)fputc('\n', script);
}

/* --- as tasks come ------------------------------------------------------------------------------------------------------ */

/* The mean of a phase over the places from..to-1; NaN: not said of any. */
static double mean_between(const apd_events *events, int phase, int from, int to) {
    double sum = 0.0;
    int count = 0;
    for (int t = from; t < to && t < events->task_count; t++)
        if (!isnan(events->tasks[t].phases[phase])) {
            sum += events->tasks[t].phases[phase];
            count++;
        }
    return count > 0 ? sum / count : (double)NAN;
}

enum { BLOCKS = 150 }; /* of more tasks, means over a block of them */

bool apd_phases_numbers(apd_drawing *drawing) {
    const apd_events *events = &drawing->run->events;
    int rows = 0, *places;
    bool any = false;
    if (drawing->report->run_count > 1 || events->task_count < 2)
        return false;
    places = apd_drawing_places(events->task_count, BLOCKS, &rows);
    apd_sheet *sheet = apd_drawing_sheet(drawing, "phases", 1 + APD_PHASES, rows);
    apd_sheet_head(sheet, 0, 0, "task");
    for (int p = 0; p < APD_PHASES; p++)
        apd_sheet_head(sheet, p + 1, 3, "%s, ms", apd_phase_names[p]);
    for (int r = 0; r < rows; r++) {
        int next = r + 1 < rows ? places[r + 1] : events->task_count;
        *apd_sheet_at(sheet, r, 0) = places[r] + 1;
        for (int p = 0; p < APD_PHASES; p++) {
            *apd_sheet_at(sheet, r, p + 1) = mean_between(events, p, places[r], next);
            any = any || *apd_sheet_at(sheet, r, p + 1) > 0.0;
        }
    }
    free(places);
    return any;
}

/* Areas, one on the other. */
void apd_phases_draw(const apd_drawing *drawing, FILE *script) {
    const apd_sheet *sheet = &drawing->sheets[0];
    (void)fprintf(
        script,
        "set xrange [1:%g]\nset yrange [0:*]\nset xlabel 'task'\nset ylabel 'milliseconds a step'\n"
        "set tmargin 3.6\nset key outside top left horizontal Left reverse samplen 1 width 0 maxcols 3\n",
        *apd_sheet_at(sheet, sheet->rows - 1, 0));
    for (int p = 0; p < APD_PHASES; p++) {
        char before[200];
        sum_before(p, before, sizeof before);
        (void)fprintf(
            script,
            "%s$phases using 1:(%s):(%s+column(%d)) with filledcurves fillstyle solid noborder fillcolor "
            "rgb '%s' title '%s'",
            p > 0 ? ", \\\n     " : "plot ", before, before, p + 2, fills[p], apd_phase_names[p]);
    }
    (void)fputc('\n', script);
}
