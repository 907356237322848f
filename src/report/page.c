#include "report/page.h"

#include "base/counted.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/system/durable.h"
#include "io/system/file.h"
#include "report/facts.h"
#include "report/fallback.h"
#include "report/figures.h"
#include "report/gnuplot.h"
#include "report/script.h"
#include "report/style.h"
#include "report/svg.h"
#include "tables/cells.h"
#include "tables/print.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct page {
    const apd_report *report;
    const apd_page_settings *settings;
    char *figures; /* DIR/figures */
    FILE *file;    /* HTML */
    apd_json json;
} page;

/* --- a figure --------------------------------------------------------------------------------------------------------- */

/* "NAME", "NAME-2" in the second group, "NAME-3-apd-fixed" of a line. */
static void name_drawing(const apd_report *report, const apd_figure *figure, apd_drawing *drawing,
                         int number) {
    size_t used = (size_t)snprintf(drawing->name, sizeof drawing->name, "%s", figure->name);
    int group = drawing->group != NULL ? (int)(drawing->group - report->groups) : 0;
    if (group > 0)
        used += (size_t)snprintf(drawing->name + used, sizeof drawing->name - used, "-%d", group + 1);
    if (figure->scope != APD_OF_RUN || report->run_count == 1)
        return;
    used += (size_t)snprintf(drawing->name + used, sizeof drawing->name - used, "-%d-", number + 1);
    for (const char *c = drawing->line->name; *c != '\0' && used + 1 < sizeof drawing->name; c++)
        if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '-')
            drawing->name[used++] = *c;
    drawing->name[used] = '\0';
}

static apd_status write_script(const page *p, const apd_figure *figure, const apd_drawing *drawing,
                               apd_error *error) {
    char about[256], name[80];
    apd_text script;
    (void)snprintf(about, sizeof about, "%s: %s%s%s", figure->title, p->report->title,
                   drawing->line != NULL && p->report->run_count > 1 ? ", " : "",
                   drawing->line != NULL && p->report->run_count > 1 ? drawing->line->name : "");
    (void)snprintf(name, sizeof name, "%s.gp", drawing->name);
    apd_text_begin(&script, "a figure's script");
    apd_script_begin(script.file, drawing->name, about, drawing->width, drawing->height);
    for (int s = 0; s < drawing->sheet_count; s++)
        apd_sheet_block(&drawing->sheets[s], script.file);
    figure->draw(drawing, script.file);
    (void)apd_text_end(&script);
    apd_status status = apd_write_file(p->figures, name, script.text, (int64_t)script.size, error);
    free(script.text);
    return status;
}

/* Draw the script into the page, and as pictures beside it. */
static apd_status put_drawn(const page *p, const apd_figure *figure, const apd_drawing *drawing,
                            apd_error *error) {
    char script[80], *svg = NULL;
    size_t bytes = 0;
    (void)snprintf(script, sizeof script, "%s.gp", drawing->name);
    apd_status status = apd_gnuplot_run(p->figures, script, "page", &svg, &bytes, error);
    if (status == APD_OK)
        status = apd_svg_filter(svg, drawing->name, figure->title, p->file, error);
    free(svg);
    for (int f = 0; status == APD_OK && p->settings->formats[f] != NULL; f++)
        status = apd_gnuplot_run(p->figures, script, p->settings->formats[f], NULL, NULL, error);
    return status;
}

static void put_numbers(const page *p, const apd_drawing *drawing) {
    bool shown = false;
    for (int s = 0; s < drawing->sheet_count; s++)
        shown = shown || !drawing->sheets[s].matrix || drawing->sheets[s].rows <= 60;
    if (shown) {
        (void)fputs("<details><summary>Numbers</summary>\n", p->file);
        for (int s = 0; s < drawing->sheet_count; s++)
            apd_sheet_html(&drawing->sheets[s], p->file);
        (void)fputs("</details>\n", p->file);
    } else {
        (void)fputs("<p class=\"note\">Numbers: in this page's JSON block.</p>\n", p->file);
    }
}

