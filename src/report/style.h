/* style: the page's CSS: colours for light, dark and paper; one column on a phone. Local. */
#ifndef APD_REPORT_STYLE_H
#define APD_REPORT_STYLE_H

#include <stdio.h>

void apd_style_put(FILE *page);

#endif
