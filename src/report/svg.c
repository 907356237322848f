#include "report/svg.h"

#include "base/memory.h"
#include "base/text.h"
#include "report/script.h"
#include "tables/cells.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 64, ATTRIBUTES = 32 };

/* --- what may pass ------------------------------------------------------------------------------------------- */

static const char *const elements[] = {"svg",      "g",    "defs", "path",  "rect", "circle", "polygon",
                                       "polyline", "line", "use",  "image", "text", "tspan",  NULL};
static const char *const attributes[] = {"d",
                                         "points",
                                         "x",
                                         "y",
                                         "x1",
                                         "y1",
                                         "x2",
                                         "y2",
                                         "dy",
                                         "width",
                                         "height",
                                         "cx",
                                         "cy",
                                         "r",
                                         "viewBox",
                                         "fill",
                                         "fill-opacity",
                                         "fill-rule",
                                         "stroke",
                                         "stroke-width",
                                         "stroke-linecap",
                                         "stroke-linejoin",
                                         "stroke-dasharray",
                                         "stroke-opacity",
                                         "color",
                                         "opacity",
                                         "transform",
                                         "font-size",
                                         "font-weight",
                                         "font-style",
                                         "text-anchor",
                                         "preserveAspectRatio",
                                         "shape-rendering",
                                         NULL};
static const char image_data[] = "data:image/png;base64,";

static bool is_in(const char *const *list, const char *name) {
    while (*list != NULL && strcmp(*list, name) != 0)
        list++;
    return *list != NULL;
}

static const char spaces[] = " \t\r\n";

/* --- reading ------------------------------------------------------------------------------------------------- */

typedef struct attribute {
    char *name, *value; /* owned; the value decoded */
} attribute;

typedef struct tag {
    char name[24];
    bool closes, empty; /* </g>, <g/> */
    int count;
    attribute attributes[ATTRIBUTES];
} tag;

typedef struct level {
    char name[24];
    bool dropped;      /* with all that is inside */
    bool is_group;     /* <g>, which is left out if nothing follows */
    size_t begin, end; /* of the output: where its tag begins and ends */
} level;

typedef struct filter {
    const char *all, *at, *end; /* the input, where it is read, and where it ends */
    const char *name, *label;
    apd_text out;
    int depth, defs;
    level levels[DEPTH];
} filter;

static void clear_tag(tag *read) {
    for (int a = 0; a < read->count; a++) {
        free(read->attributes[a].name);
        free(read->attributes[a].value);
    }
    read->count = 0;
}