static void put_json(page *p, const apd_figure *figure, const apd_drawing *drawing) {
    apd_json_begin_object(&p->json, NULL);
    apd_json_text(&p->json, "name", drawing->name);
    apd_json_text(&p->json, "title", figure->title);
    if (drawing->line != NULL)
        apd_json_text(&p->json, "line", drawing->line->name);
    apd_json_begin_array(&p->json, "sheets");
    for (int s = 0; s < drawing->sheet_count; s++)
        apd_sheet_json(&drawing->sheets[s], &p->json);
    apd_json_end(&p->json);
    apd_json_end(&p->json);
}

/* In a row of one figure a line, the row has the title and what is shown. */
static bool is_in_row(const page *p, const apd_drawing *drawing) {
    return drawing->line != NULL && p->report->run_count > 1;
}

static void put_title(const page *p, const apd_figure *figure, const apd_drawing *drawing) {
    (void)fprintf(p->file, "<figure id=\"%s\">\n<h3>", drawing->name);
    if (is_in_row(p, drawing))
        apd_html_text(p->file, drawing->line->name);
    else
        (void)fputs(figure->title, p->file);
    (void)fputs("</h3>\n", p->file);
}

static void put_caption(const page *p, const apd_figure *figure, const apd_drawing *drawing) {
    (void)fprintf(p->file, "<figcaption>%s", is_in_row(p, drawing) ? "" : figure->caption);
    if (figure->remark != NULL)
        figure->remark(drawing, p->file);
    (void)fputs("</figcaption>\n", p->file);
}

/* Show a drawing whose numbers are there. What gnuplot refuses is shown as without it. */
static apd_status put_figure(page *p, const apd_figure *figure, const apd_drawing *drawing,
                             apd_error *error) {
    apd_text picture;
    FILE *file = p->file;
    apd_status status = write_script(p, figure, drawing, error);
    if (status != APD_OK)
        return status;
    put_title(p, figure, drawing);
    apd_error fault = {0};
    apd_text_begin(&picture, "a figure");
    p->file = picture.file;
    bool drawn = p->settings->gnuplot && put_drawn(p, figure, drawing, &fault) == APD_OK;
    p->file = file;
    (void)apd_text_end(&picture);
    if (drawn)
        (void)fwrite(picture.text, 1, picture.size, file);
    else
        status = apd_fallback_put(drawing, p->figures, file, error);
    free(picture.text);
    if (fault.status != APD_OK)
        apd_warn("%s", fault.message);
    put_caption(p, figure, drawing);
    put_numbers(p, drawing);
    (void)fputs("</figure>\n", file);
    put_json(p, figure, drawing);
    return status;
}

/* --- groups ----------------------------------------------------------------------------------------------------------- */

/* *shown: whether the line has such a figure. */
static apd_status try_figure(page *p, const apd_figure *figure, const apd_report_group *group, int line,
                             bool *shown, apd_error *error) {
    apd_drawing drawing = {
        .report = p->report, .group = group, .width = figure->width, .height = figure->height};
    if (figure->scope == APD_OF_RUN) {
        drawing.line = &group->lines[line];
        drawing.run = &p->report->runs[drawing.line->typical];
    }
    name_drawing(p->report, figure, &drawing, line);
    apd_status status = APD_OK;
    *shown = figure->numbers(&drawing);
    if (*shown)
        status = put_figure(p, figure, &drawing, error);
    apd_drawing_clear(&drawing);
    return status;
}

static bool has_means(const apd_report_group *group) {
    bool any = false;
    for (int l = 0; l < group->line_count; l++)
        any = any || group->lines[l].count > 1;
    return any;
}

