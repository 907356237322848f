/* page: the report as one HTML file that needs nothing else: no network, no script, no font.
 *
 *   DIR/index.html            replaced by rename, so that a reader never meets half a page
 *   DIR/figures/NAME.gp       each figure's script with its numbers; NAME.svg, .pdf, ... where asked for
 * A policy in the page (Content-Security-Policy) forbids it to load or run anything. The numbers of all figures are in it twice: as
 * tables, and as JSON in a block that no browser runs. Local. */
#ifndef APD_REPORT_PAGE_H
#define APD_REPORT_PAGE_H

#include "report/report.h"

#include <stdbool.h>

typedef struct apd_page_settings {
    const char *folder;         /* DIR, which is made */
    const char *const *formats; /* of pictures beside the scripts: "pdf", "png", "tikz"; ends in NULL */
    int refresh;                /* seconds after which a browser reads the page again; 0: never */
    bool gnuplot;               /* whether there is a gnuplot */
} apd_page_settings;

/* Write the page. A figure that gnuplot cannot draw is shown as without gnuplot, and warned of. `*bytes`: of the page. Statuses: IO,
 * REQUEUE. */
apd_status apd_page_write(const apd_report *report, const apd_page_settings *settings, int64_t *bytes,
                          apd_error *error);

#endif
