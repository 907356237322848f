/* Figures of how time, memory and bytes grow with ranks and tasks, from scaling.csv (tables/scaling_files.h), and the roofline of
 * `apd bench`, from roofline.csv. */
#include "report/figures.h"

#include "base/memory.h"
#include "report/script.h"
#include "tables/cells.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEGMENTS = 12 }; /* of a figure; more would not be told apart */

/* Rows of a sheet that are one line of the figure. */
typedef struct segment {
    int64_t first, last;
    char name[160];
    int colour;     /* the how many-th name it is, from 0 */
    bool predicted; /* not measured */
} segment;

/* Colours of series, in turn. */
static const char *colour_of(int number) {
    static const char *const names[] = {"apd", "ewc", "wsn", "apd-retro", "packnet", "finetune"};
    return apd_colour_of(names[number % (int)(sizeof names / sizeof names[0])]);
}

static const char *text_of(const apd_csv *csv, int64_t row, const char *column) {
    int at = apd_csv_column(csv, column);
    return at >= 0 ? apd_csv_cell(csv, row, at) : "";
}

/* NaN: an empty cell, or no such column. */
static double number_of(const apd_csv *csv, int64_t row, const char *column) {
    double number = NAN;
    int at = apd_csv_column(csv, column);
    return at >= 0 && apd_csv_number(csv, row, at, &number, NULL) == APD_OK ? number : (double)NAN;
}

/* A column of a sheet: of scaling.csv, times a factor. */
typedef struct source {
    const char *column, *heading;
    double factor;
    int digits;
} source;

/* The sheet of all rows of a kind, labelled with what they belong to. False: there are none. */
static bool take_rows(apd_drawing *drawing, const char *kind, const source *sources, int count) {
    const apd_csv *csv = &drawing->report->scaling;
    int64_t rows = 0;
    for (int64_t r = 0; r < csv->rows; r++)
        rows += strcmp(text_of(csv, r, "kind"), kind) == 0;
    if (rows == 0)
        return false;
    apd_sheet *sheet = apd_drawing_sheet(drawing, kind, count, rows);
    for (int c = 0; c < count; c++)
        apd_sheet_head(sheet, c, sources[c].digits, "%s", sources[c].heading);
    for (int64_t r = 0, to = 0; r < csv->rows; r++) {
        char label[200];
        if (strcmp(text_of(csv, r, "kind"), kind) != 0)
            continue;
        bool predicted = strcmp(text_of(csv, r, "source"), "predicted") == 0;
        (void)snprintf(label, sizeof label, "%.180s%s", text_of(csv, r, "series"),
                       predicted ? " (predicted)" : "");
        apd_sheet_label(sheet, to, label);
        for (int c = 0; c < count; c++)
            *apd_sheet_at(sheet, to, c) = sources[c].factor * number_of(csv, r, sources[c].column);
        to++;
    }
    return true;
}

/* The lines of the drawing's first sheet: rows of one label. */
static int find_segments(const apd_drawing *drawing, segment *segments) {
    const apd_sheet *sheet = &drawing->sheets[0];
    int count = 0, colours = 0;
    for (int64_t r = 0; r < sheet->rows && count < SEGMENTS; r++) {
        segment *last = count > 0 ? &segments[count - 1] : NULL;
        bool continues = last != NULL && strcmp(sheet->labels[r], sheet->labels[last->first]) == 0 &&
                         *apd_sheet_at(sheet, r, 0) > *apd_sheet_at(sheet, r - 1, 0);
        if (continues) {
            last->last = r;
            continue;
        }
        segment *next = &segments[count];
        *next = (segment){.first = r, .last = r, .colour = -1};
        (void)snprintf(next->name, sizeof next->name, "%s", sheet->labels[r]);
        char *mark = strstr(next->name, " (predicted)");
        next->predicted = mark != NULL;
        if (mark != NULL)
            *mark = '\0';
        for (int s = 0; s < count; s++)
            if (strcmp(segments[s].name, next->name) == 0)
                next->colour = segments[s].colour;
        if (next->colour < 0)
            next->colour = colours++;
        count++;
    }
    return count;
}

