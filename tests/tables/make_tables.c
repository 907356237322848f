/* apd_tables_write from a shell: make_tables FOLDER KEY_COUNT KEY... {RUN VALUE...}... */
#include "tables/tables.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

int main(int count, char **arguments) {
    int keys = count > 2 ? atoi(arguments[2]) : -1;
    if (keys < 0 || keys > 64 || (count - 3 - keys) % (keys + 1) != 0)
        return APD_ERROR_USAGE;
    int runs = (count - 3 - keys) / (keys + 1);
    apd_table_run *given = apd_allocate(runs, sizeof *given, "runs");
    for (int r = 0; r < runs; r++) {
        char **run = arguments + 3 + keys + r * (keys + 1);
        given[r] = (apd_table_run){run[0], (const char *const *)run + 1};
    }
    apd_error error = {0};
    apd_status status =
        apd_tables_write(arguments[1], given, runs, (const char *const *)arguments + 3, keys, &error);
    free(given);
    if (status != APD_OK)
        (void)fprintf(stderr, "%s\n", error.message);
    return (int)status;
}
