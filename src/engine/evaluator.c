#include "engine/evaluator.h"

#include "base/heartbeat.h"

static int64_t count_correct(apd_run *run, const apd_eval_set *set, int classes) {
    int64_t correct = 0;
    for (int b = 0; b < apd_network_layout(run->network)->block_count; b++)
        apd_exchange_await_theta(run->exchange, b);
    for (int piece = 0; piece < apd_eval_set_chunks(set); piece++) {
        (void)apd_heartbeat_phase("evaluate");
        int n = apd_eval_set_gather(set, piece, run->images, run->labels);
        (void)apd_network_forward(run->network, apd_exchange_theta(run->exchange), run->images, n, classes,
                                  NULL, 0, run->workspace);
        correct += apd_network_score(run->network, run->labels, run->workspace).correct;
    }
    return correct;
}

apd_status apd_evaluate_part(apd_run *run, int id, apd_part_kind part, const apd_normalisation *normalisation,
                             double *accuracy, apd_error *error) {
    apd_eval_set *set = NULL;
    const char *before = apd_heartbeat_phase("load images");
    apd_status status = apd_eval_set_load(run->description, run->stream, run->dataset, &run->partition, id,
                                          part, normalisation, &set, error);
    status = apd_team_agree(run->team, status, error);
    if (status == APD_OK) {
        int64_t correct = count_correct(run, set, run->stream->tasks[id].class_count);
        apd_team_sum(run->team, &correct, 1);
        *accuracy = (double)correct / (double)apd_eval_set_count(set);
    }
    apd_eval_set_destroy(set);
    (void)apd_heartbeat_phase(before);
    return status;
}

apd_status apd_evaluate_task(apd_run *run, int place, double *accuracy, apd_error *error) {
    const apd_task_record *record = &run->state.records[place];
    const char *before = apd_heartbeat_phase("share");
    apd_exchange_begin_share(run->exchange);
    for (int b = 0; b < apd_network_layout(run->network)->block_count; b++) {
        float *bias = NULL;
        float *weights = apd_exchange_theta_rows(run->exchange, b, &bias);
        apd_decomposition_theta(run->decomposition, place, b, weights, bias);
    }
    apd_exchange_end_share(run->exchange);
    (void)apd_heartbeat_phase(before);
    return apd_evaluate_part(run, record->id, run->stream->measured, &record->normalisation, accuracy, error);
}
