#!/usr/bin/env python3
"""A policy for `forethought eval ENV --program "python3 policy.py"`: straight towards the goal, no dependencies.

The protocol is in experiments/PROGRAM.md. Answer every line once; anything for people goes to standard error.
"""
import json
import sys


def act(spec, goal, observation):
    """Towards the goal as a spring with a damper, where the goal is a position; else nothing."""
    low, high = spec["action"]["low"], spec["action"]["high"]
    place = [observation[entry] for entry in spec["goal"]]
    speed = observation[len(place) : 2 * len(place)]
    action = [0.0] * spec["action"]["size"]
    for axis, (here, there, moving) in enumerate(zip(place, goal or [], speed)):
        if axis < len(action):
            action[axis] = 10.0 * (there - here) - moving
    return [min(max(a, -1.0 if l is None else l), 1.0 if h is None else h) for a, l, h in zip(action, low, high)]


for line in sys.stdin:
    message = json.loads(line)
    if "hello" in message:
        spec, answer = message["hello"], {"ready": {"version": 1}}
    elif "reset" in message:
        goal, answer = message["reset"]["goal"], {"began": {}}
    elif "act" in message:
        answer = {"command": {"action": act(spec, goal, message["act"]["observation"])}}
    else:
        break
    print(json.dumps(answer), flush=True)
