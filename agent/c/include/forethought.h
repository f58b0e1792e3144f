/*
 * Forethought for C: a checkpoint that acts, and one that acts in real time.
 *
 * Pointers: NULL, pointers that are not aligned, and lengths that do not fit are refused. What cannot be told from the
 * outside is the caller's to keep: an array has as many numbers as its length says, a handle comes from this library
 * and is not used once it is freed, and a text ends in a zero byte.
 *
 * Failures: whatever does not answer FORETHOUGHT_STATUS_OK has said why in forethought_last_error. No panic of the
 * library leaves it.
 *
 * Threads: agents and loops may go from thread to thread, and each is called from one at a time. Several do not see
 * each other. Any number of threads may read a plan.
 *
 * Numbers are double, in the environment's own units.
 */


#ifndef FORETHOUGHT_H
#define FORETHOUGHT_H

/* Made by cbindgen from agent/c/src: change it there. */

#include <stddef.h>
#include <stdint.h>

/**
 * Version of what this header says. It rises when something in it changes its meaning; what is only added leaves it.
 */
#define FORETHOUGHT_ABI_VERSION 1

/**
 * How a call went. Numbers keep their meaning in later versions, which may add some: treat one that you do not know
 * as a failure.
 */
enum ForethoughtStatus
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Done.
     */
    FORETHOUGHT_STATUS_OK = 0,
    /**
     * A pointer that is NULL or not aligned, a length that does not fit, or a number that is not finite. Nothing has
     * happened.
     */
    FORETHOUGHT_STATUS_INVALID_ARGUMENT = 1,
    /**
     * The checkpoint is missing, damaged, or made by a newer version.
     */
    FORETHOUGHT_STATUS_CHECKPOINT = 2,
    /**
     * No episode has begun: call `forethought_agent_reset` or `forethought_loop_reset` first.
     */
    FORETHOUGHT_STATUS_NOT_RESET = 3,
    /**
     * The planner or the controller refused, for example an observation that no data are like. No step is counted, and
     * there is no command.
     */
    FORETHOUGHT_STATUS_PLANNING = 4,
    /**
     * Another thread is in a call with this agent or loop. Nothing has happened.
     */
    FORETHOUGHT_STATUS_BUSY = 5,
    /**
     * A fault of the library, stopped at its border. The agent or loop is of no use any more: free it and load it
     * again.
     */
    FORETHOUGHT_STATUS_PANIC = 6,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum ForethoughtStatus ForethoughtStatus;
#else
typedef int32_t ForethoughtStatus;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Where a loop stands on its ladder, best first. Numbers keep their meaning in later versions, which may add some.
 */
enum ForethoughtRung
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Not started: nothing is commanded.
     */
    FORETHOUGHT_RUNG_IDLE = 0,
    /**
     * Started, and no valid plan has come: nothing is commanded.
     */
    FORETHOUGHT_RUNG_WAITING = 1,
    /**
     * A plan is followed.
     */
    FORETHOUGHT_RUNG_PLAN = 2,
    /**
     * A plan is followed that should have been replaced.
     */
    FORETHOUGHT_RUNG_PREVIOUS = 3,
    /**
     * No plan: each entry of the command holds or brakes.
     */
    FORETHOUGHT_RUNG_BRAKE = 4,
    /**
     * No plan for longer: the safe command.
     */
    FORETHOUGHT_RUNG_SAFE = 5,
    /**
     * No plan for longer than is tolerated: the safe command. The first good plan leads back from here too.
     */
    FORETHOUGHT_RUNG_FAILED = 6,
    /**
     * Stopped: the safe command.
     */
    FORETHOUGHT_RUNG_STOPPED = 7,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum ForethoughtRung ForethoughtRung;
#else
typedef int32_t ForethoughtRung;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * An agent. Calls with one agent are made one after the other, from whichever thread.
 */
typedef struct ForethoughtAgent ForethoughtAgent;

/**
 * An agent that never waits for its planner, which has a thread of its own. Calls with one loop are made one after the
 * other, from whichever thread; `forethought_loop_stop` from any at any time.
 */
typedef struct ForethoughtLoop ForethoughtLoop;

/**
 * A plan. It is a copy: it stays as it is whatever becomes of its agent, and any number of threads may read it.
 */
typedef struct ForethoughtPlan ForethoughtPlan;

/**
 * What a plan says of itself.
 */
