#include "report/script.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "tables/cells.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const apd_colour apd_colours[] = {
    {"apd", "#0072b2", "#4ba6e8"},
    {"apd-fixed", "#56b4e9", "#9bd4f7"},
    {"apd-retro", "#332288", "#9187e6"},
    {"apd-joint", "#882255", "#d2699c"},
    {"stl", "#4d4d4d", "#c9c9c9"},
    {"finetune", "#e69f00", "#f2b63d"},
    {"multitask", "#999933", "#c6c65c"},
    {"l2t", "#117733", "#5cb87a"},
    {"ewc", "#d55e00", "#f08445"},
    {"packnet", "#cc79a7", "#e3a3c6"},
    {"wsn", "#009e73", "#2dc99a"},
    {"ink", "#1a1a1a", "#e6e6e6"},
    {"axis", "#7f7f7f", "#8c8c8c"},
    {"grid", "#e3e3e3", "#333333"},
    {NULL, NULL, NULL},
};

const char *apd_colour_of(const char *name) {
    const char *ink = "";
    for (const apd_colour *c = apd_colours; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0)
            return c->light;
        if (strcmp(c->name, "ink") == 0)
            ink = c->light;
    }
    return ink;
}

void apd_script_begin(FILE *script, const char *name, const char *about, int width, int height) {
    char *clean = apd_duplicate_text(about);
    apd_utf8_clean(clean);
    (void)fprintf(script,
                  "# %s\n"
                  "#   gnuplot %s.gp                       draws it as %s.svg\n"
                  "#   gnuplot -e \"format='pdf'\" %s.gp     as %s.pdf; so for png and tikz\n",
                  clean, name, name, name, name);
    free(clean);
    (void)fprintf(
        script,
        "if (!exists('format')) format = 'svg'\n"
        "if (format eq 'svg' || format eq 'page') set terminal svg size %d,%d dynamic noenhanced "
        "font 'Helvetica,12'\n"
        "if (format eq 'pdf') set terminal pdfcairo size %.2fin,%.2fin noenhanced font 'Helvetica,9' "
        "fontscale 0.75 linewidth 0.75 pointscale 0.6\n"
        "if (format eq 'png') set terminal pngcairo size %d,%d noenhanced font 'Helvetica,12' "
        "fontscale 2.4 linewidth 2.6 pointscale 1.6\n"
        "if (format eq 'tikz') set terminal tikz size %.1fcm,%.1fcm\n"
        "if (format ne 'page') set output '%s.'.(format eq 'tikz' ? 'tex' : format)\n",
        width, height, width / 100.0, height / 100.0, 3 * width, 3 * height, width / 40.0, height / 40.0,
        name);
    (void)fprintf(script,
                  "percent = format eq 'tikz' ? '\\%%' : '%%'\n"
                  "set encoding utf8\n"
                  "set datafile separator \"\\t\"\n"
                  "set datafile missing 'nan'\n"
                  "set border 3 linecolor rgb '%s' linewidth 1\n"
                  "set tics nomirror out scale 0.5 textcolor rgb '%s'\n"
                  "set grid ytics linecolor rgb '%s' linetype 1 linewidth 1\n"
                  "set xlabel textcolor rgb '%s'\n"
                  "set ylabel textcolor rgb '%s'\n"
                  "set key noautotitle textcolor rgb '%s'\n",
                  apd_colour_of("axis"), apd_colour_of("ink"), apd_colour_of("grid"), apd_colour_of("ink"),
                  apd_colour_of("ink"), apd_colour_of("ink"));
}

/* --- texts --------------------------------------------------------------------------------------------------- */

/* What gnuplot takes for its own, in every kind of string or in labels. */
static const struct {
    char character;
    const char *instead;
} gnuplot[] = {{'\'', "\u2019"}, {'"', "\u201d"}, {'`', "\u2018"}, {'\\', "\u2216"}};

/* In single quotes gnuplot substitutes nothing; with `latex` as LaTeX shows it. */
static void put_text(FILE *script, const char *text, bool latex) {
    char *clean = apd_duplicate_text(text != NULL ? text : "");
    char one[2] = "";
    apd_utf8_clean(clean);
    (void)fputc('\'', script);
    for (const char *c = clean; *c != '\0'; c++) {
        size_t i = 0, count = sizeof gnuplot / sizeof gnuplot[0];
        while (i < count && gnuplot[i].character != *c)
            i++;
        one[0] = *c;
        if (latex && *c != '\'' && *c != '`' && *c != '"')
            apd_latex_text(script, one);
        else if (i < count)
            (void)fputs(gnuplot[i].instead, script);
        else
            (void)fputc(*c, script);
    }
    (void)fputc('\'', script);
    free(clean);
}

