/*
 * What valgrind watches: every call once, refused calls among them, `border CHECKPOINT`. Short, as a plan takes a
 * thousand times as long there: valgrind computes each fused multiplication in software.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forethought.h"

#define CHECK(holds) check(holds, #holds, __LINE__)

static void check(int holds, const char *what, int line) {
    if (!holds) {
        fprintf(stderr, "line %d: not so: %s; the last error is: %s\n", line, what, forethought_last_error());
        exit(1);
    }
}

int main(int argc, char **argv) {
    ForethoughtAgent *agent;
    ForethoughtPlan *plan;
    ForethoughtPlanInfo info;
    ForethoughtLoop *running;
    ForethoughtTick tick;
    size_t observation, action, goal, need;
    double *seen, *command, *aim, *rows, period;
    char *text;

    CHECK(argc == 2 && forethought_abi_version() == FORETHOUGHT_ABI_VERSION);
    CHECK(strcmp(forethought_last_error(), "") == 0);
    CHECK(forethought_agent_load("no-such-checkpoint", 1, &agent) == FORETHOUGHT_STATUS_CHECKPOINT);
    CHECK(agent == NULL && strstr(forethought_last_error(), "no-such-checkpoint") != NULL);
    CHECK(forethought_agent_load(argv[1], 1, &agent) == FORETHOUGHT_STATUS_OK);
    CHECK(forethought_agent_sizes(agent, &observation, &action, &goal) == FORETHOUGHT_STATUS_OK);
    /* Exactly as long as they are said to be, so that a number too many is seen. */
    seen = (double *)calloc(observation, sizeof *seen);
    command = (double *)malloc(action * sizeof *command);
    aim = (double *)calloc(goal + 1, sizeof *aim);
    CHECK(seen != NULL && command != NULL && aim != NULL);

    CHECK(forethought_agent_act(agent, seen, observation, command, action) == FORETHOUGHT_STATUS_NOT_RESET);
    CHECK(forethought_agent_reset(agent, 1, aim, goal + 1) == FORETHOUGHT_STATUS_INVALID_ARGUMENT);
    CHECK(forethought_agent_reset(agent, 1, goal ? aim : NULL, goal) == FORETHOUGHT_STATUS_OK);
    CHECK(forethought_agent_act(agent, NULL, observation, command, action) == FORETHOUGHT_STATUS_INVALID_ARGUMENT);
    CHECK(forethought_agent_plan(agent, seen, observation, -1.0, &plan) == FORETHOUGHT_STATUS_INVALID_ARGUMENT);

    CHECK(forethought_agent_plan(agent, seen, observation, 0.0, &plan) == FORETHOUGHT_STATUS_OK);
    for (int step = 0; step < 3; step++) {
        CHECK(forethought_agent_act(agent, seen, observation, command, action) == FORETHOUGHT_STATUS_OK);
        for (size_t i = 0; i < action; i++) CHECK(command[i] == command[i]);
    }
    CHECK(forethought_agent_free(agent) == FORETHOUGHT_STATUS_OK);

    memset(&info, 0, sizeof info);
    CHECK(forethought_plan_info(plan, &info) == FORETHOUGHT_STATUS_INVALID_ARGUMENT);
    info.struct_size = sizeof info;
    CHECK(forethought_plan_info(plan, &info) == FORETHOUGHT_STATUS_OK);
    CHECK(info.observation == observation && info.action == action && info.frames > 0);
    rows = (double *)malloc(info.frames * observation * sizeof *rows);
    CHECK(rows != NULL && forethought_plan_observations(plan, rows, info.frames * observation) == FORETHOUGHT_STATUS_OK);
    free(rows);
    rows = (double *)malloc(info.frames * action * sizeof *rows);
    CHECK(rows != NULL && forethought_plan_actions(plan, rows, info.frames * action) == FORETHOUGHT_STATUS_OK);
    CHECK(forethought_plan_actions(plan, rows, info.frames * action + 1) == FORETHOUGHT_STATUS_INVALID_ARGUMENT);
    free(rows);
    CHECK(forethought_plan_free(plan) == FORETHOUGHT_STATUS_OK);

    CHECK(forethought_loop_load("no-such-checkpoint", 1, 0.0, &running) == FORETHOUGHT_STATUS_CHECKPOINT);
    CHECK(running == NULL && forethought_loop_load(argv[1], 1, -1.0, &running) == FORETHOUGHT_STATUS_INVALID_ARGUMENT);
    CHECK(forethought_loop_load(argv[1], 1, 0.02, &running) == FORETHOUGHT_STATUS_OK);
    CHECK(forethought_loop_sizes(running, &observation, &action, &goal) == FORETHOUGHT_STATUS_OK);
    CHECK(forethought_loop_period(running, &period) == FORETHOUGHT_STATUS_OK && period == 0.02);
    CHECK(forethought_loop_start(running) == FORETHOUGHT_STATUS_NOT_RESET);
    CHECK(forethought_loop_reset(running, 1, goal ? aim : NULL, goal) == FORETHOUGHT_STATUS_OK);
    CHECK(forethought_loop_start(running) == FORETHOUGHT_STATUS_OK);
    memset(&tick, 0, sizeof tick);
    CHECK(forethought_loop_tick(running, seen, observation, command, action, &tick) == FORETHOUGHT_STATUS_INVALID_ARGUMENT);
    tick.struct_size = sizeof tick;
    for (int step = 0; step < 3; step++) {
        CHECK(forethought_loop_tick(running, seen, observation, command, action, &tick) == FORETHOUGHT_STATUS_OK);
        CHECK(tick.rung == FORETHOUGHT_RUNG_WAITING || tick.commanded == 1);
    }
    CHECK(forethought_loop_stop(running, command, action) == FORETHOUGHT_STATUS_OK);
    for (size_t i = 0; i < action; i++) CHECK(command[i] == command[i]);
    CHECK(forethought_loop_report(running, NULL, 0, &need) == FORETHOUGHT_STATUS_OK);
    text = (char *)malloc(need);
    CHECK(text != NULL && forethought_loop_report(running, text, need - 1, &need) == FORETHOUGHT_STATUS_INVALID_ARGUMENT);
    CHECK(forethought_loop_report(running, text, need, &need) == FORETHOUGHT_STATUS_OK && strlen(text) + 1 == need);
    free(text);
    CHECK(forethought_loop_free(running) == FORETHOUGHT_STATUS_OK);
    free(seen), free(command), free(aim);
    printf("a plan of %zu steps, %zu rows, %zu candidates\n", info.frames, info.rows, info.candidates);
    return 0;
}
