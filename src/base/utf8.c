#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

typedef struct lead {
    unsigned char mask, mark; /* (byte & mask) == mark */
    size_t length;
    uint32_t least; /* smaller codes are overlong */
} lead;

static const lead leads[] = {
    {0x80, 0x00, 1, 0x0}, {0xE0, 0xC0, 2, 0x80}, {0xF0, 0xE0, 3, 0x800}, {0xF8, 0xF0, 4, 0x10000}};

size_t apd_utf8_decode(const char *text, size_t bytes, uint32_t *code) {
    const unsigned char *byte = (const unsigned char *)text;
    for (size_t i = 0; i < sizeof leads / sizeof *leads; i++) {
        const lead *form = &leads[i];
        if ((byte[0] & form->mask) != form->mark)
            continue;
        if (form->length > bytes)
            return 0;
        uint32_t value = byte[0] & (uint32_t)(unsigned char)~form->mask;
        for (size_t k = 1; k < form->length; k++) {
            if ((byte[k] & 0xC0) != 0x80)
                return 0;
            value = value << 6 | (byte[k] & 0x3FU);
        }
        if (value < form->least || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
            return 0;
        *code = value;
        return form->length;
    }
    return 0;
}

/* Unicode calls line separators and byte order marks printable, but YAML readers fold or drop them. */
static bool is_printable(uint32_t code) {
    if (code < 0x20 || (code >= 0x7F && code < 0xA0))
        return false;
    return code != 0x2028 && code != 0x2029 && code != 0xFEFF && code != 0xFFFE && code != 0xFFFF;
}

bool apd_utf8_printable(const char *text, size_t bytes) {
    for (size_t at = 0; at < bytes;) {
        uint32_t code = 0;
        size_t length = apd_utf8_decode(text + at, bytes - at, &code);
        if (length == 0 || !is_printable(code))
            return false;
        at += length;
    }
    return true;
}

void apd_utf8_excerpt(const char *text, size_t bytes, char *out, size_t size) {
    size_t used = 0;
    for (size_t at = 0; at < bytes;) {
        uint32_t code = 0;
        size_t length = apd_utf8_decode(text + at, bytes - at, &code);
        bool good = length > 0 && is_printable(code);
        size_t step = length > 0 ? length : 1;
        size_t width = good ? length : 1;
        size_t spare = at + step < bytes ? sizeof "..." : 1;
        if (used + width + spare > size) {
            memcpy(out + used, "...", sizeof "...");
            return;
        }
        memcpy(out + used, good ? text + at : "?", width);
        used += width;
        at += step;
    }
    out[used] = '\0';
}

void apd_utf8_clean(char *text) {
    size_t bytes = strlen(text), used = 0;
    for (size_t at = 0; at < bytes;) {
        uint32_t code = 0;
        size_t length = apd_utf8_decode(text + at, bytes - at, &code);
        bool good = length > 0 && is_printable(code);
        size_t step = length > 0 ? length : 1;
        if (good)
            memmove(text + used, text + at, length);
        else
            text[used] = '?';
        used += good ? length : 1;
        at += step;
    }
    text[used] = '\0';
}

apd_shown apd_utf8_shown(const char *name) {
    apd_shown shown;
    (void)snprintf(shown.text, sizeof shown.text, "%s", name);
    apd_utf8_clean(shown.text);
    return shown;
}