void apd_script_texts(FILE *script, const char *const *texts, int count) {
    if (count == 0)
        return;
    (void)fprintf(script, "array name[%d]\n", count);
    for (int t = 0; t < count; t++) {
        (void)fprintf(script, "name[%d] = format eq 'tikz' ? ", t + 1);
        put_text(script, texts[t], true);
        (void)fputs(" : ", script);
        put_text(script, texts[t], false);
        (void)fputc('\n', script);
    }
}

void apd_script_row_name(FILE *script, int number, int y) {
    (void)fprintf(script, "set label name[%d] at graph 0, first %d right offset character -0.8,0\n", number,
                  y);
}

/* --- places -------------------------------------------------------------------------------------------------- */

/* The indices of `y` by rising value, to be freed. */
static int *by_value(const double *y, int count) {
    int *order = apd_allocate(count, sizeof *order, "labels");
    for (int i = 0; i < count; i++) {
        int at = i;
        for (; at > 0 && y[order[at - 1]] > y[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return order;
}

void apd_spread(double *y, int count, double gap, double low, double high) {
    int *order = by_value(y, count);
    /* a hundred rounds of pushing neighbours apart by half of what they lack: labels stay about where they belong */
    for (int round = 0; round < 100; round++)
        for (int i = 0; i + 1 < count; i++) {
            double *below = &y[order[i]], *above = &y[order[i + 1]], lack = gap - (*above - *below);
            if (lack > 0.0) {
                *below -= lack / 2.0;
                *above += lack / 2.0;
            }
        }
    for (int i = 0; i < count; i++) { /* up from the lower edge */
        double least = i == 0 ? low : y[order[i - 1]] + gap;
        y[order[i]] = fmax(y[order[i]], least);
    }
    for (int i = count - 1; i >= 0; i--) { /* down from the upper one */
        double most = i == count - 1 ? high : y[order[i + 1]] - gap;
        y[order[i]] = fmin(y[order[i]], most);
    }
    free(order);
}

double apd_round_step(double range, int count) {
    double rough = range / count, power = pow(10.0, floor(log10(rough)));
    const double steps[] = {1.0, 2.0, 5.0, 10.0};
    for (int s = 0; s < 4; s++)
        if (steps[s] * power >= rough * (1.0 - 1e-9))
            return steps[s] * power;
    return 10.0 * power;
}

/* --- axes ----------------------------------------------------------------------------------------------------- */

void apd_script_ends(FILE *script, const double *y, const char *const *colours, int count, double low,
                     double high, bool log, double gap) {
    double *at = apd_allocate(count, sizeof *at, "labels");
    int *name = apd_allocate(count, sizeof *name, "labels"), shown = 0;
    for (int i = 0; i < count; i++)
        if (!isnan(y[i])) {
            at[shown] = log ? log10(y[i]) : y[i];
            name[shown++] = i;
        }
    double bottom = log ? log10(low) : low, top = log ? log10(high) : high;
    apd_spread(at, shown, gap * (top - bottom), bottom, top);
    for (int s = 0; s < shown; s++)
        (void)fprintf(
            script,
            "set label name[%d] at graph 1, first %.6g left offset character 0.8,0 textcolor rgb '%s'\n",
            name[s] + 1, log ? pow(10.0, at[s]) : at[s], colours[name[s]]);
    free(name);
    free(at);
}

void apd_script_log_axis(FILE *script, char axis, double low, double high) {
    static const double steps[] = {1.0, 2.0, 5.0};
    const double wide =
        axis == 'x' ? 60.0
                    : 300.0; /* from here on powers of ten alone: numbers beside each other need room */
    const char *separator = "";
    (void)fprintf(script, "set logscale %c\nset %crange [%g:%g]\nset %ctics (", axis, axis, low, high, axis);
    for (double power = pow(10.0, floor(log10(low))); power <= high; power *= 10.0)
        for (int s = 0; s < 3; s++)
            if (steps[s] * power >= low && steps[s] * power <= high && (s == 0 || high / low < wide)) {
                (void)fprintf(script, "%s%g", separator, steps[s] * power);
                separator = ", ";
            }
    (void)fputs(")\n", script);
}

size_t apd_longest(const char *const *texts, int count) {
    size_t longest = 0;
    for (int t = 0; t < count; t++)
        longest = strlen(texts[t]) > longest ? strlen(texts[t]) : longest;
    return longest;
}
