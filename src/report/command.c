/* apd report: runs, or a study, as one page. */
#include "report/command.h"

#include "base/log.h"
#include "base/memory.h"
#include "io/system/file.h"
#include "report/gnuplot.h"
#include "report/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FORMATS = 8, IDLE_ROUNDS = 20 };

typedef struct report_options {
    const char *output, *figures, *curves, *every, *published;
    bool live;
} report_options;

static const report_options defaults = {.curves = "1,6,11", .every = "30"};

static const apd_cli_option table[] = {
    {.name = "output",
     .argument = "DIR",
     .help = "write DIR/index.html (default: the folder report in the run's or study's own)",
     APD_CLI_HOLDS(report_options, output)},
    {.name = "figures",
     .argument = "LIST",
     .help = "the figures as files, too: pdf, png, tikz, separated by commas",
     APD_CLI_HOLDS(report_options, figures)},
    {.name = "curves",
     .argument = "LIST",
     .help = "places in the stream, from 1, of the tasks whose accuracy is followed (default 1,6,11)",
     APD_CLI_HOLDS(report_options, curves)},
    {.name = "published",
     .argument = "FILE",
     .help = "show results of papers, too: CSV with the columns name, accuracy, capacity (in per cent)",
     APD_CLI_HOLDS(report_options, published)},
    {.name = "live",
     .help = "write the page again and again, until no run is going on; a browser reads it again by itself",
     APD_CLI_SETS(report_options, live)},
    {.name = "every",
     .argument = "SECONDS",
     .help = "with --live: how often (default 30)",
     APD_CLI_HOLDS(report_options, every)},
    {0},
};

/* --- options --------------------------------------------------------------------------------------------------------- */

static apd_status parse_curves(const char *text, int curves[APD_REPORT_CURVES], int *count,
                               apd_error *error) {
    char *list = apd_duplicate_text(text), *rest = list;
    apd_status status = APD_OK;
    *count = 0;
    for (char *item; status == APD_OK && (item = strsep(&rest, ",")) != NULL;) {
        long place = 0;
        status = apd_cli_integer("curves", item, 1, 1000000000, &place, error);
        if (status == APD_OK && *count == APD_REPORT_CURVES)
            status = apd_fail(error, APD_ERROR_USAGE, "--curves: at most %d tasks", APD_REPORT_CURVES);
        if (status == APD_OK)
            curves[(*count)++] = (int)place - 1;
    }
    free(list);
    return status;
}

/* The formats as texts of their own, ending in NULL. */
static apd_status parse_formats(const char *text, const char *formats[FORMATS], apd_error *error) {
    static const char *const known[] = {"pdf", "png", "tikz"};
    int count = 0;
    formats[0] = NULL;
    for (const char *at = text; at != NULL;) {
        size_t length = strcspn(at, ","), k = 0;
        while (k < 3 && (strlen(known[k]) != length || strncmp(at, known[k], length) != 0))
            k++;
        if (k == 3)
            return apd_fail(error, APD_ERROR_USAGE, "--figures: \"%.*s\" is none of pdf, png, tikz",
                            (int)length, at);
        if (count + 1 < FORMATS)
            formats[count++] = known[k];
        formats[count] = NULL;
        at = at[length] == ',' ? at + length + 1 : NULL;
    }
    return APD_OK;
}

/* --- the command ----------------------------------------------------------------------------------------------------- */

/* What the command line asks for. */
typedef struct request {
    const char *const *names; /* (count) */
    int count;
    const char *output; /* NULL: beside the runs */
    int curve_count, curves[APD_REPORT_CURVES];
    apd_published published;
    apd_page_settings settings;
} request;

