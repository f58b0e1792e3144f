"""The same network in PyTorch, as a process that `forethought speed --python PYTHON` talks to.

Written from the mathematics (planner/src/network/transformer.rs is the definition), the way a careful
PyTorch user would: fused attention and layer norm, no gradients where none are needed, masks and inputs
made once, `torch.compile` where it helps. Each side times its ways of doing the same thing (the network as it
stands, or with everything that depends on the noise level alone looked up in a table; modes of
`torch.compile`) and keeps the fastest.

Needs nothing but torch and numpy:

    python3 -m venv torch-venv
    torch-venv/bin/pip install torch numpy
    forethought speed --python torch-venv/bin/python

`torch.compile` on the CPU needs a C++ compiler (g++). One JSON object a line, both ways; see `Worker`.
Shapes: B sequences, T tokens, D numbers a token, W width, H heads.
"""

import json
import math
import os
import struct
import sys
import time

# Replies have the standard output for themselves: what libraries print goes to the error stream.
replies = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def reply(message):
    replies.write(json.dumps(message) + "\n")
    replies.flush()


try:
    import numpy as np
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError as error:
    reply({"error": f"this Python lacks a package ({error})"})
    sys.exit(1)

GOAL, FIRST_CHUNK = 1, 2
FEATURES = 64


def read_safetensors(path):
    """Named arrays of a safetensors file: length of the header, header, numbers."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    kinds = {"F32": "<f4", "F16": "<f2"}
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(data[slice(*entry["data_offsets"])], kinds[entry["dtype"]])
        .reshape(entry["shape"])
        .astype(np.float32)
        for name, entry in header.items()
    }


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.offset = nn.Parameter(torch.zeros(6 * width))
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)

    def forward(self, x, modulation, mask):
        scale_1, shift_1, gate_1, scale_2, shift_2, gate_2 = (modulation + self.offset).chunk(6, -1)
        h = self.attention_norm(x) * (1 + scale_1) + shift_1
        b, t, w = h.shape
        q, k, v = self.query_key_value(h).view(b, t, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4)
        h = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.projection(h.transpose(1, 2).reshape(b, t, w)) * gate_1
        h = self.mlp_norm(x) * (1 + scale_2) + shift_2
        return x + self.contract(F.gelu(self.expand(h))) * gate_2


class Level(nn.Module):
    """Sinusoids of a token's noise levels, side by side, then two layers."""

    def __init__(self, levels, width):
        super().__init__()
        self.input = nn.Linear(FEATURES * levels, width)
        self.output = nn.Linear(width, width)
        half = FEATURES // 2
        frequencies = math.pi * 256.0 ** (torch.arange(half, dtype=torch.float32) / (half - 1))
        self.register_buffer("frequencies", frequencies)

    def forward(self, share):
        angle = share.unsqueeze(-1) * self.frequencies
        features = torch.cat([angle.sin(), angle.cos()], -1).flatten(-2)
        return F.silu(self.output(F.silu(self.input(features))))


