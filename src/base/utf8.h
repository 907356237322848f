/* utf8: the characters of a text that may come from anywhere (a file, an option, a folder's name).
 *
 * A control character from a file can move a terminal's cursor, or make it send what nobody typed. Texts from outside
 * reach a terminal or a log only cleaned: apd_fail, apd_log and their kin clean every message; tables on the standard
 * output use apd_utf8_shown. Local. */
#ifndef APD_BASE_UTF8_H
#define APD_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decode the first character of `text`, which has `bytes` > 0 bytes, into `*code`. Returns its length, 1 .. 4; 0 if the bytes are
 * not UTF-8 (cut, overlong, a surrogate, above U+10FFFF). */
size_t apd_utf8_decode(const char *text, size_t bytes, uint32_t *code);

/* Whether all of `text` is UTF-8 without control characters and line breaks, so that a double-quoted YAML scalar holds it without
 * escapes. */
bool apd_utf8_printable(const char *text, size_t bytes);

/* Write a printable form of `text` for a message into `out`: at most size-1 bytes, '?' for each character that is not printable,
 * "..." at the end if cut. size >= 8. */
void apd_utf8_excerpt(const char *text, size_t bytes, char *out, size_t size);

/* Make `text` safe for a terminal, in place: '?' replaces each control character and each byte that is not UTF-8. The
 * text never gets longer. */
void apd_utf8_clean(char *text);

/* A name from a file, cleaned, of at most 79 bytes: printf("%s", apd_utf8_shown(name).text). */
typedef struct apd_shown {
    char text[80];
} apd_shown;
apd_shown apd_utf8_shown(const char *name);

#endif
