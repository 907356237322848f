/* wire: messages of Protocol Buffers, written field by field (protobuf.dev, Encoding). Local.
 *
 * Only what the messages of ONNX and TensorBoard need: numbers, floats, bytes and messages in messages. A message is an apd_text;
 * the nested one is written first and then becomes a field. */
#ifndef APD_BASE_WIRE_H
#define APD_BASE_WIRE_H

#include "base/text.h"

#include <stdint.h>

void apd_wire_number(FILE *message, int field, int64_t value); /* int32, int64, enum */
void apd_wire_float(FILE *message, int field, float value);
void apd_wire_double(FILE *message, int field, double value);
void apd_wire_bytes(FILE *message, int field, const void *bytes, size_t count);
void apd_wire_text(FILE *message, int field, const char *text);

/* The lowest `bytes` bytes of a number, the least first: no field, but what the formats around messages are made of. */
void apd_wire_fixed(FILE *message, uint64_t bits, int bytes);

/* Make the text `part` (not yet ended) a field of `message`, and free it. */
void apd_wire_message(FILE *message, int field, apd_text *part);

#endif