/* `bytes` of text with the entities of XML decoded, to be freed; numeric ones become '?', and blanks in a row one space. */
static char *decode(const char *text, size_t bytes) {
    static const struct {
        const char *entity;
        char character;
    } known[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
    char *decoded = apd_allocate((int64_t)bytes + 1, 1, "a text of a figure"), *to = decoded;
    for (const char *end = text + bytes; text < end;) {
        size_t k = 0, count = sizeof known / sizeof known[0];
        while (k < count && (*text != '&' || strncmp(text, known[k].entity, strlen(known[k].entity)) != 0))
            k++;
        const char *close = *text == '&' && text[1] == '#' ? memchr(text, ';', (size_t)(end - text)) : NULL;
        if (k < count) {
            *to++ = known[k].character;
            text += strlen(known[k].entity);
        } else if (close != NULL) {
            *to++ = '?';
            text = close + 1;
        } else if (strchr(spaces, *text) != NULL) {
            *to++ = ' ';
            while (text < end && strchr(spaces, *text) != NULL)
                text++;
        } else {
            *to++ = *text++;
        }
    }
    *to = '\0';
    return decoded;
}

/* Read name = "value"; false: that is none. */
static bool read_attribute(filter *f, tag *read) {
    size_t length = strcspn(f->at, " \t\r\n=<>/\"'");
    if (length == 0 || read->count == ATTRIBUTES)
        return false;
    const char *name = f->at;
    f->at += length;
    f->at += strspn(f->at, spaces);
    if (*f->at++ != '=')
        return false;
    f->at += strspn(f->at, spaces);
    char quote = *f->at;
    if (quote != '"' && quote != '\'')
        return false;
    const char *value = f->at + 1, *end = memchr(value, quote, (size_t)(f->end - value));
    if (end == NULL)
        return false;
    attribute *a = &read->attributes[read->count++];
    a->name = apd_allocate((int64_t)length + 1, 1, "a name");
    memcpy(a->name, name, length);
    a->value = decode(value, (size_t)(end - value));
    f->at = end + 1;
    return true;
}

/* Read a tag at '<'. */
static bool read_tag(filter *f, tag *read) {
    *read = (tag){.count = 0};
    f->at++;
    read->closes = *f->at == '/';
    f->at += read->closes;
    size_t length = strcspn(f->at, " \t\r\n/>");
    if (length == 0 || length >= sizeof read->name)
        return false;
    memcpy(read->name, f->at, length);
    for (f->at += length;;) {
        f->at += strspn(f->at, spaces);
        if (*f->at == '>') {
            f->at++;
            return true;
        }
        if (f->at[0] == '/' && f->at[1] == '>') {
            read->empty = true;
            f->at += 2;
            return true;
        }
        if (!read_attribute(f, read))
            return false;
    }
}

static const char *value_of(const tag *read, const char *name) {
    for (int a = 0; a < read->count; a++)
        if (strcmp(read->attributes[a].name, name) == 0)
            return read->attributes[a].value;
    return NULL;
}

/* --- writing ------------------------------------------------------------------------------------------------- */

static size_t written(filter *f) {
    (void)fflush(f->out.file);
    return f->out.size;
}

/* The page's variable for a colour as gnuplot writes it: "rgb(  0, 114, 178)", or black. */
static const char *variable_of(const char *value) {
    int red = 0, green = 0, blue = 0;
    char hex[8];
    if (strcmp(value, "black") == 0)
        return "ink";
    if (sscanf(value, "rgb(%d ,%d ,%d )", &red, &green, &blue) != 3)
        return NULL;
    (void)snprintf(hex, sizeof hex, "#%02x%02x%02x", (unsigned)red & 255U, (unsigned)green & 255U,
                   (unsigned)blue & 255U);
    for (const apd_colour *c = apd_colours; c->name != NULL; c++)
        if (strcmp(c->light, hex) == 0)
            return c->name;
    return NULL;
}

static bool is_colour(const char *name) {
    return strcmp(name, "fill") == 0 || strcmp(name, "stroke") == 0 || strcmp(name, "color") == 0;
}

/* A reference within the figure, or a picture in place; anything else is dropped. */
static void put_reference(filter *f, const char *value) {
    const char *data = value + sizeof image_data - 1;
    if (value[0] == '#') {
        (void)fprintf(f->out.file, " href=\"#%s-", f->name);
        apd_html_text(f->out.file, value + 1);
        (void)fputc('"', f->out.file);
    } else if (strncmp(value, image_data, sizeof image_data - 1) == 0) {
        (void)fprintf(f->out.file, " href=\"%s", image_data);
        for (; *data != '\0'; data++)
            if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=", *data) != NULL)
                (void)fputc(*data, f->out.file);
        (void)fputc('"', f->out.file);
    }
}

static void put_attribute(filter *f, const attribute *a) {
    const char *variable = is_colour(a->name) ? variable_of(a->value) : NULL;
    if (strcmp(a->name, "xlink:href") == 0 || strcmp(a->name, "href") == 0) {
        put_reference(f, a->value);
    } else if (strcmp(a->name, "id") == 0 && f->defs > 0) {
        (void)fprintf(f->out.file, " id=\"%s-", f->name);
        apd_html_text(f->out.file, a->value);
        (void)fputc('"', f->out.file);
    } else if (variable != NULL) {
        (void)fprintf(f->out.file, " %s=\"var(--%s)\"", a->name, variable);
    } else if (is_in(attributes, a->name) && strstr(a->value, "url(") == NULL) {
        (void)fprintf(f->out.file, " %s=\"", a->name);
        apd_html_text(f->out.file, a->value);
        (void)fputc('"', f->out.file);
    }
}

/* gnuplot_svg.showHypertext(evt,'TEXT'), in which a line ends with \n. */
static void put_tooltip(filter *f, const char *call) {
    static const char begin[] = "gnuplot_svg.showHypertext(evt,'";
    const char *end = strrchr(call, '\'');
    if (strncmp(call, begin, sizeof begin - 1) != 0 || end < call + sizeof begin - 1)
        return;
    char *text = apd_duplicate_text(call + sizeof begin - 1), *line = text;
    text[end - (call + sizeof begin - 1)] = '\0';
    (void)fputs("<title>", f->out.file);
    for (char *next; line != NULL; line = next) {
        next = strstr(line, "\\n");
        if (next != NULL) {
            *next = '\0';
            next += 2;
        }
        apd_html_text(f->out.file, line);
        if (next != NULL)
            (void)fputc('\n', f->out.file);
    }
    (void)fputs("</title>", f->out.file);
    free(text);
}

static void put_tag(filter *f, const tag *read) {
    bool root = f->depth == 0;
    (void)fprintf(f->out.file, "<%s", read->name);
    if (root) {
        (void)fputs(" class=\"plot\" role=\"img\" aria-label=\"", f->out.file);
        apd_html_text(f->out.file, f->label);
        (void)fputc('"', f->out.file);
    }
    for (int a = 0; a < read->count; a++)
        if (!root || strcmp(read->attributes[a].name, "viewBox") == 0)
            put_attribute(f, &read->attributes[a]);
    (void)fputs(read->empty ? "/>" : ">", f->out.file);
    const char *tooltip = value_of(read, "onmousemove");
    if (tooltip != NULL && !read->empty)
        put_tooltip(f, tooltip);
}

/* --- the whole ----------------------------------------------------------------------------------------------- */

/* Whether anything refers to a shape of <defs>. */
static bool is_used(const filter *f, const tag *read) {
    const char *id = value_of(read, "id");
    if (f->defs == 0 || id == NULL)
        return true;
    size_t length = strlen(id);
    for (const char *at = f->all; (at = memchr(at, '#', (size_t)(f->end - at))) != NULL; at++)
        if (strncmp(at + 1, id, length) == 0 && (at[length + 1] == '\'' || at[length + 1] == '"'))
            return true;
    return false;
}

static bool is_dropped(const filter *f, const tag *read) {
    return !is_in(elements, read->name) || !is_used(f, read) ||
           (f->depth == 0) != (strcmp(read->name, "svg") == 0);
}

/* Leave out a group in which nothing came. */
static void close_level(filter *f, const level *closed) {
    bool nothing = closed->is_group && written(f) == closed->end && closed->end > closed->begin;
    if (nothing)
        (void)fseeko(f->out.file, (off_t)closed->begin, SEEK_SET);
    else
        (void)fprintf(f->out.file, "</%s>", closed->name);
    f->defs -= strcmp(closed->name, "defs") == 0;
}

static bool take_tag(filter *f, const tag *read) {
    const level *outer = f->depth > 0 ? &f->levels[f->depth - 1] : NULL;
    bool dropped = (outer != NULL && outer->dropped) || is_dropped(f, read);
    if (read->closes) {
        if (outer == NULL || strcmp(outer->name, read->name) != 0)
            return false;
        f->depth--;
        if (!outer->dropped)
            close_level(f, outer);
        return true;
    }
    level next = {.dropped = dropped, .is_group = strcmp(read->name, "g") == 0, .begin = written(f)};
    if (!dropped)
        put_tag(f, read);
    next.end = written(f);
    if (read->empty)
        return true;
    if (f->depth == DEPTH)
        return false;
    memcpy(next.name, read->name, sizeof next.name);
    f->defs += strcmp(read->name, "defs") == 0 && !dropped;
    f->levels[f->depth++] = next;
    return true;
}

/* Text counts inside <text> and <tspan> alone. */
static void take_text(filter *f, size_t bytes) {
    const level *inside = f->depth > 0 ? &f->levels[f->depth - 1] : NULL;
    if (inside != NULL && !inside->dropped &&
        (strcmp(inside->name, "text") == 0 || strcmp(inside->name, "tspan") == 0)) {
        char *text = decode(f->at, bytes);
        apd_html_text(f->out.file, text);
        free(text);
    }
    f->at += bytes;
}

/* Behind what begins here and ends with `end`; NULL: it does not end. */
static const char *behind(const char *at, const char *end) {
    const char *found = strstr(at, end);
    return found != NULL ? found + strlen(end) : NULL;
}

static bool take_next(filter *f) {
    tag read;
    bool fine;
    if (*f->at != '<') {
        take_text(f, strcspn(f->at, "<"));
        return true;
    }
    if (f->at[1] == '?' || f->at[1] == '!') {
        f->at = behind(f->at, f->at[1] == '?' ? "?>" : strncmp(f->at, "<!--", 4) == 0 ? "-->" : ">");
        return f->at != NULL;
    }
    fine = read_tag(f, &read) && take_tag(f, &read);
    clear_tag(&read);
    return fine;
}

apd_status apd_svg_filter(const char *svg, const char *name, const char *label, FILE *page,
                          apd_error *error) {
    filter f = {.all = svg, .at = svg, .end = svg + strlen(svg), .name = name, .label = label};
    bool fine = true;
    apd_text_begin(&f.out, "a figure");
    while (fine && *f.at != '\0')
        fine = take_next(&f);
    (void)fflush(f.out.file);
    size_t end = (size_t)ftello(f.out.file);
    (void)apd_text_end(&f.out);
    fine = fine && f.depth == 0 && end > 0;
    if (fine)
        (void)fwrite(f.out.text, 1, end, page);
    free(f.out.text);
    return fine ? APD_OK : apd_fail(error, APD_ERROR_INTERNAL, "%s: gnuplot's SVG is not well-formed", name);
}
