#include "report/style.h"

#include "report/script.h"

/* Colours of figures are variables, too: a figure in the page follows light and dark. */
static void put_colours(FILE *page, int dark) {
    for (const apd_colour *c = apd_colours; c->name != NULL; c++)
        (void)fprintf(page, "--%s:%s;", c->name, dark ? c->dark : c->light);
}

static const char rules[] =
    "*{box-sizing:border-box}\n"
    "html{color-scheme:light dark;-webkit-text-size-adjust:100%}\n"
    "body{margin:0 auto;max-width:1140px;padding:1.5rem 1.25rem "
    "4rem;background:var(--paper);color:var(--ink);"
    "font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;"
    "font-variant-numeric:tabular-nums}\n"
    "h1{font-size:1.75rem;line-height:1.2;margin:.25rem 0 .25rem;overflow-wrap:anywhere}\n"
    "h2{font-size:1.2rem;line-height:1.3;margin:2.5rem 0 .75rem;padding-top:.75rem;border-top:1px solid "
    "var(--grid)}\n"
    "h3{font-size:1rem;margin:0 0 .25rem}\n"
    "h3 small{font-weight:400;color:var(--dim)}\n"
    "p{margin:.5rem 0;max-width:46rem}\n"
    ".over{color:var(--dim);font-size:.8rem;letter-spacing:.06em;text-transform:uppercase;margin:0}\n"
    ".note,figcaption{color:var(--dim);font-size:.85rem;line-height:1.45}\n"
    ".warn{border-left:3px solid var(--ewc);padding:.25rem .75rem;background:var(--shade)}\n"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.75rem;margin:1.25rem "
    "0}\n"
    ".tiles div{border:1px solid var(--grid);border-radius:6px;padding:.6rem .8rem}\n"
    ".tiles b{display:block;font-size:1.35rem;font-weight:600;line-height:1.25;white-space:nowrap}\n"
    ".tiles b small{font-size:.85rem;font-weight:400;color:var(--dim)}\n"
    ".tiles span{color:var(--dim);font-size:.8rem}\n"
    ".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,max(21rem,45%)),1fr));gap:"
    "2rem 2rem;"
    "align-items:start}\n"
    ".small{grid-template-columns:repeat(auto-fill,minmax(min(100%,17rem),1fr));gap:1.5rem}\n"
    "figure{margin:0;min-width:0}\n"
    "figcaption{margin-top:.35rem}\n"
    ".plot{display:block;width:100%;height:auto;max-width:560px}\n"
    ".plot text{font-family:inherit}\n"
    ".plot image,img.plot{image-rendering:pixelated}\n"
    "img.plot{max-width:26rem}\n"
    ".small .plot{max-width:330px}\n"
    ".spark{width:120px;height:26px}.spark polyline{fill:none;stroke:var(--apd);stroke-width:1.5}\n"
    ".sparks th,.sparks td{vertical-align:middle}\n"
    ".scroll{overflow-x:auto;margin:.75rem 0}\n"
    "table{border-collapse:collapse;font-size:.84rem;line-height:1.35}\n"
    ".caption{max-width:none;font-weight:600;font-size:.84rem;margin:1.25rem 0 -.25rem}\n"
    "th,td{padding:.3rem .5rem;text-align:right;white-space:nowrap;vertical-align:baseline}\n"
    "th:first-child,td:first-child{padding-left:0}\n"
    "thead th{border-bottom:1px solid var(--axis);font-weight:600;vertical-align:bottom}\n"
    "tbody tr+tr>*{border-top:1px solid var(--grid)}\n"
    "tbody th{font-weight:400}\n"
    ".text{text-align:left}\n"
    ".wrap{white-space:normal;overflow-wrap:anywhere;min-width:9rem}.key{white-space:normal}\n"
    "u{text-underline-offset:.2em}\n"
    "details{margin:.4rem 0}\n"
    "summary{cursor:pointer;color:var(--dim);font-size:.85rem}\n"
    "details .scroll{max-height:24rem;overflow:auto}\n"
    "pre{overflow:auto;max-height:30rem;font-size:.8rem;line-height:1.4;padding:.75rem;background:var(--"
    "shade);"
    "border-radius:6px}\n"
    "code{font-size:.9em}\n"
    "@media(max-width:480px){body{padding:1rem 1rem 3rem}h1{font-size:1.5rem}}\n"
    "footer{margin-top:3rem;border-top:1px solid var(--grid);padding-top:.75rem}\n";

static const char print_rules[] =
    "body{max-width:none;padding:0;font-size:10.5pt}\n"
    ".figures{grid-template-columns:1fr 1fr;gap:1.2rem}.small{grid-template-columns:1fr 1fr 1fr}\n"
    "h2,h3,.caption,h2+.note{break-after:avoid}figure,tr,.tiles div{break-inside:avoid}\n"
    ".scroll{overflow:visible}table{font-size:7.8pt}th,td{padding:.15rem .35rem}\n"
    "figure details{display:none}pre{max-height:none;white-space:pre-wrap}\n"
    "@page{margin:16mm 14mm}\n";

void apd_style_put(FILE *page) {
    (void)fputs("<style>\n:root{--paper:#fff;--dim:#5f6368;--shade:#f6f7f8;", page);
    put_colours(page, 0);
    (void)fputs("}\n@media screen and "
                "(prefers-color-scheme:dark){:root{--paper:#141517;--dim:#a0a4aa;--shade:#1e2023;",
                page);
    put_colours(page, 1);
    (void)fprintf(page, "}}\n%s@media print{\n%s}\n</style>\n", rules, print_rules);
}
