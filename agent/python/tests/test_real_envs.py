"""Our planner in other people's simulators: MuJoCo's physics, their code, their rules."""

import numpy as np
import pytest

import forethought
from conftest import checkpoint, needs


@needs("gymnasium", "gymnasium_robotics", "mujoco")
def test_gymnasium_robotics_point_maze_is_driven_to_its_goals():
    import gymnasium
    import gymnasium_robotics

    gymnasium.register_envs(gymnasium_robotics)
    env = gymnasium.make("PointMaze_UMaze-v3", continuing_task=False, max_episode_steps=300)
    agent = forethought.Agent.load(checkpoint("PointMaze_UMaze-v3"))
    steps = []
    for seed in range(10):
        obs, _ = env.reset(seed=seed)
        agent.reset(seed, obs)
        for step in range(1, 301):
            obs, _, terminated, truncated, info = env.step(agent.act(obs))
            if terminated or truncated:
                break
        assert terminated and info["success"], f"seed {seed}: at {obs['achieved_goal']} of {obs['desired_goal']}"
        steps.append(step)
    print(f"PointMaze_UMaze-v3: 10 of 10, {np.mean(steps):.0f} steps in the mean")


@needs("gymnasium", "ogbench", "mujoco")
@pytest.mark.parametrize("data", ["navigate", "stitch"])
def test_ogbench_s_medium_maze_is_driven_to_all_its_goals(data):
    import gymnasium
    import ogbench  # noqa: F401  (registers its environments)

    env = gymnasium.make("pointmaze-medium-v0")
    agent = forethought.Agent.load(checkpoint(f"pointmaze-medium-{data}-v0"))
    steps = []
    for task in range(1, 6):
        obs, info = env.reset(seed=task, options={"task_id": task})
        agent.reset(task, info["goal"])
        ended = False
        step = 0
        while not ended:
            obs, _, terminated, truncated, info = env.step(agent.act(obs))
            ended, step = terminated or truncated, step + 1
        assert info["success"] == 1.0, f"task {task}: at {obs} after {step} steps"
        steps.append(step)
    print(f"pointmaze-medium, {data}: 5 of 5, {np.mean(steps):.0f} steps in the mean")
