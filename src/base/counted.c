#include "base/counted.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

apd_counted apd_count(int64_t count, const char *noun) {
    apd_counted made;
    const char last = noun[strlen(noun) - 1];
    const char *ending = count == 1 ? "" : last == 's' || last == 'x' ? "es" : "s";
    (void)snprintf(made.text, sizeof made.text, "%" PRId64 " %.24s%s", count, noun, ending);
    return made;
}