class Transformer(nn.Module):
    """Pre-norm blocks, modulated by each token's own noise level."""

    def __init__(self, tensors, heads):
        super().__init__()
        tokens, width = tensors["positions_tw"].shape
        chunks, size = tensors["remaining_tw"].shape[0], tensors["output.weight"].shape[1]
        layers = sum(name.endswith(".offset") for name in tensors)
        self.input = nn.Linear(tensors["input.weight"].shape[0], width)
        self.positions_tw = nn.Parameter(torch.zeros(tokens, width))
        self.remaining_tw = nn.Parameter(torch.zeros(chunks, width))
        self.level = Level(tensors["level.input.weight"].shape[0] // FEATURES, width)
        self.modulation = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.final_norm = nn.LayerNorm(width)
        self.final_modulation = nn.Linear(width, 2 * width)
        self.output = nn.Linear(width, size)
        own = dict(self.named_parameters())
        for name, array in tensors.items():
            value = torch.from_numpy(array.copy())
            # Linear layers are stored [in, out].
            if name.endswith(".weight"):
                value = value.T.contiguous()
            name = name.replace(".gamma", ".weight").replace(".beta", ".bias")
            with torch.no_grad():
                own.pop(name).copy_(value)
        if own:
            raise ValueError(f"the checkpoint lacks {sorted(own)}")

    def modulations(self, share):
        """All that depends on the levels alone, [..., L]: [..., 6 W] for the blocks and [..., 2 W] for the end."""
        level = self.level(share)
        return torch.cat([self.modulation(level), self.final_modulation(level)], -1)

    def forward(self, x, modulations, remaining, mask):
        w = self.positions_tw.shape[1]
        inner, last = modulations.split([6 * w, 2 * w], -1)
        x = self.input(x) + self.positions_tw[: x.shape[1]] + F.embedding(remaining, self.remaining_tw)
        for block in self.blocks:
            x = block(x, inner, mask)
        scale, shift = last.chunk(2, -1)
        return self.output(self.final_norm(x) * (1 + scale) + shift)


def conditions(request, tokens, causal, levels, device):
    """What the network is told besides what it is shown, made once."""
    level = torch.tensor(request["level_btl"], dtype=torch.int64, device=device)
    level = level.view(len(request["chunks_b"]), tokens, -1)
    chunks, goal = request["chunks_b"], request["goal_b"]
    t = torch.arange(tokens)
    visible = torch.stack([(t < FIRST_CHUNK + c) & ((t != GOAL) | g) for c, g in zip(chunks, goal)])
    count = torch.tensor(chunks).unsqueeze(1)
    remaining = torch.where(t < FIRST_CHUNK, 0, (FIRST_CHUNK + count - t - 1).clamp(min=0))
    mask = visible[:, None, None, :].expand(-1, 1, tokens, -1)
    if causal:
        mask = mask & (t[None, :] <= t[:, None])
    if bool((mask == mask[:1]).all()):
        mask = mask[:1]
    mask = torch.zeros(mask.shape).masked_fill(~mask, -math.inf)
    return level, (level / levels).float(), remaining.to(device), mask.contiguous().to(device)


class Row:
    """The network in one denoising row: its answers, and with guidance the gradient at its input, given the one at its
    answers. What surrounds the network is computed by the other side, and counts there alone."""

    def __init__(self, worker, request):
        self.worker, self.guided, device = worker, request["guided"], worker.device
        tokens = request["tokens"]
        numbers = lambda name: torch.tensor(request[name], dtype=torch.float32, device=device)
        self.x = numbers("input_bti").view(len(request["chunks_b"]), tokens, -1)
        level, self.share, self.remaining, self.mask = conditions(
            request, tokens, worker.causal, worker.levels, device
        )
        if self.guided:
            self.d_answer = numbers("d_answer_btd").view(len(request["chunks_b"]), tokens, -1)
        # Rows meet the same few combinations of levels over and over: their modulations can be looked up.
        combinations, self.row_of = torch.unique(level.flatten(0, 1), dim=0, return_inverse=True)
        self.row_of = self.row_of.view(level.shape[:2])
        with torch.no_grad():
            self.table = worker.network.modulations(combinations / worker.levels)

    def ways(self, side):
        kinds = ["table", "plain"]
        if side == "eager":
            return [(kind, None) for kind in kinds]
        modes = self.worker.modes if not self.guided else [m for m in self.worker.modes if m != "freezing"]
        return [(kind, mode) for mode in modes for kind in kinds]

    def answer(self, x, table):
        network = self.worker.network
        modulations = network.modulations(self.share) if table is None else F.embedding(self.row_of, table)
        return network(x, modulations, self.remaining, self.mask)

    def build(self, kind, mode):
        table = self.table if kind == "table" else None

        def forward(x):
            answer = self.answer(x, table)
            return (answer, (answer * self.d_answer).sum()) if self.guided else answer

        forward = compiled(forward, mode)
        if not self.guided:
            def run():
                with torch.no_grad() if mode else torch.inference_mode():
                    return forward(self.x), None
            return run

        def run():
            x = self.x.detach().requires_grad_()
            answer, score = forward(x)
            (d_input,) = torch.autograd.grad(score, x)
            return answer, d_input
        return run

    def check(self, run):
        answer, d_input = run()
        numbers = lambda tensor: None if tensor is None else tensor.detach().cpu().flatten().tolist()
        return {"answer": numbers(answer), "d_input": numbers(d_input)}


class Train:
    """One training step: weighted squared error, backward, clipping, AdamW, moving average."""

    def __init__(self, worker, request):
        self.worker, device = worker, worker.device
        tokens, size = request["tokens"], worker.size
        _, self.share, self.remaining, self.mask = conditions(request, tokens, worker.causal, worker.levels, device)
        numbers = lambda name: torch.tensor(request[name], dtype=torch.float32, device=device)
        self.x = numbers("input_bti").view(len(request["chunks_b"]), tokens, -1)
        # The loss as it is at the answers: what surrounds the network is linear and counts on the other side alone.
        self.target, self.weight = (numbers(name).view(-1, tokens, size) for name in ("answer_btd", "weight_btd"))
        self.settings = request["settings"]

    def ways(self, side):
        return [("plain", None)] if side == "eager" else [("plain", "default")]

    def build(self, kind, mode):
        settings, network = self.settings, Transformer(self.worker.tensors, self.worker.heads).to(self.worker.device)
        parameters = list(network.parameters())
        average = [p.detach().clone() for p in parameters]
        decays = lambda name, p: p.dim() == 2 and not name.endswith("_tw")
        named = list(network.named_parameters())
        groups = [
            {"params": [p for n, p in named if decays(n, p)], "weight_decay": settings["weight_decay"]},
            {"params": [p for n, p in named if not decays(n, p)], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=settings["learning_rate"], betas=(0.9, 0.99), eps=1e-8, fused=True)

        def loss_of():
            out = network(self.x, network.modulations(self.share), self.remaining, self.mask)
            return ((out - self.target).square() * self.weight).sum()

        loss_of = compiled(loss_of, mode)
        steps = 0

        def run():
            nonlocal steps
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, settings["clip"])
            optimizer.step()
            steps += 1
            keep = min(settings["ema"], (1 + steps) / (10 + steps))
            with torch.no_grad():
                torch._foreach_lerp_(average, parameters, 1 - keep)
            return loss

        def gradients():
            fresh = Transformer(self.worker.tensors, self.worker.heads)
            with torch.no_grad():
                for p, q in zip(parameters, fresh.parameters()):
                    p.copy_(q)
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of()
            loss.backward()
            back = lambda n: n.replace("norm.weight", "norm.gamma").replace("norm.bias", "norm.beta")
            return {"loss": loss.item(), "norms": {back(n): p.grad.norm().item() for n, p in named}}

        run.gradients = gradients
        return run

    def check(self, run):
        return run.gradients()


class Reference:
    """The reference implementation's plan for Maze2D-Large, written afresh: a plain causal transformer encoder on
    81 tokens of 10 frames, random weights, a pyramid of 50 levels over 80 tokens (129 rows), batch 1."""

    TOKENS, FRAMES, FRAME, WIDTH, HEADS, LEVELS = 81, 10, 6, 128, 4, 50

    def __init__(self, worker, request):
        self.guided, self.device = request["guided"], worker.device
        self.rows = request.get("rows") or self.LEVELS + self.TOKENS - 2
        torch.manual_seed(0)
        size = self.FRAMES * self.FRAME
        layer = nn.TransformerEncoderLayer(self.WIDTH, self.HEADS, 512, dropout=0.0, batch_first=True)
        self.network = nn.ModuleDict(
            {
                "input": nn.Linear(size, self.WIDTH),
                "level": nn.Embedding(self.LEVELS + 1, self.WIDTH),
                "position": nn.Embedding(self.TOKENS, self.WIDTH),
                "encoder": nn.TransformerEncoder(layer, 12, enable_nested_tensor=False),
                "output": nn.Linear(self.WIDTH, size),
            }
        ).to(self.device).eval().requires_grad_(False)
        self.mask = nn.Transformer.generate_square_subsequent_mask(self.TOKENS, device=self.device)
        self.signal = torch.cos(torch.linspace(0, 0.99, self.LEVELS + 1) * math.pi / 2).square().to(self.device)
        self.noise = torch.randn(1, self.TOKENS, size, device=self.device)
        self.goal = torch.tensor([1.0, -0.5], device=self.device)
        token = torch.arange(self.TOKENS - 1)
        # Token 0 is the present; token t of the plan waits t rows before it is denoised.
        levels = [(self.LEVELS + token - row).clamp(0, self.LEVELS) for row in range(self.LEVELS + self.TOKENS - 1)]
        self.levels = [F.pad(level, (1, 0)).unsqueeze(0).to(self.device) for level in levels]

    def ways(self, side):
        return [("torch.nn.TransformerEncoder", None), ("its layers by hand", None)]

    def forward(self, x, level, by_hand):
        n = self.network
        h = n["input"](x) + n["level"](level) + n["position"].weight
        if not by_hand:
            return n["output"](n["encoder"](h, mask=self.mask, is_causal=True))
        b, t, w = h.shape
        for layer in n["encoder"].layers:
            attention = layer.self_attn
            qkv = F.linear(h, attention.in_proj_weight, attention.in_proj_bias)
            q, k, v = qkv.view(b, t, 3, self.HEADS, w // self.HEADS).permute(2, 0, 3, 1, 4)
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, t, w)
            h = layer.norm1(h + attention.out_proj(mixed))
            h = layer.norm2(h + layer.linear2(F.relu(layer.linear1(h))))
        return n["output"](h)

    def build(self, kind, mode):
        by_hand = kind == "its layers by hand"

        def row(x, now, then):
            gradient = None
            if self.guided:
                x = x.detach().requires_grad_()
                with torch.enable_grad():
                    x0 = self.forward(x, now, by_hand)
                    at = x0[:, 1:].unflatten(2, (self.FRAMES, self.FRAME))[..., 2:4] - self.goal
                    score = -torch.linalg.vector_norm(at, dim=-1).tanh().sum()
                    (gradient,) = torch.autograd.grad(score, x)
                x, x0 = x.detach(), x0.detach()
            else:
                x0 = self.forward(x, now, by_hand)
            a, b = self.signal[now].unsqueeze(-1), self.signal[then].unsqueeze(-1)
            if gradient is not None:
                x0 = x0 + 0.1 * (1 - a) * gradient
            e = (x - a.sqrt() * x0) / (1 - a).sqrt().clamp(min=1e-3)
            return torch.where((now != then).unsqueeze(-1), b.sqrt() * x0 + (1 - b).sqrt() * e, x)

        def run():
            x = self.noise
            with torch.no_grad() if self.guided else torch.inference_mode():
                for now, then in zip(self.levels[: self.rows], self.levels[1:]):
                    x = row(x, now, then)
            return x
        return run

    def check(self, run):
        return {"rows": self.rows, "finite": bool(torch.isfinite(run()).all())}


def compiled(function, mode):
    if mode is None:
        return function
    # A code object of its own: programs compiled for one code object are searched one after the other.
    function.__code__ = function.__code__.replace()
    if mode == "freezing":
        # Weights become constants of the program, which lets the compiler pack them.
        return torch.compile(function, dynamic=False, options={"freezing": True, "max_autotune": True})
    return torch.compile(function, dynamic=False, mode=None if mode == "default" else mode)


class Worker:
    """Answers requests: `load`, then for every case `row`, `train` or `reference` (its input), `prepare` a side
    (compile, warm up, choose the fastest way), `check` (its numbers) and `time` (milliseconds of n repeats)."""

    def __init__(self):
        self.cases, self.prepared = {}, {}

    def load(self, request):
        torch.set_num_threads(request["threads"])
        self.device = torch.device(request["device"])
        self.modes = request["modes"]
        if self.device.type == "cuda":
            if not torch.cuda.is_available():
                raise RuntimeError("this torch finds no CUDA device")
            torch.set_float32_matmul_precision("high")
        with open(os.path.join(request["path"], "manifest.json")) as file:
            manifest = json.load(file)
        model = manifest["model"]
        self.heads, self.causal, self.levels = model["network"]["heads"], model["network"]["causal"], model["levels"]
        self.tensors = read_safetensors(os.path.join(request["path"], "model.safetensors"))
        self.network = Transformer(self.tensors, self.heads).to(self.device).eval().requires_grad_(False)
        self.size = self.network.output.out_features
        name = torch.cuda.get_device_name() if self.device.type == "cuda" else None
        return {"torch": torch.__version__, "python": sys.version.split()[0], "threads": torch.get_num_threads(), "gpu": name}

    def case(self, request, kind):
        self.cases[request["case"]] = kind(self, request)
        return {}

    def prepare(self, request):
        name, side = request["case"], request["side"]
        case, runs, tried = self.cases[name], {}, {}
        for kind, mode in case.ways(side):
            way = f"{kind}, {mode}" if mode else kind
            try:
                run = case.build(kind, mode)
                for _ in range(request["trials"]):
                    run()
                runs[way], tried[way] = run, []
            except Exception as error:
                tried[way] = f"failed: {type(error).__name__}: {str(error).strip()[:300]}"
        if not runs:
            raise RuntimeError(f"nothing could be run: {tried}")
        for _ in range(request["trials"] if len(runs) > 1 else 1):
            for way, run in runs.items():
                tried[way].append(1e3 * self.seconds(run, 1))
        for way in runs:
            tried[way] = float(np.median(tried[way]))
        way = min(runs, key=lambda way: tried[way])
        self.prepared[name, side] = runs[way]
        return {"way": way, "tried": tried}

    def seconds(self, run, repeats, warm_up=True):
        wait = torch.cuda.synchronize if self.device.type == "cuda" else (lambda: None)
        if warm_up:
            run()
        wait()
        began = time.perf_counter()
        for _ in range(repeats):
            run()
        wait()
        return time.perf_counter() - began

    def time(self, request):
        run = self.prepared[request["case"], request["side"]]
        # A whole plan is long enough to warm up within itself.
        warm_up = not isinstance(self.cases[request["case"]], Reference)
        return {"ms": 1e3 * self.seconds(run, request["repeats"], warm_up)}

    def check(self, request):
        return self.cases[request["case"]].check(self.prepared[request["case"], request["side"]])

    def answer(self, request):
        what = request["do"]
        kinds = {"row": Row, "train": Train, "reference": Reference}
        if what in kinds:
            return self.case(request, kinds[what])
        return {"load": self.load, "prepare": self.prepare, "check": self.check, "time": self.time}[what](request)


def main():
    worker = Worker()
    for line in sys.stdin:
        try:
            reply(worker.answer(json.loads(line)))
        except Exception as error:
            reply({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
