/* Parts of a report: events that a kill repeated, texts that try to break out, SVG that tries to run, means over blocks. */
#include "report/events.h"
#include "report/figures.h"
#include "report/script.h"
#include "report/svg.h"

#include "base/memory.h"
#include "base/text.h"
#include "tables/cells.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after the headers that it needs */
#include <cmocka.h>

#include "folder.h"

/* cmocka compares floats only. */
static void assert_near(double actual, double expected, double within) {
    assert_true(fabs(actual - expected) <= within);
}

/* --- events ---------------------------------------------------------------------------------------------------- */

#define TASK(place, capacity, forward)                                                       \
    "{\"event\": \"task\", \"time\": \"t\", \"place\": " #place ", \"task\": 7, "            \
    "\"name\": \"a \\\"capacity\\\": 5 <b>\", \"capacity\": " #capacity ", \"seconds\": 2, " \
    "\"forward_ms\": " #forward "}\n"
#define LAYER(after, layer, members, rank)                                            \
    "{\"event\": \"consolidation\", \"after_tasks\": " #after ", \"layer\": \"" layer \
    "\", \"clusters\": 2, \"members\": \"" members "\", \"effective_rank\": " #rank   \
    ", \"shared_nonzeros\": 867}\n"

static void events_of_repeated_lines_are_the_last(void **state) {
    apd_events events;
    apd_error error = {0};
    (void)state;
    put("metrics.jsonl",
        "{\"event\": \"start\", \"commit\": 0}\n" TASK(0, 1.5, 3) TASK(1, 9, 9) LAYER(
            2, "conv1", "0: 1 2",
            4) "{\"event\": \"start\", \"commit\": 1}\n"
               "not JSON at all\n{\"event\": \"step\", \"place\": 1}\n" TASK(1, 2.5, null)
                   LAYER(2, "conv1", "0: 12; 1: 3 40", 2.5) LAYER(
                       2, "fc", "",
                       1) "{\"event\": \"consolidated\", \"after_tasks\": 2, \"average_accuracy\": 0.5}\n"
                          "{\"event\": \"forget\", \"after_tasks\": 2, \"name\": \"gone\"}\n" TASK(
                              2, 3, 1) "{\"event\": \"task\", \"place\": 0, \"capacity\": 1");
    assert_int_equal(apd_events_read(folder, 2, &events, &error), APD_OK);
    assert_int_equal(events.starts, 2);
    assert_int_equal(events.task_count, 2); /* the third is of another attempt */
    assert_near(events.tasks[0].capacity, 1.5, 0);
    assert_near(events.tasks[1].capacity, 2.5, 0);
    assert_near(events.tasks[0].phases[1], 3, 0);
    assert_true(isnan(events.tasks[1].phases[1]));
    assert_int_equal(events.layer_count, 2);
    assert_string_equal(events.layers[0].members, "0: 12; 1: 3 40");
    assert_near(events.layers[0].rank, 2.5, 0);
    assert_int_equal(events.consolidation_count, 1);
    assert_int_equal(events.forgotten_count, 1);
    apd_events_clear(&events);
    assert_int_equal(apd_events_read("/nowhere", 2, &events, &error), APD_OK);
    assert_int_equal(events.task_count, 0);
    apd_events_clear(&events);
}

static void clusters_are_by_numbers_of_tasks(void **state) {
    char members[] = "0: 12 999; 1: 3 40; 2:";
    const apd_layer_event layer = {.members = members};
    const int ids[] = {40, 5, 12, 3}, expected[] = {1, -1, 0, 1};
    int found[4];
    (void)state;
    apd_events_clusters(&layer, ids, 4, found);
    assert_memory_equal(found, expected, sizeof found);
}

/* --- texts ----------------------------------------------------------------------------------------------------- */

static const char *const hostile[] = {
    "<script>alert(1)</script>", "'; system('x'); '", "\"a\" \\n \\\\", "`touch x`", "a\nb\tc\033[1m",
    "x_{2}^3 @~ %d $1",          "\xff\xfe",          "Grüße"};
enum { HOSTILE = sizeof hostile / sizeof hostile[0] };

static int count_of(const char *text, char character) {
    int count = 0;
    for (; *text != '\0'; text++)
        count += *text == character;
    return count;
}

/* Each is a line: name[N] = format eq 'tikz' ? 'LATEX' : 'TEXT', with no quote inside the quotes. */
static void texts_of_scripts_stay_in_their_quotes(void **state) {
    apd_text script;
    (void)state;
    apd_text_begin(&script, "a script");
    apd_script_texts(script.file, hostile, HOSTILE);
    (void)apd_text_end(&script);
    char *line = strtok(script.text, "\n");
    assert_string_equal(line, "array name[8]");
    for (int t = 0; t < HOSTILE; t++) {
        line = strtok(NULL, "\n");
        assert_non_null(line);
        assert_int_equal(count_of(line, '\''), 6);
        assert_int_equal(count_of(line, '`'), 0);
        assert_int_equal(count_of(line, '"'), 0);
        const char *plain = strstr(line, "' : '");
        assert_non_null(plain);
        assert_int_equal(count_of(plain, '\\'), 0);
        for (const char *c = line; *c != '\0'; c++)
            assert_true((unsigned char)*c >= 0x20);
    }
    assert_null(strtok(NULL, "\n"));
    free(script.text);
}

