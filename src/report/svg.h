/* svg: gnuplot's SVG made fit for a page that runs no script and has other figures beside it.
 *
 * Elements and attributes that are not on the lists of svg.c are dropped, so nothing that could run or load gets through, whatever
 * the input. What changes of the rest:
 *   - hypertext, which gnuplot shows by its own script, becomes <title>, which browsers show by themselves;
 *   - colours become the page's variables (report/script.h), so that they suit dark pages, too;
 *   - names of shapes get the figure's name in front, and shapes that nothing uses are left out;
 *   - plots' own titles ("NAME_plot_1") and groups without contents are left out.
 * Local. */
#ifndef APD_REPORT_SVG_H
#define APD_REPORT_SVG_H

#include "base/status.h"

#include <stdio.h>

/* Write `svg` as an element <svg> of a page. `name`: letters, digits and '-' only. `label`: what the figure is, for those who cannot
 * see it. Status: INTERNAL for a text that is no well-formed XML; something may have been written then. */
apd_status apd_svg_filter(const char *svg, const char *name, const char *label, FILE *page, apd_error *error);

#endif
