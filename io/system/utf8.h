/* utf8: the characters of a text that may come from anywhere (a file, a flag, a folder's name). */
#ifndef APD_IO_SYSTEM_UTF8_H
#define APD_IO_SYSTEM_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decode the first character of `text` (`bytes` > 0 bytes are there): returns its length, 1..4, and `*code`;
 * 0 when the bytes are not UTF-8 (cut, overlong, a surrogate, above U+10FFFF). */
size_t apd_utf8_decode(const char *text, size_t bytes, uint32_t *code);

/* Whether all of `text` is UTF-8 without control characters and line breaks: what a YAML double-quoted scalar
 * holds without escapes. */
bool apd_utf8_printable(const char *text, size_t bytes);

/* A short printable form of `text` for a message: at most size-1 bytes, '?' for what is not printable, "..."
 * at the end when cut. size >= 8. */
void apd_utf8_excerpt(const char *text, size_t bytes, char *out, size_t size);

#endif
