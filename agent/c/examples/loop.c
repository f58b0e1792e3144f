/*
 * From C, in real time: a loop of two seconds that never waits for its planner, `loop CHECKPOINT`.
 *
 * The robot is a ball that D4RL's small maze pushes about: put your own sensors and motors in place of its four lines. Prints
 * where the loop stood every fifth of a second, and what it came to, as JSON. The exit status says whether all calls went well.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <time.h>

#include "forethought.h"

static int failed(const char *what) {
    fprintf(stderr, "%s: %s\n", what, forethought_last_error());
    return 1;
}

int main(int argc, char **argv) {
    static const char *const rungs[] = {"idle", "waiting", "plan", "previous", "brake", "safe", "failed", "stopped"};
    const double goal[2] = {1.0, 3.0};
    double state[4] = {1.0, 1.0, 0.0, 0.0}, force[2] = {0.0, 0.0}, period; /* x, y and their velocities */
    static char report[65536];
    ForethoughtLoop *loop;
    ForethoughtTick tick = {sizeof tick, 0, 0, 0, 0, FORETHOUGHT_RUNG_IDLE};
    struct timespec next;
    size_t need;
    if (argc != 2 || forethought_abi_version() != FORETHOUGHT_ABI_VERSION) return 2;
    if (forethought_loop_load(argv[1], 1, 0.0, &loop)) return failed("load");
    if (forethought_loop_period(loop, &period)) return failed("period");
    if (forethought_loop_reset(loop, 1, goal, 2)) return failed("reset");
    if (forethought_loop_start(loop)) return failed("start");
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (int i = 0; i * period < 2.0; i++) {
        if (forethought_loop_tick(loop, state, 4, force, 2, &tick)) return failed("tick");
        if (i % 20 == 0) printf("%-8s (%.2f, %.2f)\n", rungs[tick.rung & 7], state[0], state[1]);
        for (int axis = 0; axis < 2 && tick.commanded; axis++) { /* without a command it is left alone */
            state[2 + axis] += period * (23.87 * force[axis] - 0.2387 * state[2 + axis]);
            state[axis] += period * state[2 + axis];
        }
        next.tv_nsec += (long)(period * 1e9);
        next.tv_sec += next.tv_nsec / 1000000000;
        next.tv_nsec %= 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
    if (forethought_loop_stop(loop, force, 2)) return failed("stop"); /* `force` is the safe one now: to the motors */
    if (forethought_loop_report(loop, report, sizeof report, &need)) return failed("report");
    printf("%s\n", report);
    return forethought_loop_free(loop);
}
