/* screen: a study's progress on a terminal, a table of the runs in training that is redrawn in place below the log.
 *
 * A thread of the first rank reads the runs' files each second, as `apd status` does, so training sends it nothing. Each line of
 * the log, whichever rank writes it, wipes the table, which comes again below it (base/log.h). Local. */
#ifndef APD_STUDY_SCREEN_H
#define APD_STUDY_SCREEN_H

#include "study/folder.h"

typedef struct apd_screen apd_screen;

/* NULL where stderr is no terminal. `study` must outlive it. */
apd_screen *apd_screen_begin(const apd_study *study);
void apd_screen_end(apd_screen *screen); /* Wipes the table. Takes NULL. */

#endif
