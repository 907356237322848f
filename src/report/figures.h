/* figures: the table of figures.
 *
 * A figure is a row: its name, title and caption, a function that gives its numbers, and one that draws them by gnuplot. To add
 * one, write the two functions and a row in figures.c; its script, its pictures, its place in the page, the tables of its numbers
 * and their JSON follow from that. Local. */
#ifndef APD_REPORT_FIGURES_H
#define APD_REPORT_FIGURES_H

#include "report/report.h"
#include "report/sheet.h"

#include <stdio.h>

enum { APD_FIGURE_SHEETS = 6 };

/* A figure of one group, of one run of it, or of the whole report. */
typedef struct apd_drawing {
    const apd_report *report;
    const apd_report_group *group; /* NULL: of the whole report */
    const apd_report_line *line;   /* of a figure of a run */
    const apd_report_run *run;
    char name[64]; /* of its files, and its id in the page: "average", "matrix-2" */
    int sheet_count;
    apd_sheet sheets[APD_FIGURE_SHEETS];
    int width, height; /* points; the figure's own, which numbers() may change */
} apd_drawing;

typedef enum apd_figure_scope { APD_OF_GROUP, APD_OF_RUN, APD_OF_REPORT } apd_figure_scope;

typedef struct apd_figure {
    const char *name;    /* letters and digits */
    const char *title;   /* a line */
    const char *caption; /* what is shown, beyond the title */
    apd_figure_scope scope;
    int width, height; /* points */
    bool is_small;     /* of a run: where there are several lines, three or more fit beside each other */
    /* Add the sheets, each a data block $NAME of the script. False: there is nothing to show, and no figure. */
    bool (*numbers)(apd_drawing *drawing);
    /* Write gnuplot's commands below script.h's head and the data blocks. */
    void (*draw)(const apd_drawing *drawing, FILE *script);
    /* Write more of the caption as HTML; NULL: nothing to add. */
    void (*remark)(const apd_drawing *drawing, FILE *page);
} apd_figure;

/* In the order of the page. Ends with a row whose name is NULL. */
extern const apd_figure apd_figures[];

/* Add a sheet to the drawing. */
apd_sheet *apd_drawing_sheet(apd_drawing *drawing, const char *name, int columns, int64_t rows);
void apd_drawing_clear(apd_drawing *drawing);

/* The places in the stream that a figure shows: all up to `most` tasks, of more every n-th and the last. Free it. */
enum { APD_CURVE_POINTS = 500 };
int *apd_drawing_places(int tasks, int most, int *count);

/* The names and colours of the group's lines, (lines); free the lists. The script's names are these, and so are its margins. */
const char **apd_drawing_names(const apd_drawing *drawing);
const char **apd_drawing_colours(const apd_drawing *drawing);

/* A key of so many lines below the plot. */
void apd_drawing_key(FILE *script, int count);

/* Begin the script of a figure of lines: their names as name[1 ..], and room for them on the right; a key below instead where they
 * are long or many. Returns whether names stand on the right: put them there by apd_drawing_ends. */
bool apd_drawing_begin(const apd_drawing *drawing, FILE *script);
void apd_drawing_ends(const apd_drawing *drawing, FILE *script, const double *y, double low, double high,
                      bool log, double gap);

/* "dashtype 2" and the like: colour, width and dashes of a line as gnuplot's options. */
void apd_drawing_style(const apd_report_line *line, FILE *script);

/* --- figures, a file each for kinds that belong together ---------------------------------------------------------- */

/* curves.c */
bool apd_average_numbers(apd_drawing *drawing);
void apd_average_draw(const apd_drawing *drawing, FILE *script);
void apd_average_remark(const apd_drawing *drawing, FILE *page);
bool apd_capacity_numbers(apd_drawing *drawing);
void apd_capacity_draw(const apd_drawing *drawing, FILE *script);
bool apd_forgetting_numbers(apd_drawing *drawing);
void apd_forgetting_draw(const apd_drawing *drawing, FILE *script);

/* lines.c */
bool apd_pareto_numbers(apd_drawing *drawing);
bool apd_bytes_numbers(apd_drawing *drawing);
void apd_pareto_draw(const apd_drawing *drawing, FILE *script);
void apd_pareto_remark(const apd_drawing *drawing, FILE *page);
bool apd_opd_numbers(apd_drawing *drawing);
void apd_opd_draw(const apd_drawing *drawing, FILE *script);

/* times.c */
bool apd_times_numbers(apd_drawing *drawing);
void apd_times_draw(const apd_drawing *drawing, FILE *script);
bool apd_phases_numbers(apd_drawing *drawing);
void apd_phases_draw(const apd_drawing *drawing, FILE *script);

/* matrix.c */
bool apd_matrix_numbers(apd_drawing *drawing);
void apd_matrix_draw(const apd_drawing *drawing, FILE *script);
void apd_matrix_remark(const apd_drawing *drawing, FILE *page);

/* clusters.c */
bool apd_clusters_numbers(apd_drawing *drawing);
void apd_clusters_draw(const apd_drawing *drawing, FILE *script);
void apd_clusters_remark(const apd_drawing *drawing, FILE *page);
bool apd_rank_numbers(apd_drawing *drawing);
void apd_rank_draw(const apd_drawing *drawing, FILE *script);

/* scaling.c */
bool apd_strong_numbers(apd_drawing *drawing);
bool apd_weak_numbers(apd_drawing *drawing);
void apd_ranks_draw(const apd_drawing *drawing, FILE *script);
void apd_ranks_remark(const apd_drawing *drawing, FILE *page);
bool apd_task_times_numbers(apd_drawing *drawing);
void apd_task_times_draw(const apd_drawing *drawing, FILE *script);
bool apd_task_sizes_numbers(apd_drawing *drawing);
void apd_task_sizes_draw(const apd_drawing *drawing, FILE *script);
bool apd_roofline_numbers(apd_drawing *drawing);
void apd_roofline_draw(const apd_drawing *drawing, FILE *script);

#endif