/* The segments' names as name[1 ..]. */
static void put_names(const segment *segments, int count, FILE *script) {
    const char *names[SEGMENTS];
    for (int s = 0; s < count; s++)
        names[s] = segments[s].name;
    apd_script_texts(script, names, count);
}

/* Two entries a row above the figure. */
static void put_key(FILE *script, int entries) {
    (void)fprintf(
        script,
        "set tmargin %g\nset key outside top left horizontal Left reverse samplen 1.6 width 1 maxcols 2\n",
        1.0 + 1.3 * ((entries + 1) / 2));
}

/* A logarithmic x axis over the numbers of a column. */
static void put_axis(FILE *script, const apd_sheet *sheet, int column, double margin) {
    double least = INFINITY, most = 0.0;
    for (int64_t r = 0; r < sheet->rows; r++) {
        least = fmin(least, *apd_sheet_at(sheet, r, column));
        most = fmax(most, *apd_sheet_at(sheet, r, column));
    }
    apd_script_log_axis(script, 'x', least / margin, most * margin);
}

/* --- ranks --------------------------------------------------------------------------------------------------------------- */

enum { RANKS, STEP, LEAST, MOST, IDEAL, OF_RANKS };
static const source of_ranks[] = {
    {"ranks", "ranks", 1.0, 0},
    {"step_s", "step, ms", 1e3, -1},
    {"step_min_s", "least", 1e3, -1},
    {"step_max_s", "most", 1e3, -1},
    {"", "ideal", 1.0, -1},
    {"nodes", "nodes", 1.0, 0},
    {"batch", "batch", 1.0, 0},
    {"speed_up", "speed-up", 1.0, 2},
    {"efficiency", "efficiency, %", 1e2, 1},
    {"doubling", "for doubling", 1.0, 2},
    {"load_balance", "load balance, %", 1e2, 1},
    {"communication", "communication, %", 1e2, 1},
    {"computation", "computation, %", 1e2, 1},
    {"memory_bytes", "MB a rank", 1e-6, 0},
    {"repeats", "repeats", 1.0, 0},
};

static bool ranks_numbers(apd_drawing *drawing, const char *kind, bool shrinks) {
    segment segments[SEGMENTS];
    if (!take_rows(drawing, kind, of_ranks, sizeof of_ranks / sizeof *of_ranks))
        return false;
    const apd_sheet *sheet = &drawing->sheets[0];
    int count = find_segments(drawing, segments);
    for (int s = 0; s < count; s++)
        for (int64_t r = segments[s].first; r <= segments[s].last; r++) {
            double more = *apd_sheet_at(sheet, r, RANKS) / *apd_sheet_at(sheet, segments[s].first, RANKS);
            *apd_sheet_at(sheet, r, IDEAL) =
                *apd_sheet_at(sheet, segments[s].first, STEP) / (shrinks ? more : 1.0);
            if (segments[s].predicted)
                *apd_sheet_at(sheet, r, LEAST) = *apd_sheet_at(sheet, r, MOST) = NAN;
        }
    return sheet->rows > 1;
}

/* Tics at powers of two, or of four, eight, ... where there are many. */
static void put_rank_axis(const apd_sheet *sheet, FILE *script) {
    double least = INFINITY, most = 1.0;
    for (int64_t r = 0; r < sheet->rows; r++) {
        least = fmin(least, *apd_sheet_at(sheet, r, RANKS));
        most = fmax(most, *apd_sheet_at(sheet, r, RANKS));
    }
    double step = exp2(ceil(fmax(log2(most / least), 1.0) / 9.0));
    const char *separator = "";
    (void)fprintf(
        script,
        "set logscale xy\nset xrange [%g:%g]\nset xlabel 'ranks'\nset ylabel 'milliseconds a step'\n"
        "set xtics (",
        least / 1.15, most * 1.15);
    for (double at = least; at <= most * 1.001; at *= step) {
        (void)fprintf(script, "%s%g", separator, at);
        separator = ", ";
    }
    (void)fputs(")\n", script);
}

