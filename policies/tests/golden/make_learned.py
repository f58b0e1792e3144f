"""Golden losses and gradients of learned policies, read by `policies/src/learned/golden.rs`.

Written from the papers' equations, in double precision. Gradients are central differences of the losses, so that no
derivation is shared with the Rust code. Usage, with any Python that has NumPy: python3 make_learned.py
"""

import json
import math

import numpy as np

ROWS, OBSERVATION, ACTION, GOAL, HIDDEN = 4, 2, 1, 1, (4, 3)
DISCOUNT = 0.9


def sizes(inputs, outputs):
    return [inputs, *HIDDEN, outputs]


class Net:
    """A perceptron with its parameters in one vector: weight [in, out], bias, scale, shift of each layer."""

    def __init__(self, number, inputs, outputs, gelu, norm):
        self.sizes, self.gelu, self.norm = sizes(inputs, outputs), gelu, norm
        pairs = list(zip(self.sizes, self.sizes[1:]))
        count = sum(i * o + o for i, o in pairs) + (sum(2 * o for _, o in pairs[:-1]) if norm else 0)
        self.theta = 0.4 * np.sin(1.3 * np.arange(count) + 0.7 * number + 0.2)

    def __call__(self, *parts, theta=None):
        theta, at = self.theta if theta is None else theta, 0
        x, pairs = np.concatenate(parts, axis=1), list(zip(self.sizes, self.sizes[1:]))
        for layer, (i, o) in enumerate(pairs):
            x = x @ theta[at : at + i * o].reshape(i, o) + theta[at + i * o : at + i * o + o]
            at += i * o + o
            if layer + 1 == len(pairs):
                return x
            if self.gelu:
                x = 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
            else:
                x = np.maximum(x, 0)
            if self.norm:
                x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-6)
                x = x * theta[at : at + o] + theta[at + o : at + 2 * o]
                at += 2 * o

    def gradient(self, loss):
        """Of loss(theta), of the fourth order."""
        result, h = [], 1e-4
        for k in range(len(self.theta)):

            def at(step):
                theta = self.theta.copy()
                theta[k] += step
                return loss(theta)

            first, second = (at(h) - at(-h)) / (2 * h), (at(2 * h) - at(-2 * h)) / (4 * h)
            result.append((4 * first - second) / 3)
        return result


def wave(function, rows, width, a, b):
    return function(a * np.arange(rows * width) + b).reshape(rows, width)


s = wave(np.cos, ROWS, OBSERVATION, 0.9, 0.0)
s2 = wave(np.cos, ROWS, OBSERVATION, 0.9, 0.3)
a = 0.8 * wave(np.sin, ROWS, ACTION, 1.7, 0.0)
g = wave(np.cos, ROWS, GOAL, 2.1, 0.5)
ga = wave(np.sin, ROWS, GOAL, 2.3, 0.1)
mask = np.array([[1.0], [1.0], [0.0], [1.0]])
reward, reward_goal = 0.5 * wave(np.sin, ROWS, 1, 1.0, 0.4), np.array([[-1.0], [-1.0], [0.0], [-1.0]])


def expectile(tau, side, u):
    return np.mean(np.where(side >= 0, tau, 1 - tau) * u**2)


def awr(actor, inputs, weight):
    return lambda theta: np.mean(0.5 * weight * ((actor(*inputs, theta=theta) - a) ** 2).sum(1, keepdims=True))


cases = {}


def case(name, **losses):
    """losses: name = list of (net, loss), whose sum is reported."""
    cases[name] = {
        key: {"loss": sum(f(net.theta) for net, f in parts), "gradients": [net.gradient(f) for net, f in parts]}
        for key, parts in losses.items()
    }


# Behaviour cloning towards goals.
actor = Net(0, OBSERVATION + GOAL, ACTION, True, False)
case("gcbc", actor=[(actor, awr(actor, (s, ga), np.ones((ROWS, 1))))])

# TD3+BC, without noise; the target networks are 4 and 5, the target policy 6.
actor, aim = (Net(k, OBSERVATION, ACTION, False, False) for k in (0, 6))
q1, q2, t1, t2 = (Net(k, OBSERVATION + ACTION, 1, False, False) for k in (2, 3, 4, 5))
a2 = np.tanh(aim(s2))
y = reward + DISCOUNT * mask * np.minimum(t1(s2, a2), t2(s2, a2))
scale = 2.5 / np.abs(q1(s, np.tanh(actor(s)))).mean()


