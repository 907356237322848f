#include "base/landing.h"

#include <stddef.h>
#include <string.h>

static _Thread_local apd_landing *current = NULL;

void apd_landing_set(apd_landing *landing) {
    current = landing;
}

void apd_landing_go(int status, const char *text, const char *more) {
    apd_landing *landing = current;
    if (landing == NULL)
        return;
    size_t room = sizeof landing->message - 1, length = strlen(text), rest = strlen(more);
    length = length < room ? length : room;
    rest = rest < room - length ? rest : room - length;
    memcpy(landing->message, text, length);
    memcpy(landing->message + length, more, rest);
    landing->message[length + rest] = '\0';
    landing->status = status;
    current = NULL;
    siglongjmp(landing->place, 1);
}