/* Lines in sheet columns `x` and `y` with a tooltip at each point. */
static void put_hover(const char *block, const segment *s, int number, int x, int y, const char *what,
                      FILE *script) {
    (void)fprintf(script,
                  ", \\\n     $%s every ::%lld::%lld using %d:%d:(sprintf('%%s: %s', name[%d], $%d, $%d)) "
                  "with labels hypertext "
                  "point pointtype 7 pointsize 1.2 linecolor rgb '#ff000000'",
                  block, (long long)s->first, (long long)s->last, x, y, what, number + 1, y, x);
}

/* How many names the segments have. */
static int colour_count(const segment *segments, int count) {
    int most = -1;
    for (int s = 0; s < count; s++)
        most = segments[s].colour > most ? segments[s].colour : most;
    return most + 1;
}

static void ranks_draw(const apd_drawing *drawing, FILE *script) {
    const apd_sheet *sheet = &drawing->sheets[0];
    segment segments[SEGMENTS];
    int count = find_segments(drawing, segments);
    bool predicted = false, measured = false;
    put_names(segments, count, script);
    put_rank_axis(sheet, script);
    put_key(script, colour_count(segments, count) + 2);
    (void)fputs("plot ", script);
    for (int s = 0; s < count; s++) {
        const segment *at = &segments[s];
        const char *colour = colour_of(at->colour);
        const long long first = at->first, last = at->last;
        if (s > 0)
            (void)fputs(", \\\n     ", script);
        if (at->predicted) {
            (void)fprintf(script,
                          "$%s every ::%lld::%lld using 1:2 with linespoints dashtype 3 linewidth 1 "
                          "pointtype 6 pointsize "
                          "0.6 linecolor rgb '%s'",
                          sheet->name, first, last, colour);
            predicted = true;
            continue;
        }
        measured = true;
        (void)fprintf(script,
                      "$%s every ::%lld::%lld using 1:5 with lines linecolor rgb '%s' linewidth 1, \\\n"
                      "     $%s every ::%lld::%lld using 1:3:(0):($4-$3) with vectors heads size graph "
                      "0.012,90 linewidth 1.5 "
                      "linecolor rgb '%s', \\\n"
                      "     $%s every ::%lld::%lld using 1:2 with linespoints pointtype 7 pointsize 0.6 "
                      "linewidth 1.5 linecolor rgb '%s' title name[%d]",
                      sheet->name, first, last, apd_colour_of("axis"), sheet->name, first, last, colour,
                      sheet->name, first, last, colour, s + 1);
    }
    if (measured)
        (void)fprintf(script, ", \\\n     NaN with lines linecolor rgb '%s' linewidth 1 title 'ideal'",
                      apd_colour_of("axis"));
    if (predicted)
        (void)fprintf(
            script,
            ", \\\n     NaN with linespoints dashtype 3 pointtype 6 pointsize 0.8 linecolor rgb '%s' title "
            "'predicted'",
            apd_colour_of("ink"));
    for (int s = 0; s < count; s++)
        put_hover(sheet->name, &segments[s], s, 1, 2,
                  segments[s].predicted ? "%g ms predicted on %g ranks" : "%g ms on %g ranks", script);
    (void)fputc('\n', script);
}

bool apd_strong_numbers(apd_drawing *drawing) {
    return ranks_numbers(drawing, "strong", true);
}

bool apd_weak_numbers(apd_drawing *drawing) {
    return ranks_numbers(drawing, "weak", false);
}

void apd_ranks_draw(const apd_drawing *drawing, FILE *script) {
    ranks_draw(drawing, script);
}

