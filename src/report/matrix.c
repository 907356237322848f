/* The accuracy matrix as a heat map. */
#include "report/figures.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "report/script.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SIDE = 500,
    NAMED = 24,
    NUMBERED = 13,
    NAME_BYTES = 21
}; /* cells a side; tasks whose names and numbers fit */

/* Tasks a cell. */
static int block_of(const apd_drawing *drawing) {
    return (drawing->run->result->done + SIDE - 1) / SIDE;
}

/* Means over blocks of tasks of what is in the lower triangle. */
static void fill(apd_sheet *sheet, const apd_result *result, int block) {
    int64_t cells = sheet->rows * sheet->columns;
    double *row = apd_allocate(result->done, sizeof *row, "accuracies");
    int *counts = apd_allocate(cells, sizeof *counts, "counts");
    for (int64_t i = 0; i < cells; i++)
        sheet->cells[i] = 0.0;
    for (int t = 0; t < result->done; t++) {
        apd_accuracies_next_row(&result->accuracies, t, row);
        for (int j = 0; j <= t; j++)
            if (!isnan(row[j])) {
                int64_t cell = t / block * (int64_t)sheet->columns + j / block;
                sheet->cells[cell] += 100.0 * row[j];
                counts[cell]++;
            }
    }
    for (int64_t i = 0; i < cells; i++)
        sheet->cells[i] = counts[i] > 0 ? sheet->cells[i] / counts[i] : (double)NAN;
    free(counts);
    free(row);
}

/* A task as an axis names it: "fish (3)". */
static void name_task(const apd_drawing *drawing, int place, char *text, size_t room) {
    const char *known = apd_report_task_name(drawing->report, &drawing->run->result->records[place]);
    const char *name = known != NULL ? known : "forgotten";
    apd_utf8_excerpt(name, strlen(name), text, NAME_BYTES);
    size_t used = strlen(text);
    (void)snprintf(text + used, room - used, " (%d)", place + 1);
}

static size_t longest_name(const apd_drawing *drawing) {
    size_t longest = 0;
    for (int t = 0; t < drawing->run->result->done; t++) {
        char text[64];
        name_task(drawing, t, text, sizeof text);
        longest = strlen(text) > longest ? strlen(text) : longest;
    }
    return longest;
}

bool apd_matrix_numbers(apd_drawing *drawing) {
    const apd_result *result = drawing->run->result;
    int block = result->done > 0 ? block_of(drawing) : 1, side = (result->done + block - 1) / block;
    if (result->done < 2)
        return false;
    apd_sheet *sheet = apd_drawing_sheet(drawing, "accuracy", side, side);
    sheet->matrix = true;
    for (int c = 0; c < side; c++)
        apd_sheet_head(sheet, c, result->done > 60 ? 1 : 2, "%d", c * block + 1);
    fill(sheet, result, block);
    if (drawing->report->run_count > 1) {
        drawing->width = 290;
        drawing->height = 250;
    } else if (result->done <= NAMED) { /* the names take from the square's width, and need a height */
        int square = drawing->height - (int)(6.4 * (double)longest_name(drawing)),
            rows = 62 + 17 * result->done;
        drawing->height = square > rows ? square : rows;
    }
    return true;
}

static void put_names(const apd_drawing *drawing, FILE *script) {
    const apd_result *result = drawing->run->result;
    char **texts = apd_allocate(result->done, sizeof *texts, "tasks' names");
    for (int t = 0; t < result->done; t++) {
        char text[64];
        name_task(drawing, t, text, sizeof text);
        texts[t] = apd_duplicate_text(text);
    }
    apd_script_texts(script, (const char *const *)texts, result->done);
    size_t width = longest_name(drawing) * 17 / 20; /* letters are narrower than gnuplot's unit of margins */
    (void)fprintf(script, "unset ytics\nset lmargin %zu\nset ylabel 'after task' offset character -%zu,0\n",
                  width + 5, width);
    for (int t = 0; t < result->done; t++) {
        apd_script_row_name(script, t + 1, t);
        free(texts[t]);
    }
    free(texts);
}

static void put_axis(FILE *script, const char *axis, int tasks, int block) {
    double step = tasks <= 12 ? 1.0 : apd_round_step(tasks, 5);
    (void)fprintf(script, "set %stics ('1' 0", axis);
    for (double tick = step; tick <= tasks; tick += step)
        if (tick > 1.0 + 0.4 * step)
            (void)fprintf(script, ", '%g' %g", tick, (tick - 1.0) / block);
    (void)fputs(")\n", script);
}

void apd_matrix_draw(const apd_drawing *drawing, FILE *script) {
    const apd_sheet *sheet = &drawing->sheets[0];
    const apd_result *result = drawing->run->result;
    bool large = drawing->report->run_count == 1;
    int block = block_of(drawing);
    double low = 100.0 * drawing->group->low, high = 100.0 * drawing->group->high;
    (void)fprintf(
        script,
        "unset grid\nset border 0\nset tics scale 0\n"
        "set palette defined (0 '#440154', 0.25 '#3b528b', 0.5 '#21918c', 0.75 '#5ec962', 1 '#fde725')\n"
        "set cbrange [%g:%g]\nset colorbox user origin graph 1.05, graph 0 size graph 0.04, graph 1 "
        "noborder\n"
        "set tmargin 0.8\nset bmargin 3.2\nset rmargin 7\n"
        "set xrange [-0.5:%lld.5]\nset yrange [%lld.5:-0.5]\nset xlabel 'task'\n",
        low, high > low ? high : low + 1.0, (long long)sheet->columns - 1, (long long)sheet->rows - 1);
    put_axis(script, "x", result->done, block);
    (void)fputs("pixels = format eq 'tikz' ? 'pixels' : ''\n", script);
    if (large && result->done <= NAMED) {
        put_names(drawing, script);
    } else {
        put_axis(script, "y", result->done, block);
        (void)fputs("set size ratio 1\n", script);
        (void)fputs("set ylabel 'after task'\n", script);
    }
    /* gnuplot's tikz terminal (5.4) never ends with an image that has holes */
    (void)fputs("plot $accuracy matrix with image @pixels", script);
    if (large && result->done <= NUMBERED)
        (void)fprintf(
            script,
            ", \\\n     $accuracy matrix using 1:2:($3 == $3 && $3 < %g ? sprintf('%%.0f', $3) : '') with "
            "labels textcolor rgb '#ffffff', \\\n     $accuracy matrix using 1:2:($3 == $3 && $3 >= %g ? "
            "sprintf('%%.0f', $3) : '') with labels textcolor rgb '#000001'",
            low + 0.6 * (high - low), low + 0.6 * (high - low));
    (void)fputc('\n', script);
}

void apd_matrix_remark(const apd_drawing *drawing, FILE *page) {
    int block = block_of(drawing);
    if (block > 1)
        (void)fprintf(page, " A cell is the mean over %d tasks and %d rows; accuracy.csv has all.", block,
                      block);
}
