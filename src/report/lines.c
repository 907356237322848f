/* Figures that hold the lines of a table against each other: accuracy and capacity, and order dependence. */
#include "report/figures.h"

#include "base/memory.h"
#include "report/script.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- accuracy against capacity --------------------------------------------------------------------------------------- */

/* The first sheet has a point a row: the group's lines, then the published results. */

/* Whether another line has no less accuracy at no more capacity, and more of one or less of the other. */
static bool is_beaten(const apd_sheet *sheet, int64_t lines, int64_t row) {
    double capacity = *apd_sheet_at(sheet, row, 0), accuracy = *apd_sheet_at(sheet, row, 1);
    for (int64_t r = 0; r < lines; r++) {
        double c = *apd_sheet_at(sheet, r, 0), a = *apd_sheet_at(sheet, r, 1);
        if (c <= capacity && a >= accuracy && (c < capacity || a > accuracy))
            return true;
    }
    return false;
}

/* The corners of the steps, by rising capacity. */
static void fill_front(apd_drawing *drawing, const apd_sheet *points) {
    const int64_t lines = drawing->group->line_count;
    int64_t count = 0;
    for (int64_t r = 0; r < lines; r++)
        count += !is_beaten(points, lines, r);
    apd_sheet *front = apd_drawing_sheet(drawing, "front", 2, count);
    apd_sheet_head(front, 0, 1, "%s", points->headings[0]);
    apd_sheet_head(front, 1, 2, "accuracy, %%");
    double last = -1.0;
    for (int64_t to = 0; to < count; to++) {
        int64_t next = -1;
        for (int64_t r = 0; r < lines; r++) {
            double c = *apd_sheet_at(points, r, 0);
            if (!is_beaten(points, lines, r) && c > last && (next < 0 || c < *apd_sheet_at(points, next, 0)))
                next = r;
        }
        if (next < 0)
            break; /* two lines in one point */
        last = *apd_sheet_at(front, to, 0) = *apd_sheet_at(points, next, 0);
        *apd_sheet_at(front, to, 1) = *apd_sheet_at(points, next, 1);
    }
}

/* Whether names are too long or too many to stand beside their points. */
static bool needs_key(const apd_sheet *points) {
    return points->rows > 16 || apd_longest((const char *const *)points->labels, (int)points->rows) > 24;
}

/* Whether the point can be drawn, on a logarithmic axis. */
static bool set_point(apd_sheet *sheet, int64_t row, const char *name, const apd_summary *capacity,
                      const apd_summary *accuracy) {
    apd_sheet_label(sheet, row, name);
    *apd_sheet_at(sheet, row, 0) = capacity->mean;
    *apd_sheet_at(sheet, row, 1) = accuracy->mean;
    *apd_sheet_at(sheet, row, 2) = capacity->deviation;
    *apd_sheet_at(sheet, row, 3) = accuracy->deviation;
    return capacity->mean > 0.0 && !isnan(accuracy->mean);
}

/* The summary in per cent. */
static apd_summary percent(apd_summary summary) {
    summary.mean *= 100.0;
    summary.deviation *= 100.0;
    return summary;
}

static bool points_of(apd_drawing *drawing, int capacity, const char *called) {
    const apd_report_group *group = drawing->group;
    const apd_published *published = &drawing->report->published;
    if (group->table < 0 || group->line_count + published->count < 2)
        return false;
    apd_sheet *sheet = apd_drawing_sheet(drawing, "points", 4, group->line_count + published->count);
    apd_sheet_head(sheet, 0, 1, "%s, %%", called);
    apd_sheet_head(sheet, 1, 2, "accuracy, %%");
    apd_sheet_head(sheet, 2, 1, "± %s", called);
    apd_sheet_head(sheet, 3, 2, "± accuracy");
    bool good = true;
    for (int l = 0; l < group->line_count; l++) {
        const apd_line *line = group->lines[l].table;
        const apd_summary x = percent(line->of[capacity]), y = percent(line->of[APD_ACC]);
        good = set_point(sheet, l, group->lines[l].name, &x, &y) && good;
    }
    for (int p = 0; p < published->count; p++) {
        const apd_summary x = {.mean = published->points[p].capacity, .deviation = NAN};
        const apd_summary y = {.mean = published->points[p].accuracy, .deviation = NAN};
        (void)set_point(sheet, group->line_count + p, published->points[p].name, &x, &y);
    }
    if (good)
        fill_front(drawing, sheet);
    if (needs_key(sheet))
        drawing->height += 12 * (int)sheet->rows;
    return good;
}

bool apd_pareto_numbers(apd_drawing *drawing) {
    return points_of(drawing, APD_CAPACITY, "capacity");
}