/* The model's assumptions, said once. */
void apd_ranks_remark(const apd_drawing *drawing, FILE *page) {
    const apd_csv *csv = &drawing->report->scaling;
    for (int64_t r = 0; r < csv->rows; r++)
        if (text_of(csv, r, "assumptions")[0] != '\0' &&
            strcmp(text_of(csv, r, "kind"), drawing->sheets[0].name) == 0) {
            (void)fputs(" Dashed: predicted for ", page);
            apd_html_text(page, text_of(csv, r, "assumptions"));
            (void)fputc('.', page);
            return;
        }
}

/* --- tasks --------------------------------------------------------------------------------------------------------------- */

/* A quantity that grows with the tasks: a curve. */
typedef struct quantity {
    source from;
    const char *name, *colour; /* in the key */
} quantity;

static const quantity times[] = {
    {{"step_s", "step, s", 1.0, -1}, "step", "apd"},
    {{"task_s", "task, s", 1.0, -1}, "task", "finetune"},
    {{"evaluation_s", "evaluation, s", 1.0, -1}, "evaluation", "wsn"},
    {{"consolidation_s", "consolidation, s", 1.0, -1}, "consolidation", "apd-joint"},
    {{"commit_s", "commit, s", 1.0, -1}, "commit", "ewc"},
};
static const quantity sizes[] = {
    {{"memory_bytes", "MB a rank", 1e-6, 1}, "memory a rank", "apd"},
    {{"checkpoint_bytes", "MB on disk", 1e-6, 1}, "checkpoint", "ewc"},
};
static const source results[] = {{"capacity", "capacity, %", 1e2, 1}, {"accuracy", "accuracy, %", 1e2, 2}};
enum {
    TIMES = sizeof times / sizeof *times,
    SIZES = sizeof sizes / sizeof *sizes,
    MOST_COLUMNS = 1 + TIMES + SIZES + 2
};

static bool tasks_numbers(apd_drawing *drawing, const quantity *quantities, int count, const source *more,
                          int more_count) {
    source sources[MOST_COLUMNS] = {{"tasks", "tasks", 1.0, 0}};
    bool any = false;
    for (int q = 0; q < count; q++)
        sources[1 + q] = quantities[q].from;
    for (int m = 0; m < more_count; m++)
        sources[1 + count + m] = more[m];
    if (!take_rows(drawing, "tasks", sources, 1 + count + more_count))
        return false;
    const apd_sheet *sheet = &drawing->sheets[0];
    for (int64_t r = 0; r < sheet->rows; r++)
        for (int q = 0; q < count; q++)
            any = any || !isnan(*apd_sheet_at(sheet, r, 1 + q));
    return any;
}

/* Whether a column has a number in the segment. */
static bool has_numbers(const apd_sheet *sheet, const segment *s, int column) {
    for (int64_t r = s->first; r <= s->last; r++)
        if (!isnan(*apd_sheet_at(sheet, r, column)))
            return true;
    return false;
}

/* The range of the columns 1 .. count of a sheet. */
static void find_range(const apd_sheet *sheet, int count, double *low, double *high) {
    *low = INFINITY;
    *high = 0.0;
    for (int64_t r = 0; r < sheet->rows; r++)
        for (int c = 1; c <= count; c++) {
            *low = fmin(*low, *apd_sheet_at(sheet, r, c));
            *high = fmax(*high, *apd_sheet_at(sheet, r, c));
        }
    *low /= 1.6;
    *high *= 1.6;
}

/* The quantities' names at the right ends of their highest curves, as name[1 ..], then the series' for the key. */
static void put_quantities(const apd_drawing *drawing, const quantity *quantities, int count,
                           const segment *segments, int found, double low, double high, FILE *script) {
    const apd_sheet *sheet = &drawing->sheets[0];
    const char *names[TIMES + SEGMENTS], *colours[TIMES];
    double ends[TIMES];
    size_t longest = 0;
    for (int q = 0; q < count; q++) {
        names[q] = quantities[q].name;
        colours[q] = apd_colour_of(quantities[q].colour);
        ends[q] = NAN;
        for (int s = 0; s < found; s++)
            ends[q] = fmax(ends[q], *apd_sheet_at(sheet, segments[s].last, 1 + q));
        if (!isnan(ends[q]) && strlen(names[q]) > longest)
            longest = strlen(names[q]);
    }
    for (int s = 0; s < found; s++)
        names[count + s] = segments[s].name;
    apd_script_texts(script, names, count + found);
    (void)fprintf(script, "set rmargin %zu\n", longest + 2);
    apd_script_ends(script, ends, colours, count, low, high, true, 0.07);
}

