/* The accuracy matrix as a heat map. */
#include "report/figures.h"

#include "base/memory.h"
#include "report/script.h"

#include <math.h>
#include <stdlib.h>

enum { SIDE = 500, NAMED = 24, NUMBERED = 13 }; /* cells a side; tasks whose names and whose numbers fit */

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
        drawing->width = 300;
        drawing->height = 290;
    }
    return true;
}

/* The names of the tasks, "3 fish"; of a forgotten one "3 (forgotten)". */
static void put_names(const apd_drawing *drawing, FILE *script) {
    const apd_result *result = drawing->run->result;
    char **texts = apd_allocate(result->done, sizeof *texts, "tasks' names");
    for (int t = 0; t < result->done; t++) {
        const char *name = apd_report_task_name(drawing->report, &result->records[t]);
        char text[96];
        (void)snprintf(text, sizeof text, "%.40s  %d", name != NULL ? name : "(forgotten)", t + 1);
        texts[t] = apd_duplicate_text(text);
    }
    apd_script_texts(script, (const char *const *)texts, result->done);
    (void)fputs("set ytics (", script);
    for (int t = 0; t < result->done; t++) {
        (void)fprintf(script, "%sname[%d] %d", t > 0 ? ", " : "", t + 1, t);
        free(texts[t]);
    }
    (void)fputs(")\n", script);
    free(texts);
}

static void put_axis(FILE *script, const char *axis, int tasks, int block) {
    double step = fmax(apd_round_step(tasks, 5), 1.0);
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
        "unset grid\nset border 0\nset tics scale 0\nset size ratio 1\n"
        "set palette defined (0 '#440154', 0.25 '#3b528b', 0.5 '#21918c', 0.75 '#5ec962', 1 '#fde725')\n"
        "set cbrange [%g:%g]\nset colorbox user origin screen 0.9, graph 0 size screen 0.025, graph 1\n"
        "set rmargin at screen 0.86\n"
        "set xrange [-0.5:%lld.5]\nset yrange [%lld.5:-0.5]\nset xlabel 'task'\n",
        low, high > low ? high : low + 1.0, (long long)sheet->columns - 1, (long long)sheet->rows - 1);
    put_axis(script, "x", result->done, block);
    if (large && result->done <= NAMED) {
        put_names(drawing, script);
        (void)fputs("set ylabel 'after task'\n", script);
    } else {
        put_axis(script, "y", result->done, block);
        (void)fputs("set ylabel 'after task'\n", script);
    }
    (void)fputs("plot $accuracy matrix with image", script);
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
    if (drawing->line != NULL && drawing->line->count > 1)
        (void)fprintf(page, " Of %d runs, the one of median accuracy.", drawing->line->count);
}