def td3(theta):
    pi = np.tanh(actor(s, theta=theta))
    return -scale * q1(s, pi).mean() + ((pi - a) ** 2).mean()


def towards(net, inputs, y):
    return net, lambda theta: np.mean((net(*inputs, theta=theta) - y) ** 2)


case("td3-bc", critic=[towards(q1, (s, a), y), towards(q2, (s, a), y)], actor=[(actor, td3)])

# IQL: expectile 0.7, beta 3.
actor, v = Net(0, OBSERVATION, ACTION, False, False), Net(1, OBSERVATION, 1, False, False)
y = reward + DISCOUNT * mask * v(s2)
q = np.minimum(t1(s, a), t2(s, a))
case(
    "iql",
    value=[(v, lambda theta: expectile(0.7, q - v(s, theta=theta), q - v(s, theta=theta)))],
    critic=[towards(q1, (s, a), y), towards(q2, (s, a), y)],
    actor=[(actor, awr(actor, (s,), np.minimum(np.exp(3 * (q - v(s))), 100)))],
)

# GCIVL: expectile 0.9, alpha 10; values 1 and 2, targets 4 and 5.
actor = Net(0, OBSERVATION + GOAL, ACTION, True, False)
v1, v2, t1, t2 = (Net(k, OBSERVATION + GOAL, 1, True, True) for k in (1, 2, 4, 5))
n1, n2 = t1(s2, g), t2(s2, g)
side = reward_goal + DISCOUNT * mask * np.minimum(n1, n2) - (t1(s, g) + t2(s, g)) / 2


def own(net, following):
    y = reward_goal + DISCOUNT * mask * following
    return net, lambda theta: expectile(0.9, side, y - net(s, g, theta=theta))


advantage = (v1(s2, ga) + v2(s2, ga)) / 2 - (v1(s, ga) + v2(s, ga)) / 2
case(
    "gcivl",
    value=[own(v1, n1), own(v2, n2)],
    actor=[(actor, awr(actor, (s, ga), np.minimum(np.exp(10 * advantage), 100)))],
)

# GCIQL: expectile 0.9, DDPG+BC of alpha 0.3; value 1, critics 2 and 3, targets 4 and 5.
v = Net(1, OBSERVATION + GOAL, 1, True, True)
q1, q2, t1, t2 = (Net(k, OBSERVATION + GOAL + ACTION, 1, True, True) for k in (2, 3, 4, 5))
y = reward_goal + DISCOUNT * mask * v(s2, g)
q = np.minimum(t1(s, g, a), t2(s, g, a))


def lower(theta):
    held = np.clip(actor(s, ga, theta=theta), -1, 1)
    return np.minimum(q1(s, ga, held), q2(s, ga, held))


scale = np.abs(lower(actor.theta)).mean() + 1e-6
cloning = awr(actor, (s, ga), np.ones((ROWS, 1)))
case(
    "gciql",
    value=[(v, lambda theta: expectile(0.9, q - v(s, g, theta=theta), q - v(s, g, theta=theta)))],
    critic=[towards(q1, (s, g, a), y), towards(q2, (s, g, a), y)],
    actor=[(actor, lambda theta: -lower(theta).mean() / scale + 0.3 * cloning(theta))],
)


# HIQL: expectile 0.7, both alphas 3, representations of two numbers, of length sqrt(2). Low policy 0, high policy 7, representation
# 8, values 1 and 2, targets 4 and 5, which ask the same representation.
REP = 2
gw, gz = wave(np.sin, ROWS, GOAL, 1.9, 0.7), wave(np.cos, ROWS, GOAL, 1.3, 0.2)
way = wave(np.sin, ROWS, OBSERVATION, 0.8, 0.6)
low, high = Net(0, OBSERVATION + REP, ACTION, True, False), Net(7, OBSERVATION + GOAL, REP, True, False)
rep = Net(8, OBSERVATION + GOAL, REP, True, True)
v1, v2, t1, t2 = (Net(k, OBSERVATION + REP, 1, True, True) for k in (1, 2, 4, 5))


def phi(state, goal, theta=None):
    x = rep(state, goal, theta=theta)
    return x / np.linalg.norm(x, axis=1, keepdims=True) * math.sqrt(REP)


