/*
 * From C: a point mass is driven round the wall of D4RL's small maze, `drive CHECKPOINT`.
 *
 * The wall is not simulated: nothing but the plans keeps the ball out of it. The exit status is 0 if it arrives without.
 */
#include <stdio.h>

#include "forethought.h"

static int failed(const char *what) {
    fprintf(stderr, "%s: %s\n", what, forethought_last_error());
    return 1;
}

static double clip(double value) { return value < -1.0 ? -1.0 : value > 1.0 ? 1.0 : value; }

int main(int argc, char **argv) {
    const double goal[2] = {1.0, 1.0};
    double state[4] = {3.0, 1.0, 0.0, 0.0}, force[2]; /* x, y and their velocities */
    ForethoughtAgent *agent;
    ForethoughtPlan *plan;
    ForethoughtPlanInfo info;
    info.struct_size = sizeof info;
    if (argc != 2 || forethought_abi_version() != FORETHOUGHT_ABI_VERSION) return 2;
    if (forethought_agent_load(argv[1], 1, &agent)) return failed("load");
    if (forethought_agent_reset(agent, 1, goal, 2)) return failed("reset");
    if (forethought_agent_plan(agent, state, 4, 0.0, &plan)) return failed("plan");
    if (forethought_plan_info(plan, &info)) return failed("info");
    printf("a plan of %zu steps, there in %d\n", info.frames, (int)info.arrival + 1);
    for (int step = 0; step < 300; step++) {
        double x = state[0] - goal[0], y = state[1] - goal[1];
        if (state[0] > 1.3 && state[0] < 2.3 && state[1] < 2.3) break; /* in the wall */
        if (x * x + y * y < 0.25) {
            printf("there after %d steps\n", step);
            return forethought_plan_free(plan) || forethought_agent_free(agent);
        }
        if (forethought_agent_act(agent, state, 4, force, 2)) return failed("act");
        for (int axis = 0; axis < 2; axis++) { /* 0.01 s of pushing, with a little friction */
            state[2 + axis] += 0.01 * (23.87 * clip(force[axis]) - 0.2387 * state[2 + axis]);
            state[axis] += 0.01 * state[2 + axis];
        }
    }
    fprintf(stderr, "not there: the ball is at (%.2f, %.2f)\n", state[0], state[1]);
    return 1;
}