/* A curve a quantity and series, series told apart by dashes. */
static void tasks_draw(const apd_drawing *drawing, const quantity *quantities, int count, const char *unit,
                       FILE *script) {
    const apd_sheet *sheet = &drawing->sheets[0];
    segment segments[SEGMENTS];
    const char *separator = "plot ";
    double low, high;
    int found = find_segments(drawing, segments);
    find_range(sheet, count, &low, &high);
    put_quantities(drawing, quantities, count, segments, found, low, high, script);
    put_axis(script, sheet, 0, 1.1);
    apd_script_log_axis(script, 'y', low, high);
    (void)fprintf(script, "set xlabel 'tasks'\nset ylabel '%s'\n", unit);
    if (found > 1)
        put_key(script, found);
    for (int q = 0; q < count; q++)
        for (int s = 0; s < found; s++) {
            if (!has_numbers(sheet, &segments[s], 1 + q))
                continue;
            (void)fprintf(script,
                          "%s$tasks every ::%lld::%lld using 1:%d with linespoints pointtype 7 pointsize 0.5 "
                          "linewidth 1.5 dashtype %d linecolor rgb '%s'",
                          separator, (long long)segments[s].first, (long long)segments[s].last, q + 2,
                          1 + s % 5, apd_colour_of(quantities[q].colour));
            separator = ", \\\n     ";
        }
    for (int s = 0; s < found && found > 1; s++)
        (void)fprintf(script, ", \\\n     NaN with lines dashtype %d linecolor rgb '%s' title name[%d]",
                      1 + s % 5, apd_colour_of("ink"), count + s + 1);
    for (int q = 0; q < count; q++)
        for (int s = 0; s < found; s++)
            if (has_numbers(sheet, &segments[s], 1 + q))
                put_hover("tasks", &segments[s], count + s, 1, q + 2, "%g after %g tasks", script);
    (void)fputc('\n', script);
}

bool apd_task_times_numbers(apd_drawing *drawing) {
    return tasks_numbers(drawing, times, TIMES, NULL, 0);
}

void apd_task_times_draw(const apd_drawing *drawing, FILE *script) {
    tasks_draw(drawing, times, TIMES, "seconds", script);
}

bool apd_task_sizes_numbers(apd_drawing *drawing) {
    return tasks_numbers(drawing, sizes, SIZES, results, 2);
}

void apd_task_sizes_draw(const apd_drawing *drawing, FILE *script) {
    tasks_draw(drawing, sizes, SIZES, "MB", script);
}

/* --- the roofline ---------------------------------------------------------------------------------------------------------- */

enum { INTENSITY, RATE, DIRECT, BACKWARD };