static void html_text_is_text(void **state) {
    apd_text page;
    (void)state;
    apd_text_begin(&page, "a page");
    apd_html_text(page.file, "<b a=\"1\" c='2'>&\033");
    assert_string_equal(apd_text_end(&page), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;?");
    free(page.text);
}

/* --- SVG ------------------------------------------------------------------------------------------------------- */

static apd_status filter(const char *svg, char **made) {
    apd_text page;
    apd_error error = {0};
    apd_text_begin(&page, "a page");
    apd_status status = apd_svg_filter(svg, "fig", "A <label>", page.file, &error);
    *made = apd_text_end(&page);
    return status;
}

#define SVG "<?xml version=\"1.0\"?>\n<svg viewBox=\"0 0 9 9\" onload=\"x()\">\n"

static void svg_keeps_shapes_and_drops_what_runs(void **state) {
    char *made;
    (void)state;
    assert_int_equal(
        filter(
            SVG
            "<title>fig</title><desc>by</desc><defs><path id='gpPt1' d='M0,0'/><path id='gpPt2' "
            "d='M9,9'/></defs>"
            "<script>alert(1)</script><g "
            "fill='none'>\n</g><style>x</style><foreignObject><p>no</p></foreignObject>"
            "<g onmousemove=\"gnuplot_svg.showHypertext(evt,'one &lt;b&gt;\\ntwo's')\" onclick='x()'><title> "
            "</title>"
            "<use xlink:href='#gpPt1' color='rgb(  0, 114, 178)'/></g>"
            "<use href='http://x/y.svg#z'/><image xlink:href='data:image/png;base64,AA\"=='/>"
            "<image href='javascript:x()'/><path stroke='black' fill='url(#f)' style='a' d='M1,1\n\t L2,2 '/>"
            "<text>a &lt; b</text></svg>\n",
            &made),
        APD_OK);
    assert_string_equal(
        made, "<svg class=\"plot\" role=\"img\" aria-label=\"A &lt;label&gt;\" viewBox=\"0 0 9 9\"><defs>"
              "<path id=\"fig-gpPt1\" d=\"M0,0\"/></defs><g><title>one &lt;b&gt;\ntwo&#39;s</title>"
              "<use href=\"#fig-gpPt1\" color=\"var(--apd)\"/></g><use/><image "
              "href=\"data:image/png;base64,AA==\"/>"
              "<image/><path stroke=\"var(--ink)\" d=\"M1,1 L2,2 \"/><text>a &lt; b</text></svg>");
    free(made);
}

static void svg_that_is_not_well_formed_is_refused(void **state) {
    static const char *const bad[] = {"",
                                      "text",
                                      SVG,
                                      SVG "<g></svg>",
                                      SVG "<g a=b></g></svg>",
                                      SVG "<g a=\"b></g></svg>",
                                      SVG "<g a='1'b></g></svg>",
                                      SVG "</g></svg>",
                                      SVG "<!-- </svg>",
                                      "<html></html>"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *made;
        assert_int_equal(filter(bad[i], &made), APD_ERROR_INTERNAL);
        assert_string_equal(made, "");
        free(made);
    }
}

/* Cut and mixed up at every place: never more than a refusal, and never an element or attribute that may run. */
static void svg_of_any_bytes_lets_nothing_through(void **state) {
    static const char whole[] =
        SVG "<g onclick='x' fill='black'><script>x</script><text x=\"1\">&amp;&#60;</text></g></svg>";
    (void)state;
    for (size_t at = 0; at < sizeof whole - 1; at++)
        for (const char *other = "<>'\"/ =&"; *other != '\0'; other++) {
            char mixed[sizeof whole], *made;
            memcpy(mixed, whole, sizeof whole);
            mixed[at] = *other;
            (void)filter(mixed, &made);
            assert_null(strstr(made, "<script"));
            assert_null(strstr(made, " on"));
            free(made);
            mixed[at] = '\0';
            (void)filter(mixed, &made);
            free(made);
        }
}

/* --- figures --------------------------------------------------------------------------------------------------- */

/* R[t][j] of the hand-made stream below. */
static double accuracy(int t, int j) {
    return 0.3 + 0.0004 * j + (t > j && t % 100 == 0 ? 0.1 : 0.0);
}

/* 1,001 tasks: three to a cell, and two in the last. */
static void matrix_of_many_tasks_has_means_over_blocks(void **state) {
    enum { TASKS = 1001, BLOCK = 3 };
    apd_report report = {.run_count = 1};
    apd_result result = {.tasks = TASKS, .done = TASKS};
    apd_report_run trained = {.result = &result};
    apd_report_group group = {.tasks = TASKS};
    apd_drawing drawing = {.report = &report, .group = &group, .run = &trained};
    const apd_figure *figure = apd_figures;
    (void)state;
    for (int t = 0; t < TASKS; t++) {
        apd_accuracies_add_task(&result.accuracies);
        for (int j = 0; j <= t; j++)
            result.accuracies.now[j] = accuracy(t, j);
    }
    apd_accuracies_forget(&result.accuracies, 7);
    while (strcmp(figure->name, "matrix") != 0)
        figure++;
    assert_true(figure->numbers(&drawing));
    const apd_sheet *sheet = &drawing.sheets[0];
    assert_int_equal(sheet->rows, 334);
    for (int r = 0; r < sheet->rows; r += 37)
        for (int c = 0; c < sheet->columns; c++) {
            double sum = 0.0;
            int count = 0;
            for (int t = BLOCK * r; t < BLOCK * (r + 1) && t < TASKS; t++)
                for (int j = BLOCK * c; j < BLOCK * (c + 1) && j <= t; j++)
                    if (j != 7) {
                        sum += 100.0 * accuracy(t, j);
                        count++;
                    }
            double shown = *apd_sheet_at(sheet, r, c);
            if (count == 0)
                assert_true(isnan(shown));
            else
                assert_near(shown, sum / count, 1e-9);
        }
    apd_drawing_clear(&drawing);
    apd_accuracies_clear(&result.accuracies);
}

static void places_are_few_and_end_with_the_last(void **state) {
    (void)state;
    for (int tasks = 1; tasks < 3000; tasks += tasks < 20 ? 1 : 97) {
        int count = 0, *places = apd_drawing_places(tasks, 500, &count);
        assert_true(count >= 1 && count <= 501);
        assert_int_equal(places[0], 0);
        assert_int_equal(places[count - 1], tasks - 1);
        for (int i = 1; i < count; i++)
            assert_true(places[i] > places[i - 1]);
        if (tasks <= 500)
            assert_int_equal(count, tasks);
        free(places);
    }
}

static void labels_are_spread_in_their_order(void **state) {
    double y[] = {50, 50.1, 10, 50.2, 99, 0};
    (void)state;
    apd_spread(y, 6, 6, 0, 100);
    assert_true(y[3] - y[1] > 5.99 && y[1] - y[0] > 5.99);
    assert_near(y[1], 50.1, 0.5);
    assert_near(y[2], 10, 1e-9);
    assert_near(y[4], 99, 1e-9);
    double many[20] = {0};
    apd_spread(many, 20, 10, 0, 100); /* more than fit: still finite */
    for (int i = 0; i < 20; i++)
        assert_true(isfinite(many[i]));
}

static void sheet_writes_what_is_missing(void **state) {
    apd_sheet sheet = apd_sheet_make("s", 3, 2);
    apd_text text;
    (void)state;
    for (int c = 0; c < 3; c++)
        apd_sheet_head(&sheet, c, 1, "%c\"<", 'a' + c);
    *apd_sheet_at(&sheet, 0, 0) = 1.25;
    *apd_sheet_at(&sheet, 1, 1) = -2;
    sheet.matrix = true;
    apd_text_begin(&text, "a sheet");
    apd_sheet_block(&sheet, text.file);
    apd_json json = {.file = text.file, .line = true};
    apd_sheet_json(&sheet, &json);
    assert_string_equal(apd_text_end(&text), "$s << EOD\n1.2\tnan\tnan\nnan\t-2.0\tnan\nEOD\n"
                                             "{\"name\": \"s\", \"rows\": [[1.2],\n[null,-2.0]]}\n");
    free(text.text);
    apd_sheet_clear(&sheet);
}

static int remove_folder(void **state) {
    (void)state;
    run("rm -rf %s", folder);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_of_repeated_lines_are_the_last),
        cmocka_unit_test(clusters_are_by_numbers_of_tasks),
        cmocka_unit_test(texts_of_scripts_stay_in_their_quotes),
        cmocka_unit_test(html_text_is_text),
        cmocka_unit_test(svg_keeps_shapes_and_drops_what_runs),
        cmocka_unit_test(svg_that_is_not_well_formed_is_refused),
        cmocka_unit_test(svg_of_any_bytes_lets_nothing_through),
        cmocka_unit_test(matrix_of_many_tasks_has_means_over_blocks),
        cmocka_unit_test(places_are_few_and_end_with_the_last),
        cmocka_unit_test(labels_are_spread_in_their_order),
        cmocka_unit_test(sheet_writes_what_is_missing),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