/* A figure of each line side by side, below one title. */
static apd_status put_row(page *p, const apd_figure *figure, const apd_report_group *group,
                          apd_error *error) {
    apd_text row;
    FILE *file = p->file;
    bool any = false, shown = false;
    apd_status status = APD_OK;
    apd_text_begin(&row, "figures");
    p->file = row.file;
    for (int l = 0; l < group->line_count && status == APD_OK; l++) {
        status = try_figure(p, figure, group, l, &shown, error);
        any = any || shown;
    }
    p->file = file;
    (void)apd_text_end(&row);
    if (any && status == APD_OK) {
        (void)fprintf(file, "<h2>%s</h2>\n<p class=\"note\">%s%s</p>\n<div class=\"figures%s\">\n",
                      figure->title, figure->caption,
                      has_means(group) ? " Of each line, the run of median accuracy." : "",
                      figure->is_small ? " small" : "");
        (void)fwrite(row.text, 1, row.size, file);
        (void)fputs("</div>\n", file);
    }
    free(row.text);
    return status;
}

/* Of a single run all together; of several, first those that compare lines, then rows of the others. */
static apd_status put_figures(page *p, const apd_report_group *group, apd_error *error) {
    apd_status status = APD_OK;
    const bool single = p->report->run_count == 1;
    bool shown = false;
    (void)fputs("<h2>Figures</h2>\n<div class=\"figures\">\n", p->file);
    for (const apd_figure *f = apd_figures; f->name != NULL && status == APD_OK; f++)
        if (f->scope == APD_OF_GROUP || (f->scope == APD_OF_RUN && single))
            status = try_figure(p, f, group, 0, &shown, error);
    (void)fputs("</div>\n", p->file);
    for (const apd_figure *f = apd_figures; f->name != NULL && status == APD_OK && !single; f++)
        if (f->scope == APD_OF_RUN)
            status = put_row(p, f, group, error);
    return status;
}

static apd_status put_group(page *p, const apd_report_group *group, apd_error *error) {
    const bool tables = group->table >= 0 && p->report->run_count > 1;
    if (p->report->group_count > 1)
        (void)fprintf(p->file, "<h2>Table %d: %s of data %016llx</h2>\n", group->table + 1,
                      apd_count(group->tasks, "task").text,
                      (unsigned long long)p->report->runs[group->lines[0].runs[0]].result->data_digest);
    if (tables)
        apd_print_html(p->file, &p->report->set, group->table, APD_PRINT_LINES);
    apd_status status = put_figures(p, group, error);
    if (tables && group->line_count > 1)
        (void)fputs("<h2>In pairs</h2>\n", p->file);
    if (tables)
        apd_print_html(p->file, &p->report->set, group->table,
                       group->line_count > 1 ? APD_PRINT_PAIRS | APD_PRINT_MEANING : APD_PRINT_MEANING);
    return status;
}

/* What grows with ranks and tasks, if the report has such tables. */
static apd_status put_scaling(page *p, apd_error *error) {
    apd_status status = APD_OK;
    bool shown = false;
    if (p->report->scaling.columns == 0 && p->report->roofline.columns == 0)
        return APD_OK;
    (void)fputs("<h2>Scaling</h2>\n<div class=\"figures\">\n", p->file);
    for (const apd_figure *f = apd_figures; f->name != NULL && status == APD_OK; f++)
        if (f->scope == APD_OF_REPORT)
            status = try_figure(p, f, NULL, 0, &shown, error);
    (void)fputs("</div>\n", p->file);
    return status;
}

/* --- the page --------------------------------------------------------------------------------------------------------- */

static void put_head(const page *p, bool live) {
    (void)fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                "'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">\n"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                "<link rel=\"icon\" href=\"data:,\">\n",
                p->file);
    if (live)
        (void)fprintf(p->file, "<meta http-equiv=\"refresh\" content=\"%d\">\n", p->settings->refresh);
    (void)fputs("<title>", p->file);
    apd_html_text(p->file, p->report->title);
    (void)fputs(" – apd report</title>\n", p->file);
    apd_style_put(p->file);
    (void)fprintf(p->file, "</head>\n<body>\n<header>\n<p class=\"over\">apd report · %s</p>\n<h1>",
                  p->report->is_study         ? "study"
                  : p->report->run_count == 0 ? "bench"
                                              : apd_count(p->report->run_count, "run").text);
    apd_html_text(p->file, p->report->title);
    (void)fputs("</h1>\n", p->file);
    apd_facts_head(p->report, p->file);
    (void)fputs("</header>\n<main>\n", p->file);
}

