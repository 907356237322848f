/* utf8: characters of text from anywhere (a file, a flag, a folder's name). Local. */
#ifndef APD_IO_SYSTEM_UTF8_H
#define APD_IO_SYSTEM_UTF8_H

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

#endif
