"""Files as the authors' code (v1.5) leaves them, with random weights, and what PyTorch computes with them.

    python original.py tiny  OUT.ckpt OUT.json     the fixture in planner/tests/fixtures/original
    python original.py medium OUT.ckpt OUT.json    the size of maze2d-medium: twelve layers of width 128

Written from the equations and from the names and shapes of the authors' state dicts; needs PyTorch. The JSON holds noisy
sequences as their code has them (`[tokens, slots]`, observation before action in a frame), the network's answers, and one
plan without guidance, from the noise that is there.
"""

import collections
import json
import math
import pathlib
import sys

import torch
from torch import nn

SIZES = {
    # width, layers, heads, observation, action, frames in a token, chunks, training levels, sampling levels
    "tiny": (8, 2, 2, 4, 2, 2, 3, 100, 10),
    "medium": (128, 12, 4, 4, 2, 10, 60, 1000, 50),
}


def sinusoids(of, size):
    ratio = math.log(10000) / (size // 2 - 1)
    angle = of[..., None] * torch.exp(torch.arange(size // 2) * -ratio)
    return torch.cat((angle.sin(), angle.cos()), dim=-1)


class Network(nn.Module):
    """`nn.TransformerEncoder` between two linear layers and one, with the parameter names of the authors' module."""

    def __init__(self, token, width, layers, heads):
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, dropout=0.0)
        self.transformer = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.init_mlp = nn.Sequential(nn.Linear(token + width // 2, width), nn.ReLU(), nn.Linear(width, width))
        self.out = nn.Linear(width, token)
        self.width = width

    def forward(self, x, k, causal=False):  # x: [tokens, batch, slots], k: [tokens, batch], counted from 0
        h = self.init_mlp(torch.cat((x, sinusoids(k, self.width // 2)), dim=-1))
        h = h + sinusoids(torch.arange(len(x)), self.width)[:, None]
        mask = nn.Transformer.generate_square_subsequent_mask(len(x)) if causal else None
        return self.out(self.transformer(h, mask=mask))


def buffers(levels):
    """Every buffer that the authors' `Diffusion` registers, in 32 bits."""
    beta = torch.linspace(0.1 / levels, 20 / levels, levels, dtype=torch.float64)
    abar = torch.cumprod(1 - beta, 0)
    before = torch.cat((torch.ones(1, dtype=torch.float64), abar[:-1]))
    snr, variance = abar / (1 - abar), beta * (1 - before) / (1 - abar)
    named = {
        "betas": beta,
        "alphas_cumprod": abar,
        "alphas_cumprod_prev": before,
        "sqrt_alphas_cumprod": abar.sqrt(),
        "sqrt_one_minus_alphas_cumprod": (1 - abar).sqrt(),
        "log_one_minus_alphas_cumprod": (1 - abar).log(),
        "sqrt_recip_alphas_cumprod": (1 / abar).sqrt(),
        "sqrt_recipm1_alphas_cumprod": (1 / abar - 1).sqrt(),
        "posterior_variance": variance,
        "posterior_log_variance_clipped": variance.clamp(min=1e-20).log(),
        "posterior_mean_coef1": beta * before.sqrt() / (1 - abar),
        "posterior_mean_coef2": (1 - before) * (1 - beta).sqrt() / (1 - abar),
        "clipped_snr": snr.clamp(max=5.0),
        "snr": snr,
    }
    return abar.float(), {name: value.float() for name, value in named.items()}


class Odd:
    """Something of the trainer's that no reader knows, and that must not be run."""


def checkpoint(network, named, mean, std):
    state = collections.OrderedDict()
    state.update({"data_mean": torch.tensor(mean), "data_std": torch.tensor(std)})
    state.update({f"diffusion_model.{name}": value for name, value in named.items()})
    state.update({f"diffusion_model.model.{name}": value for name, value in network.state_dict().items()})
    state._metadata = {"": {"version": 1}}
    moments = {"step": torch.tensor(7.0), "exp_avg": torch.zeros(3), "exp_avg_sq": torch.zeros(3)}
    return {
        "epoch": 3,
        "global_step": 1234,
        "pytorch-lightning_version": "2.1.2",
        "state_dict": state,
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 4, "done": None}}}},
        "callbacks": {"ModelCheckpoint{}": {"dirpath": pathlib.PurePosixPath("checkpoints"), "odd": Odd()}},
        "optimizer_states": [{"state": {0: moments}, "param_groups": [{"lr": 5e-4, "betas": (0.9, 0.999), "params": [0]}]}],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
    }


def plan(network, abar, start, noise, steps, stabilization=10):
    """The pyramid of one row a token, deterministic DDIM: the authors' `plan` without guidance. `start` is the first token."""
    levels, tokens = len(abar), len(noise)
    real = torch.linspace(-1, levels - 1, steps + 1).long()
    rows = [[min(max(steps + t - m, 0), steps) for t in range(tokens)] for m in range(steps + tokens)]
    x = noise.clone()
    for now, then in zip(rows, rows[1:]):
        k, to = real[[0] + now], real[[0] + then]
        shown = torch.where(k < 0, stabilization - 1, k)
        known = torch.cat((start, x))
        seen = torch.where((k < 0)[:, None, None], abar[shown].sqrt()[:, None, None] * known, known)
        a = abar[shown][:, None, None]
        b = torch.where(to < 0, 1.0, abar[to.clamp(min=0)])[:, None, None]
        x0 = network(seen, shown[:, None])
        noise_estimate = (seen / a.sqrt() - x0) / (1 / a - 1).sqrt()
        stepped = x0 * b.sqrt() + noise_estimate * (1 - b).sqrt()
        x = torch.where((k == to)[:, None, None], known, stepped)[1:]
    return x


@torch.no_grad()
def main(size, ckpt, answers):
    torch.manual_seed(2407)
    width, layers, heads, o, a, frames, chunks, levels, steps = SIZES[size]
    token = frames * (o + a)
    network = Network(token, width, layers, heads).eval()
    for name, value in network.named_parameters():
        # Norms that are not the identity, biases that are not zero; matrices as PyTorch draws them.
        value.add_(0.2 * torch.randn_like(value) if value.dim() == 1 else 0.0)
    abar, named = buffers(levels)
    mean = [round(0.1 * (i + 1), 3) for i in range(o + a)]
    std = [round(1.0 + 0.25 * i, 3) for i in range(o + a)]
    torch.save(checkpoint(network, named, mean, std), ckpt)

    observation = torch.randn(2, o)
    frame = torch.cat((observation, torch.zeros(2, a)), -1)
    start = frame.repeat(1, frames)[None]
    x = torch.cat((start, torch.randn(chunks, 2, token)))
    k = torch.randint(0, levels, (chunks + 1, 2))
    # The second sequence ends before the last chunk: zeros at pure noise.
    x[-1, 1], k[-1, 1] = 0.0, levels - 1
    noise = torch.randn(chunks, 1, token)
    flat = lambda tensor: [float(f"{value:.8g}") for value in tensor.transpose(0, 1).flatten().tolist()]
    pathlib.Path(answers).write_text(
        json.dumps(
            {
                "x": flat(x),
                "k": [int(value) for value in k.T.flatten()],
                "answer": flat(network(x, k)),
                "causal": flat(network(x, k, causal=True)),
                "noise": flat(noise),
                "plan": flat(plan(network, abar, start[:, :1], noise, steps, min(10, levels))),
            }
        )
        + "\n"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
