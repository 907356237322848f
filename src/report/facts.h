/* facts: the parts of the page that are no figures: what was run, the runs, the tasks. Local. */
#ifndef APD_REPORT_FACTS_H
#define APD_REPORT_FACTS_H

#include "io/system/json.h"
#include "report/report.h"

#include <stdio.h>

/* The line below the title: how many runs of what. */
void apd_facts_head(const apd_report *report, FILE *page);

/* A single run's main figures, large. */
void apd_facts_tiles(const apd_report *report, FILE *page);

/* What is missing: runs that are damaged or not finished. */
void apd_facts_missing(const apd_report *report, FILE *page);

/* A row a run. */
void apd_facts_runs(const apd_report *report, FILE *page);

/* A single run's tasks. */
void apd_facts_tasks(const apd_report *report, FILE *page);

/* Machine, versions, digests, description. */
void apd_facts_origin(const apd_report *report, FILE *page);

/* The runs for the page's JSON. */
void apd_facts_json(const apd_report *report, apd_json *json);

#endif