typedef struct {
    /**
     * Set this to `sizeof(ForethoughtPlanInfo)` before the call. Afterwards it says how many bytes the library knows:
     * fields of a newer header than the library lie beyond, and are left as they were.
     */
    size_t struct_size;
    /**
     * Steps that it holds.
     */
    size_t frames;
    /**
     * Numbers of the observation of one step.
     */
    size_t observation;
    /**
     * Numbers of the action of one step.
     */
    size_t action;
    /**
     * What the planner expects of it; more is better, among plans for one task.
     */
    double value;
    /**
     * Probability that all goes as planned; NaN where plans are not chosen by sampled outcomes.
     */
    double chance;
    /**
     * First step, counted from 0, in which the task is done; -1 where it is done in none.
     */
    int64_t arrival;
    /**
     * Steps at positions where the data have never been.
     */
    size_t unsupported;
    /**
     * Entry, counted from 0, of the observation planned from that lies far outside the data: the plan is a guess. -1
     * where there is none.
     */
    int64_t out_of_data;
    /**
     * Evaluations of the network, one after the other.
     */
    size_t rows;
    /**
     * Candidates that it was chosen from.
     */
    size_t candidates;
    /**
     * Steps, counted from the first, that were sampled to their end; those after them are estimates.
     */
    size_t clean;
    /**
     * 1 where the deadline ended planning, else 0.
     */
    size_t cut;
} ForethoughtPlanInfo;

/**
 * What one tick came to.
 */
typedef struct {
    /**
     * Set this to `sizeof(ForethoughtTick)` before the call. Afterwards it says how many bytes the library knows: fields
     * of a newer header than the library lie beyond, and are left as they were.
     */
    size_t struct_size;
    /**
     * 1 where there is a command, else 0: the robot is left alone.
     */
    size_t commanded;
    /**
     * Commands given in this episode before this tick.
     */
    uint64_t step;
    /**
     * Serial number of the plan that is followed, counted from 1; 0 where none is.
     */
    uint64_t plan;
    /**
     * Its row, counted from 0; -1 where none is followed.
     */
    int64_t row;
    /**
     * Where on the ladder the loop stands.
     */
    ForethoughtRung rung;
} ForethoughtTick;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Version of the library that is linked: anything but `FORETHOUGHT_ABI_VERSION` is not what this header describes.
 */
uint32_t forethought_abi_version(void);

/**
 * Why the last call of this thread that failed did so: UTF-8, what is wrong and what to do about it; empty before the
 * first. Valid until the next call of this thread that fails, or its end. Never NULL, not to be freed.
 */
const char *forethought_last_error(void);

/**
 * Loads an agent from a checkpoint's folder, or from a training run's, which takes its latest checkpoint.
 *
 * `path` ends in a zero byte. `threads` is their number on the CPU, and 0 is all cores; commands do not depend on it.
 * The agent goes to `*agent`, which is NULL after a failure; free it with `forethought_agent_free`.
 */
ForethoughtStatus forethought_agent_load(const char *path,
                                         size_t threads,
                                         ForethoughtAgent **agent);

/**
 * How many numbers an observation, an action and a goal have. A goal of 0 numbers: its task has none.
 */
ForethoughtStatus forethought_agent_sizes(const ForethoughtAgent *agent,
                                          size_t *observation,
                                          size_t *action,
                                          size_t *goal);

/**
 * Begins an episode. The same seed, goal and observations give the same commands.
 *
 * `goal` are `goal_len` numbers, in the units of the observation's entries that the checkpoint's task speaks of; NULL
 * and 0 where there is none. The episode before goes on after a failure.
 */
ForethoughtStatus forethought_agent_reset(ForethoughtAgent *agent,
                                          uint64_t seed,
                                          const double *goal,
                                          size_t goal_len);

/**
 * The command for an observation, both in the environment's units. Plans first where a plan is due, which takes
 * milliseconds; otherwise it takes microseconds. Counts as a step.
 *
 * `observation_len` and `command_len` are those of `forethought_agent_sizes`. After a failure no step is counted and
 * `command` is as it was. The two may be the same array.
 */
ForethoughtStatus forethought_agent_act(ForethoughtAgent *agent,
                                        const double *observation,
                                        size_t observation_len,
                                        double *command,
                                        size_t command_len);

/**
 * Plans from an observation now, whether or not a plan is due. The plan comes into force, and
 * `forethought_agent_act` carries it out; no step is counted.
 *
 * `deadline_ms` is how long it may take; 0 is as long as it takes. A plan that is stopped by its deadline is the best of
 * then, and says so (`cut`, `clean`). A copy of the plan goes to `*plan`, which is NULL after a failure; free it with
 * `forethought_plan_free`. The plan in force stays after a failure.
 */
ForethoughtStatus forethought_agent_plan(ForethoughtAgent *agent,
                                         const double *observation,
                                         size_t observation_len,
                                         double deadline_ms,
                                         ForethoughtPlan **plan);

/**
 * Frees an agent; NULL is none. No other call with it may be under way. Its plans stay.
 */