/* Read the runs; again where a file looks damaged, which one that is being written may. */
static apd_status read_runs(const request *asked, apd_report *report, apd_error *error) {
    const struct timespec pause = {.tv_nsec = 200000000};
    for (int tries = 2;; tries--) {
        apd_error own = {0};
        apd_status status = apd_report_read(asked->names, asked->count, report, &own);
        if (status == APD_OK)
            return APD_OK;
        if (status != APD_ERROR_DATA || tries == 0)
            return apd_fail(error, status, "%s", own.message);
        (void)nanosleep(&pause, NULL);
    }
}

/* Write the page once. *over: no run is going on or to come; *idle: none is going on. */
static apd_status write_once(request *asked, bool *over, bool *idle, apd_error *error) {
    apd_report report;
    double begin = apd_seconds();
    int64_t bytes = 0;
    APD_TRY(read_runs(asked, &report, error));
    char *own = apd_join_path(report.folder, "report");
    asked->settings.folder = asked->output != NULL ? asked->output : own;
    report.published = asked->published;
    report.curve_count = asked->curve_count;
    memcpy(report.curves, asked->curves, sizeof report.curves);
    apd_status status = apd_page_write(&report, &asked->settings, &bytes, error);
    if (status == APD_OK)
        (void)printf("%s/index.html: %.0f kB in %.1f s\n", asked->settings.folder, (double)bytes / 1e3,
                     apd_seconds() - begin);
    *over = apd_report_is_over(&report);
    *idle = !apd_report_is_running(&report);
    (void)fflush(stdout);
    free(own);
    apd_report_clear(&report);
    return status;
}

static apd_status run(const void *given, int count, const char *const *arguments, apd_error *error) {
    const report_options *options = given;
    const char *formats[FORMATS];
    request asked = {.names = arguments, .count = count, .output = options->output};
    bool over = false, idle = false;
    long every = 0;
    asked.settings = (apd_page_settings){.formats = formats, .gnuplot = apd_gnuplot_exists()};
    APD_TRY(parse_formats(options->figures, formats, error));
    APD_TRY(parse_curves(options->curves, asked.curves, &asked.curve_count, error));
    APD_TRY(apd_cli_integer("every", options->every, 1, 86400, &every, error));
    if (!asked.settings.gnuplot && options->figures != NULL)
        return apd_fail(error, APD_ERROR_USAGE,
                        "--figures needs gnuplot, which is not on the PATH (Debian's package: gnuplot-nox)");
    if (count > 1 && options->output == NULL)
        return apd_fail(error, APD_ERROR_USAGE,
                        "a page of several runs needs a folder of its own: --output DIR");
    if (options->published != NULL)
        APD_TRY(apd_published_read(options->published, &asked.published, error));
    asked.settings.refresh = options->live ? (int)every : 0;
    apd_status status = write_once(&asked, &over, &idle, error);
    if (status == APD_OK && !asked.settings.gnuplot)
        (void)printf("without gnuplot (Debian's package: gnuplot-nox) the figures have no axes\n");
    for (int waits = 0; status == APD_OK && options->live && !over; waits = idle ? waits + 1 : 0) {
        if (waits == IDLE_ROUNDS) { /* what is still to come has nobody to do it */
            asked.settings.refresh = 0;
            (void)printf("no run has been going on for %ld s: this is the last page\n", waits * every);
        }
        (void)sleep(waits < IDLE_ROUNDS ? (unsigned)every : 0U);
        status = write_once(&asked, &over, &idle, error);
        over = over || waits == IDLE_ROUNDS;
    }
    apd_published_clear(&asked.published);
    return status;
}

const apd_command apd_command_report = {
    .name = "report",
    .arguments = "RUN ... | STUDY | BENCH",
    .summary = "runs or a study as one page: tables and figures",
    .details =
        "Writes one HTML file that needs nothing else, from the files of the runs alone: tables, accuracy\n"
        "over the tasks, capacity, matrices, clusters, times, and what was run. Figures are drawn by "
        "gnuplot;\n"
        "DIR/figures has a script of each, which redraws it. Runs may go on meanwhile: docs/report.md.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .least = 1,
    .most = 1024,
    .run = run,
};