bool apd_bytes_numbers(apd_drawing *drawing) {
    return points_of(drawing, APD_CAPACITY_BYTES, "bytes");
}

void apd_pareto_remark(const apd_drawing *drawing, FILE *page) {
    if (drawing->report->published.count > 0)
        (void)fputs(" Hollow: published, with the sizes that their authors state.", page);
}

/* One network a task: a dashed line at 100 T %, and another at the accuracy of the line that is that. */
static void put_single(const apd_drawing *drawing, FILE *script, double high) {
    const apd_report_group *group = drawing->group;
    const apd_sheet *points = &drawing->sheets[0];
    if (100.0 * group->tasks < high)
        (void)fprintf(script,
                      "set arrow 90 from %g, graph 0 to %g, graph 1 nohead back linecolor rgb '%s' linewidth "
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

/* --- where names go: beside their points, over no other name or point -------------------------------------------------- */

/* A rectangle of the plot, whose sides are 1 long. */
typedef struct box {
    double left, right, bottom, top;
} box;

static double overlap(box a, box b) {
    double width = fmin(a.right, b.right) - fmax(a.left, b.left);
    double height = fmin(a.top, b.top) - fmax(a.bottom, b.bottom);
    return width > 0.0 && height > 0.0 ? width * height : 0.0;
}

enum { WAYS = 6 };

/* The ways in which a name may stand beside its point, in the order of preference: to the right or left; above, below, level. */
static const struct {
    bool right;
    double up; /* in heights of a line */
} ways[WAYS] = {{true, 0.8}, {false, 0.8}, {true, -0.8}, {false, -0.8}, {true, 0.0}, {false, 0.0}};

static box name_box(double x, double y, int way, const char *name) {
    const double width = 0.019 * (double)strlen(name), height = 0.055, gap = 0.02;
    box made = {.bottom = y + ways[way].up * height - height / 2.0};
    made.top = made.bottom + height;
    made.left = ways[way].right ? x + gap : x - gap - width;
    made.right = made.left + width;
    return made;
}

/* How much of a name would be hidden, or outside. */
static double cost(box name, const box *taken, int count) {
    double sum = 0.0, area = (name.right - name.left) * (name.top - name.bottom);
    const box inside = {0.0, 1.0, 0.0, 1.0};
    for (int t = 0; t < count; t++)
        sum += overlap(name, taken[t]);
    return sum + area - overlap(name, inside);
}

/* Choose a way for each of the points x, y (count), with bars of +- off, one after the other. */
static void place_names(const double *x, const double *y, const double *off, char *const *names, int count,
                        int *chosen) {
    box *taken = apd_allocate(2 * (int64_t)count, sizeof *taken, "places of names");
    for (int l = 0; l < count; l++)
        taken[l] = (box){x[l] - 0.015, x[l] + 0.015, y[l] - fmax(off[l], 0.025), y[l] + fmax(off[l], 0.025)};
    for (int l = 0; l < count; l++) {
        double least = INFINITY;
        for (int w = 0; w < WAYS; w++) {
            double own = cost(name_box(x[l], y[l], w, names[l]), taken, count + l);
            if (own < least - 1e-9) {
                least = own;
                chosen[l] = w;
            }
        }
        taken[count + l] = name_box(x[l], y[l], chosen[l], names[l]);
    }
    free(taken);
}

static const char *colour_of(const apd_drawing *drawing, int64_t point) {
    return point < drawing->group->line_count ? apd_colour_of(drawing->group->lines[point].method)
                                              : apd_colour_of("axis");
}

/* Names and points; x in low .. high by logarithms, y in bottom .. top. */
static void put_names(const apd_drawing *drawing, FILE *script, double low, double high, double bottom,
                      double top) {
    const apd_sheet *points = &drawing->sheets[0];
    const int count = (int)points->rows;
    double *x = apd_allocate(3 * (int64_t)count, sizeof *x, "points"), *y = x + count, *off = y + count;
    int *chosen = apd_allocate(count, sizeof *chosen, "places of names");
    for (int l = 0; l < count; l++) {
        x[l] = log(*apd_sheet_at(points, l, 0) / low) / log(high / low);
        y[l] = (*apd_sheet_at(points, l, 1) - bottom) / (top - bottom);
        off[l] = isnan(*apd_sheet_at(points, l, 3)) ? 0.0 : *apd_sheet_at(points, l, 3) / (top - bottom);
    }
    place_names(x, y, off, points->labels, count, chosen);
    for (int l = 0; l < count; l++)
        (void)fprintf(script, "set label %d name[%d] at %g,%g %s offset character %s,%g textcolor rgb '%s'\n",
                      l + 1, l + 1, *apd_sheet_at(points, l, 0), *apd_sheet_at(points, l, 1),
                      ways[chosen[l]].right ? "left" : "right", ways[chosen[l]].right ? "0.8" : "-0.8",
                      0.8 * ways[chosen[l]].up, colour_of(drawing, l));
    free(chosen);
    free(x);
}

/* A line's point, filled, with its bars, where there are several runs; or a published one. */
static void put_point(const apd_drawing *drawing, FILE *script, int point, bool key) {
    static const int filled[] = {7, 5, 9, 13, 11}, hollow[] = {6, 4, 8, 12, 10};
    const int lines = drawing->group->line_count;
    const apd_sheet *points = &drawing->sheets[0];
    const bool own = point < lines;
    const char *colour = colour_of(drawing, point);
    if (own && (isfinite(*apd_sheet_at(points, point, 2)) || isfinite(*apd_sheet_at(points, point, 3))))
        (void)fprintf(script,
                      ", \\\n     $points every ::%d::%d using 1:2:3:4 with xyerrorbars pointtype 0 "
                      "linecolor rgb '%s' linewidth 1.5",
                      point, point, colour);
    (void)fprintf(script,
                  ", \\\n     $points every ::%d::%d using 1:2 with points pointtype %d pointsize 0.8 "
                  "linecolor rgb '%s'",
                  point, point,
                  own ? filled[drawing->group->lines[point].variant % 5] : hollow[(point - lines) % 5],
                  colour);
    if (key)
        (void)fprintf(script, " title name[%d]", point + 1);
}

void apd_pareto_draw(const apd_drawing *drawing, FILE *script) {
    const apd_report_group *group = drawing->group;
    const apd_sheet *points = &drawing->sheets[0];
    double low = INFINITY, high = 100.0 * group->tasks, bottom = INFINITY, top = -INFINITY;
    for (int64_t l = 0; l < points->rows; l++) {
        double off = *apd_sheet_at(points, l, 3);
        low = fmin(low, *apd_sheet_at(points, l, 0));
        high = fmax(high, *apd_sheet_at(points, l, 0));
        bottom = fmin(bottom, *apd_sheet_at(points, l, 1) - (isnan(off) ? 0.0 : off));
        top = fmax(top, *apd_sheet_at(points, l, 1) + (isnan(off) ? 0.0 : off));
    }
    low /= 1.25;
    high *= 1.25;
    double step = apd_round_step(fmax(top - bottom, 1.0), 5);
    bottom = fmax(0.0, step * floor(bottom / step - 0.3));
    top = fmin(100.0, step * ceil(top / step + 0.3));
    apd_script_texts(script, (const char *const *)points->labels, (int)points->rows);
    apd_script_log_axis(script, 'x', low, high);
    (void)fprintf(script, "set xlabel '%.*s, '.percent.' of one network'\n",
                  (int)strcspn(points->headings[0], ","), points->headings[0]);
    (void)fprintf(script, "set yrange [%g:%g]\nset ylabel 'average accuracy, '.percent\n", bottom, top);
    put_single(drawing, script, high);
    const bool key = needs_key(points);
    if (key)
        apd_drawing_key(script, (int)points->rows);
    else
        put_names(drawing, script, low, high, bottom, top);
    (void)fprintf(script, "plot $front using 1:2 with steps linecolor rgb '%s' linewidth 1",
                  apd_colour_of("axis"));
    for (int l = 0; l < points->rows; l++)
        put_point(drawing, script, l, key);
    for (int l = 0; l < points->rows; l++)
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
    double top = 1.0;
    for (int64_t i = 0; i < sheet->rows; i++)
        for (int l = 0; l < group->line_count; l++)
            top = fmax(top, *apd_sheet_at(sheet, i, l + 1));
    double step = apd_round_step(top, 5);
    top = step * ceil(top / step);
    bool labels = apd_drawing_begin(drawing, script);
    if (labels)
        apd_drawing_ends(drawing, script, apd_sheet_at(sheet, sheet->rows - 1, 1), 0.0, top, false, 0.065);
    (void)fprintf(script,
                  "set xrange [1:%lld]\nset yrange [0:%g]\n"
                  "set xlabel 'tasks, by rising OPD'\nset ylabel 'OPD, '.percent\n",
                  (long long)sheet->rows, top);
    for (int l = 0; l < group->line_count; l++) {
        (void)fprintf(script, "%s$opd using 1:%d with linespoints pointtype 7 pointsize 0.35 ",
                      l == 0 ? "plot " : ", \\\n     ", l + 2);
        apd_drawing_style(&group->lines[l], script);
        if (!labels)
            (void)fprintf(script, " title name[%d]", l + 1);
    }
    (void)fputc('\n', script);
}
