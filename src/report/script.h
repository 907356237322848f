/* script: what the gnuplot scripts of all figures share: terminals, style, colours, texts that may hold anything. Local.
 *
 * A script stands by itself: `gnuplot NAME.gp` in its folder writes NAME.svg, and gnuplot -e "format='pdf'" NAME.gp, or png, or tikz,
 * another file beside it. format 'page' writes SVG to the standard output. */
#ifndef APD_REPORT_SCRIPT_H
#define APD_REPORT_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A colour that means the same in all figures. The page shows it by its CSS variable, which is another one in the dark. */
typedef struct apd_colour {
    const char *name;  /* the variable: --NAME; of a method: its name */
    const char *light; /* "#0072b2": in scripts, and in light pages */
    const char *dark;
} apd_colour;

/* Methods' colours first (Okabe and Ito 2008, and Tol's muted scheme where these are not enough), then ink, axes and grid.
 * Ends with a row whose name is NULL. */
extern const apd_colour apd_colours[];

/* "#0072b2": of a method, or of "ink", "axis", "grid". A method without one has ink. */
const char *apd_colour_of(const char *name);

/* Begin a script of width x height points. `about`: a line of what it shows, in its head. */
void apd_script_begin(FILE *script, const char *name, const char *about, int width, int height);

/* The texts that a script shows, as its array name[1 .. count]; NULL: "". Quotes, backslashes and backticks, which gnuplot would
 * take for its own, become characters that look alike; for LaTeX each text is escaped. */
void apd_script_texts(FILE *script, const char *const *texts, int count);

/* name[number] to the left of the row at `y`. A name is no tic: gnuplot takes those for formats, in which % means something. */
void apd_script_row_name(FILE *script, int number, int y);

/* Names at the right ends of lines: name[1 .. count], as high as `y` (count) unless others are there, in `colours` (count). NaN: none.
 * low .. high: the axis; `log`: it is logarithmic; `gap`: the least distance of two names, as a share of it. */
void apd_script_ends(FILE *script, const double *y, const char *const *colours, int count, double low,
                     double high, bool log, double gap);

/* A logarithmic axis 'x' or 'y' with tics at 1, 2 and 5 times the powers of ten; over a wide range at the powers alone. */
void apd_script_log_axis(FILE *script, char axis, double low, double high);

/* The bytes of the longest text, for a margin. */
size_t apd_longest(const char *const *texts, int count);

/* Move `y` (count) apart, in place, until neighbours differ by at least `gap`, within low .. high as far as it goes: for labels at
 * the ends of lines. */
void apd_spread(double *y, int count, double gap, double low, double high);

/* A round number of at most `count` steps from 0 to `range`: 1, 2 or 5 times a power of ten. */
double apd_round_step(double range, int count);

#endif