/* The points of each preset follow one another, as in the file. */
bool apd_roofline_numbers(apd_drawing *drawing) {
    const apd_csv *csv = &drawing->report->roofline;
    if (csv->rows == 0)
        return false;
    apd_sheet *sheet = apd_drawing_sheet(drawing, "kernels", 4, csv->rows);
    apd_sheet_head(sheet, INTENSITY, -1, "flop/byte");
    apd_sheet_head(sheet, RATE, -1, "GFLOP/s");
    apd_sheet_head(sheet, DIRECT, -1, "GFLOP/s if counted as direct sums");
    apd_sheet_head(sheet, BACKWARD, 0, "backward");
    for (int64_t r = 0; r < csv->rows; r++) {
        char label[160];
        double seconds = number_of(csv, r, "seconds");
        (void)snprintf(label, sizeof label, "%.60s %.60s", text_of(csv, r, "preset"),
                       text_of(csv, r, "kernel"));
        apd_sheet_label(sheet, r, label);
        *apd_sheet_at(sheet, r, INTENSITY) = number_of(csv, r, "flop") / number_of(csv, r, "bytes");
        *apd_sheet_at(sheet, r, RATE) = 1e-9 * number_of(csv, r, "flop") / seconds;
        *apd_sheet_at(sheet, r, DIRECT) = 1e-9 * number_of(csv, r, "flop_direct") / seconds;
        *apd_sheet_at(sheet, r, BACKWARD) = strcmp(text_of(csv, r, "direction"), "backward") == 0;
    }
    sheet = apd_drawing_sheet(drawing, "roofs", 2, 1);
    apd_sheet_head(sheet, 0, -1, "sgemm, GFLOP/s of a rank");
    apd_sheet_head(sheet, 1, -1, "memory, GB/s of a rank");
    *apd_sheet_at(sheet, 0, 0) = 1e-9 * number_of(csv, 0, "roof_flops");
    *apd_sheet_at(sheet, 0, 1) = 1e-9 * number_of(csv, 0, "roof_bytes_a_second");
    return true;
}

/* The colour of a row's preset. */
static int preset_of(const apd_csv *csv, int64_t row) {
    int number = 0;
    for (int64_t r = 1; r <= row; r++)
        number += strcmp(text_of(csv, r, "preset"), text_of(csv, r - 1, "preset")) != 0;
    return number;
}

/* Where names stand: to the right of their points, up or down a few lines where others stand already. */
typedef struct place {
    double x, y, width; /* points */
} place;

enum { LINE = 12 };

static place find_place(const place *taken, int count, place wanted) {
    static const int shifts[] = {0, 1, -1, 2, -2, 3, -3, 4, -4};
    for (size_t i = 0; i < sizeof shifts / sizeof shifts[0]; i++) {
        place at = {wanted.x, wanted.y + LINE * shifts[i], wanted.width};
        bool free_ = true;
        for (int t = 0; t < count; t++)
            free_ = free_ && (fabs(taken[t].y - at.y) >= LINE || taken[t].x > at.x + at.width ||
                              at.x > taken[t].x + taken[t].width);
        if (free_)
            return at;
    }
    return wanted;
}

/* Names of the layers beside their forward points. `low`, `high`, `least`, `most`: of the axes. */
static void put_kernel_names(const apd_drawing *drawing, const double range[4], FILE *script) {
    const apd_csv *csv = &drawing->report->roofline;
    const apd_sheet *sheet = &drawing->sheets[0];
    place *places = apd_allocate(sheet->rows, sizeof *places, "labels");
    double across = (drawing->width - 70) / log(range[1] / range[0]),
           up = (drawing->height - 100) / log(range[3] / range[2]);
    int count = 0;
    for (int64_t r = 0; r < sheet->rows; r++) {
        double x = *apd_sheet_at(sheet, r, INTENSITY), y = *apd_sheet_at(sheet, r, RATE);
        if (*apd_sheet_at(sheet, r, BACKWARD) > 0.0)
            continue;
        place wanted = {across * log(x / range[0]) + 7.0, up * log(y / range[2]),
                        6.0 * (double)strlen(text_of(csv, r, "kernel"))};
        place at = places[count] = find_place(places, count, wanted);
        count++;
        (void)fprintf(script, "set label %lld name[%lld] at %g, %g left font ',10' textcolor rgb '%s'\n",
                      (long long)(r + 10), (long long)(r + 1), range[0] * exp(at.x / across),
                      range[2] * exp(at.y / up), colour_of(preset_of(csv, r)));
    }
    free(places);
}

