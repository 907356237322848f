#include "base/wire.h"

#include <stdlib.h>
#include <string.h>

enum { WIRE_NUMBER = 0, WIRE_EIGHT_BYTES = 1, WIRE_BYTES = 2, WIRE_FOUR_BYTES = 5 };

static void write_varint(FILE *message, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        (void)fputc((int)(value & 0x7f) | 0x80, message);
    (void)fputc((int)value, message);
}

void apd_wire_fixed(FILE *message, uint64_t bits, int bytes) {
    for (int i = 0; i < bytes; i++)
        (void)fputc((int)(bits >> 8 * i & 0xff), message);
}

static void write_key(FILE *message, int field, int type) {
    write_varint(message, (uint64_t)field << 3 | (uint64_t)type);
}

void apd_wire_number(FILE *message, int field, int64_t value) {
    write_key(message, field, WIRE_NUMBER);
    write_varint(message, (uint64_t)value);
}

void apd_wire_float(FILE *message, int field, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    write_key(message, field, WIRE_FOUR_BYTES);
    apd_wire_fixed(message, bits, (int)sizeof bits);
}

void apd_wire_double(FILE *message, int field, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    write_key(message, field, WIRE_EIGHT_BYTES);
    apd_wire_fixed(message, bits, (int)sizeof bits);
}

void apd_wire_bytes(FILE *message, int field, const void *bytes, size_t count) {
    write_key(message, field, WIRE_BYTES);
    write_varint(message, count);
    (void)fwrite(bytes, 1, count, message);
}

void apd_wire_text(FILE *message, int field, const char *text) {
    apd_wire_bytes(message, field, text, strlen(text));
}

void apd_wire_message(FILE *message, int field, apd_text *part) {
    char *bytes = apd_text_end(part);
    apd_wire_bytes(message, field, bytes, part->size);
    free(bytes);
}