/* JSON in a page: "<" as its escape, so that no text ends the block. */
static void put_block(FILE *file, const char *json) {
    (void)fputs("<script type=\"application/json\" id=\"data\">\n", file);
    for (; *json != '\0'; json++)
        if (*json == '<')
            (void)fputs("\\u003c", file);
        else
            (void)fputc(*json, file);
    (void)fputs("</script>\n", file);
}

static void put_foot(const page *p, bool live, const char *json) {
    char now[32] = "";
    time_t at = time(NULL);
    struct tm utc;
    if (gmtime_r(&at, &utc) != NULL)
        (void)strftime(now, sizeof now, "%Y-%m-%d %H:%M:%S UTC", &utc);
    (void)fprintf(p->file, "</main>\n<footer class=\"note\">\n<p>Made %s by apd %s from the runs' files.",
                  now, APD_VERSION);
    if (live)
        (void)fprintf(p->file, " The page reads itself again every %d s.", p->settings->refresh);
    if (!p->settings->gnuplot)
        (void)fputs(" There was no gnuplot: with it (Debian's package gnuplot-nox) the figures have axes.",
                    p->file);
    (void)fputs(
        " The numbers of all figures are in this page as JSON; <code>figures/</code> beside it has a script "
        "of each for gnuplot.</p>\n</footer>\n",
        p->file);
    put_block(p->file, json);
    (void)fputs("</body>\n</html>\n", p->file);
}

static apd_status put_body(page *p, apd_error *error) {
    apd_status status = APD_OK;
    if (p->report->run_count > 0) {
        apd_facts_missing(p->report, p->file);
        apd_facts_tiles(p->report, p->file);
    }
    apd_json_begin_array(&p->json, "figures");
    status = put_scaling(p, error);
    for (int g = 0; g < p->report->group_count && status == APD_OK; g++)
        status = put_group(p, &p->report->groups[g], error);
    apd_json_end(&p->json);
    if (p->report->run_count == 0)
        return status;
    apd_facts_runs(p->report, p->file);
    apd_facts_tasks(p->report, p->file);
    apd_facts_origin(p->report, p->file);
    return status;
}

apd_status apd_page_write(const apd_report *report, const apd_page_settings *settings, int64_t *bytes,
                          apd_error *error) {
    const bool live = settings->refresh > 0 && !apd_report_is_over(report);
    page p = {.report = report, .settings = settings};
    apd_text html, json;
    apd_status status = apd_make_folder(settings->folder, error);
    p.figures = apd_join_path(settings->folder, "figures");
    if (status == APD_OK)
        status = apd_make_folder(p.figures, error);
    apd_text_begin(&html, "a report");
    apd_text_begin(&json, "the numbers of a report");
    p.file = html.file;
    p.json = (apd_json){.file = json.file, .line = true};
    apd_json_begin_object(&p.json, NULL);
    apd_json_text(&p.json, "title", report->title);
    apd_json_text(&p.json, "program", "apd " APD_VERSION);
    apd_facts_json(report, &p.json);
    if (status == APD_OK) {
        put_head(&p, live);
        status = put_body(&p, error);
    }
    if (status != APD_OK) { /* the values that are open */
        while (p.json.depth > 0)
            apd_json_end(&p.json);
    } else {
        apd_json_end(&p.json);
    }
    (void)apd_text_end(&json);
    if (status == APD_OK)
        put_foot(&p, live, json.text);
    (void)apd_text_end(&html);
    if (status == APD_OK)
        status = apd_write_file(settings->folder, "index.html", html.text, (int64_t)html.size, error);
    *bytes = (int64_t)html.size;
    free(html.text);
    free(json.text);
    free(p.figures);
    return status;
}