def gain(after, before, goal):
    value = lambda state: (v1(state, phi(state, goal)) + v2(state, phi(state, goal))) / 2
    return value(after) - value(before)


def likelihood(net, inputs, target, weight):
    return lambda theta: np.mean(0.5 * weight * ((net(*inputs, theta=theta) - target) ** 2).sum(1, keepdims=True))


n1, n2 = t1(s2, phi(s2, g)), t2(s2, phi(s2, g))
side = reward_goal + DISCOUNT * mask * np.minimum(n1, n2) - (t1(s, phi(s, g)) + t2(s, phi(s, g))) / 2
y1, y2 = reward_goal + DISCOUNT * mask * n1, reward_goal + DISCOUNT * mask * n2


def of_head(net, y):
    return lambda theta: expectile(0.7, side, y - net(s, phi(s, g), theta=theta))


def of_rep(theta):
    z = phi(s, g, theta)
    return expectile(0.7, side, y1 - v1(s, z)) + expectile(0.7, side, y2 - v2(s, z))


case(
    "hiql",
    value=[(v1, of_head(v1, y1)), (v2, of_head(v2, y2))],
    representation=[(rep, of_rep)],
    low=[(low, likelihood(low, (s, phi(s, gw)), a, np.minimum(np.exp(3 * gain(s2, s, gw)), 100)))],
    high=[(high, likelihood(high, (s, ga), phi(s, gz), np.minimum(np.exp(3 * gain(way, s, ga)), 100)))],
)

# Diffusion-QL: eta 1, five steps of the variance-preserving schedule, with noise that is given; critics 2 and 3, of which the second
# is climbed and the first gives the scale. Of the policy's loss alone.
STEPS, TIME = 5, 16
k = np.arange(1, STEPS + 1)
alpha = np.exp(-0.1 / STEPS - 0.5 * (10 - 0.1) * (2 * k - 1) / STEPS**2)
bar = np.cumprod(alpha)
bar_before = np.concatenate([[1.0], bar[:-1]])
actor = Net(0, ACTION + TIME + OBSERVATION, ACTION, False, False)
q1, q2 = (Net(j, OBSERVATION + ACTION, 1, False, False) for j in (2, 3))
level, epsilon = np.array([0, 2, 4, 1]), wave(np.sin, ROWS, ACTION, 2.9, 0.3)
steps_noise = [0.7 * wave(np.cos, ROWS, ACTION, 1.1 + 0.5 * j, 0.4) for j in range(STEPS)]


def time(t):
    rates = np.exp(-np.arange(TIME // 2) * math.log(10000) / (TIME // 2 - 1))
    angle = np.asarray(t, float).reshape(-1, 1) * rates
    return np.concatenate([np.sin(angle), np.cos(angle)], 1)


def denoising(theta):
    b = bar[level].reshape(-1, 1)
    x = np.sqrt(b) * a + np.sqrt(1 - b) * epsilon
    return np.mean((actor(x, time(level), s, theta=theta) - epsilon) ** 2)


def sampled(theta):
    x = steps_noise[0]
    for t in reversed(range(STEPS)):
        found = actor(x, time(np.full(ROWS, t)), s, theta=theta)
        clean = np.clip((x - np.sqrt(1 - bar[t]) * found) / np.sqrt(bar[t]), -1, 1)
        beta = 1 - alpha[t]
        mean = (beta * np.sqrt(bar_before[t]) * clean + (1 - bar_before[t]) * np.sqrt(alpha[t]) * x) / (1 - bar[t])
        x = mean + (np.sqrt(beta * (1 - bar_before[t]) / (1 - bar[t])) * steps_noise[STEPS - t] if t else 0)
    return np.clip(x, -1, 1)


scale = np.abs(q1(s, sampled(actor.theta))).mean()
case("diffusion-ql", actor=[(actor, lambda theta: denoising(theta) - q2(s, sampled(theta)).mean() / scale)])


def rounded(x):
    if isinstance(x, dict):
        return {key: rounded(value) for key, value in x.items()}
    return [rounded(value) for value in x] if isinstance(x, list) else float(f"{float(x):.7g}")


with open("learned.json", "w") as file:
    json.dump(rounded(cases), file, separators=(",", ":"))
    file.write("\n")