ForethoughtStatus forethought_agent_free(ForethoughtAgent *agent);

/**
 * What a plan says of itself. Set `info->struct_size` before the call.
 */
ForethoughtStatus forethought_plan_info(const ForethoughtPlan *plan, ForethoughtPlanInfo *info);

/**
 * Copies the planned observations, `frames` rows one after the other; `len` is `frames * observation` of
 * `forethought_plan_info`. Row `i` is step `i + 1` after the observation that was planned from.
 */
ForethoughtStatus forethought_plan_observations(const ForethoughtPlan *plan,
                                                double *observations,
                                                size_t len);

/**
 * Copies the planned actions, `frames` rows one after the other; `len` is `frames * action` of
 * `forethought_plan_info`. Action `i` leads to observation `i`.
 */
ForethoughtStatus forethought_plan_actions(const ForethoughtPlan *plan, double *actions, size_t len);

/**
 * Frees a plan; NULL is none.
 */
ForethoughtStatus forethought_plan_free(ForethoughtPlan *plan);

/**
 * Loads a loop from a checkpoint's folder, or from a training run's, and gives its planner a thread.
 *
 * `path` and `threads` are as for `forethought_agent_load`; leave a core to the loop. `period_s` is the time from tick to
 * tick, and 0 is the environment's own step. The loop goes to `*loop`, which is NULL after a failure; free it with
 * `forethought_loop_free`.
 */
ForethoughtStatus forethought_loop_load(const char *path,
                                        size_t threads,
                                        double period_s,
                                        ForethoughtLoop **loop);

/**
 * How many numbers an observation, an action and a goal have. A goal of 0 numbers: its task has none.
 */
ForethoughtStatus forethought_loop_sizes(const ForethoughtLoop *loop,
                                         size_t *observation,
                                         size_t *action,
                                         size_t *goal);

/**
 * Seconds from tick to tick: how often `forethought_loop_tick` is to be called.
 */
ForethoughtStatus forethought_loop_period(const ForethoughtLoop *loop, double *period_s);

/**
 * Begins an episode, of a running loop too: plans for the one before are not followed any more, and nothing is commanded
 * before the first valid plan for this one.
 *
 * `goal` is as for `forethought_agent_reset`. The episode before goes on after a failure.
 */
ForethoughtStatus forethought_loop_reset(ForethoughtLoop *loop,
                                         uint64_t seed,
                                         const double *goal,
                                         size_t goal_len);

/**
 * Lets ticks command, from the first valid plan on; also again after `forethought_loop_stop`.
 */
ForethoughtStatus forethought_loop_start(ForethoughtLoop *loop);

/**
 * The command for the present observation, both in the environment's units. Call it once a period. It takes microseconds,
 * whatever the planner does, and waits for nothing.
 *
 * An observation that is not finite is a sensor that fails: it is counted, nothing is planned from it, and where the
 * controller needs one the ladder has the command. Set `tick->struct_size` before the call. `command` is as it was where
 * `tick->commanded` is 0, and after a failure. The lengths are those of `forethought_loop_sizes`; observation and
 * command may be the same array.
 */
ForethoughtStatus forethought_loop_tick(ForethoughtLoop *loop,
                                        const double *observation,
                                        size_t observation_len,
                                        double *command,
                                        size_t command_len,
                                        ForethoughtTick *tick);

/**
 * Ends commanding, and writes the safe command for the robot: later ticks give it too, until `forethought_loop_start`.
 *
 * The command is written in any case but that of an invalid argument, also where the status is
 * `FORETHOUGHT_STATUS_PANIC`. May be called while another thread is in a call with the loop, whose next tick is safe
 * then; not from the handler of a signal.
 */
ForethoughtStatus forethought_loop_stop(ForethoughtLoop *loop,
                                        double *command,
                                        size_t command_len);

/**
 * What happened: the closing report after `forethought_loop_stop`, before it what there is so far. One line of JSON, UTF-8,
 * ended by a zero byte; rates, stages, the ladder's rungs, events and messages.
 *
 * `*need` is how many bytes that takes, with the zero. Where `len` is 0, `text` may be NULL and nothing else is told;
 * where it is less than `*need`, it is refused and `text` is as it was. Between two calls after a stop it stays the same.
 */
ForethoughtStatus forethought_loop_report(const ForethoughtLoop *loop,
                                          char *text,
                                          size_t len,
                                          size_t *need);

/**
 * Frees a loop; NULL is none. No other call with it may be under way. Stop it before, to know the safe command.
 *
 * A plan that is being made is not waited for: the planner's thread ends with it, so leave the library loaded.
 */
ForethoughtStatus forethought_loop_free(ForethoughtLoop *loop);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* FORETHOUGHT_H */
