/*
 * Forethought for C: a checkpoint that acts.
 *
 * Pointers: NULL, pointers that are not aligned, and lengths that do not fit are refused. What cannot be told from the
 * outside is the caller's to keep: an array has as many numbers as its length says, a handle comes from this library
 * and is not used once it is freed, and a text ends in a zero byte.
 *
 * Failures: whatever does not answer FORETHOUGHT_STATUS_OK has said why in forethought_last_error. No panic of the
 * library leaves it.
 *
 * Threads: an agent may go from thread to thread, and is called from one at a time. Several agents do not see each
 * other. Any number of threads may read a plan.
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
     * No episode has begun: call `forethought_agent_reset` first.
     */
    FORETHOUGHT_STATUS_NOT_RESET = 3,
    /**
     * The planner or the controller refused, for example an observation that no data are like. No step is counted, and
     * there is no command.
     */
    FORETHOUGHT_STATUS_PLANNING = 4,
    /**
     * Another thread is in a call with this agent. Nothing has happened.
     */
    FORETHOUGHT_STATUS_BUSY = 5,
    /**
     * A fault of the library, stopped at its border. The agent is of no use any more: free it and load it again.
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
 * An agent. Calls with one agent are made one after the other, from whichever thread.
 */
typedef struct ForethoughtAgent ForethoughtAgent;

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

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* FORETHOUGHT_H */