void apd_roofline_draw(const apd_drawing *drawing, FILE *script) {
    const apd_csv *csv = &drawing->report->roofline;
    const apd_sheet *sheet = &drawing->sheets[0];
    const char **names = apd_allocate(2 * sheet->rows, sizeof *names, "kernels' names");
    const double sgemm = *apd_sheet_at(&drawing->sheets[1], 0, 0),
                 memory = *apd_sheet_at(&drawing->sheets[1], 0, 1);
    double range[4] = {INFINITY, 0.0, INFINITY, sgemm}; /* of x and y */
    for (int64_t r = 0; r < sheet->rows; r++) {
        names[r] = text_of(csv, r, "kernel");
        names[sheet->rows + r] = text_of(csv, r, "preset");
        range[0] = fmin(range[0], *apd_sheet_at(sheet, r, INTENSITY));
        range[1] = fmax(range[1], *apd_sheet_at(sheet, r, INTENSITY));
        range[2] = fmin(range[2], *apd_sheet_at(sheet, r, RATE));
        range[3] = fmax(range[3], *apd_sheet_at(sheet, r, RATE));
    }
    range[1] *= 1.8;
    range[2] /= 2.0;
    range[3] *= 2.5;
    apd_script_texts(script, names, (int)(2 * sheet->rows));
    put_axis(script, sheet, INTENSITY, 1.8);
    range[0] /= 1.8;
    (void)fprintf(script,
                  "set logscale y\nset yrange [%g:%g]\nset format y '%%g'\n"
                  "set xlabel 'flop/byte'\nset ylabel 'GFLOP/s of a rank'\nsgemm = %g\nmemory = %g\n"
                  "set label 1 sprintf('sgemm %%.0f GFLOP/s', sgemm) at graph 0.02, first sgemm left offset "
                  "0,0.6 textcolor rgb '%s'\n"
                  "set label 2 sprintf('memory %%.1f GB/s', memory) at graph 0.02, first %g left "
                  "offset 0,-0.8 textcolor rgb '%s'\n",
                  range[2], range[3], sgemm, memory, apd_colour_of("axis"), fmin(sgemm, memory * range[0]),
                  apd_colour_of("axis"));
    put_kernel_names(drawing, range, script);
    put_key(script, preset_of(csv, sheet->rows - 1) + 3);
    (void)fprintf(script,
                  "plot (memory*x < sgemm ? memory*x : sgemm) with lines linewidth 1.5 linecolor rgb '%s'",
                  apd_colour_of("axis"));
    for (int64_t r = 0; r < sheet->rows; r++) {
        int preset = preset_of(csv, r);
        bool backward = *apd_sheet_at(sheet, r, BACKWARD) > 0.0;
        (void)fprintf(script,
                      ", \\\n     $kernels every ::%lld::%lld using 1:2 with points pointtype %d pointsize "
                      "0.8 linewidth 1.5 linecolor "
                      "rgb '%s'",
                      (long long)r, (long long)r, backward ? 6 : 7, colour_of(preset));
        if (r == 0 || preset_of(csv, r - 1) != preset)
            (void)fprintf(script, " title name[%lld]", (long long)(sheet->rows + r + 1));
        (void)fprintf(script,
                      ", \\\n     $kernels every ::%lld::%lld using 1:2:(sprintf('%%s %%s %s: %%.1f GFLOP/s "
                      "at %%.1f flop/byte', "
                      "name[%lld], name[%lld], $2, $1)) with labels hypertext point pointtype 7 pointsize "
                      "1.2 linecolor rgb "
                      "'#ff000000'",
                      (long long)r, (long long)r, backward ? "backward" : "forward",
                      (long long)(sheet->rows + r + 1), (long long)(r + 1));
    }
    (void)fprintf(
        script,
        ", \\\n     NaN with points pointtype 7 pointsize 0.8 linecolor rgb '%s' title 'forward', \\\n"
        "     NaN with points pointtype 6 pointsize 0.8 linecolor rgb '%s' title 'backward'\n",
        apd_colour_of("ink"), apd_colour_of("ink"));
    free(names);
}
