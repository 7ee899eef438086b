"""Times training steps side by side: ours, dense and with an ink budget, and the same step in PyTorch.

    python -m perf.bench --shapes=quick_start,b16_224 --rounds=5 --out=perf/results/cpu.json

Each contender runs in a process of its own; on a CPU they alternate in rounds, on a GPU, whose memory they would share,
they follow each other. PyTorch's is `transformers`' SiglipModel at the same sizes with scaled-dot-product attention,
fused AdamW and, on a GPU, bfloat16 autocast and torch.compile; it is left out where PyTorch is not installed.
"""

import argparse
import contextlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from perf.bench_steps import CAPTION_TOKENS, CONTENDERS, SHAPES

EXAMPLE = "example:\n  python -m perf.bench --shapes=quick_start --rounds=5"


class Worker:
    """A contender in a process of its own: it answers `round` with the milliseconds of its steps."""

    def __init__(self, shape: str, contender: str, steps: int):
        command = [sys.executable, "-m", "perf.bench_steps", shape, contender, str(steps)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, word: str) -> dict:
        """Sends a word, and returns the answer: a line of JSON. Where the process died, {"error": its status}."""
        assert self.process.stdin and self.process.stdout
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(word + "\n")
            self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        return {"error": f"ended with status {self.process.wait()}"}

    def close(self) -> None:
        """Ends the process."""
        assert self.process.stdin
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()


def contenders(shape: str, on_gpu: bool) -> list[str]:
    """Returns who runs a shape here."""
    peers = ["torch_compiled" if on_gpu else "torch"]
    has_peers = importlib.util.find_spec("torch") and importlib.util.find_spec("transformers")
    return ["dense", *(peers if has_peers else []), *(f"ink{budget}" for budget in SHAPES[shape].budgets)]


def measure(shape: str, names: list[str], rounds: int, steps: int, together: bool) -> dict[str, dict]:
    """Returns of each contender the medians of its rounds, {name: {"ms": wall, "cpu_ms": of all threads, ...}}."""
    answers: dict[str, list[dict]] = {name: [] for name in names}
    results: dict[str, dict] = {}
    for group in [names] if together else [[name] for name in names]:
        workers = {name: Worker(shape, name, steps) for name in group}
        for name, worker in workers.items():
            results[name] = worker.ask("ready")
        for _ in tqdm(range(rounds), desc=f"{shape} {'+'.join(group)}", disable=not sys.stderr.isatty()):
            for name, worker in workers.items():
                if "error" not in results[name]:
                    answers[name].append(worker.ask("round"))
        for name, worker in workers.items():
            worker.close()
            tqdm.write(f"{shape} {name}: {results[name]} {answers[name]}", file=sys.stderr)
    for name, each in answers.items():
        faults = [answer for answer in each if "error" in answer]
        if faults or not each:
            results[name] |= faults[0] if faults else {}
            continue
        results[name] |= {key: round(statistics.median(answer[key] for answer in each), 3) for key in ("ms", "cpu_ms")}
        results[name] |= {"peak_gib": each[-1].get("peak_gib")}
    return results


def table(shape: str, results: dict[str, dict], on_gpu: bool) -> Iterator[str]:
    """Formats a shape's results; ratios are to the fastest PyTorch step, on a CPU by processor time."""
    key = "ms" if on_gpu else "cpu_ms"
    peers = [row[key] for name, row in results.items() if name.startswith("torch") and key in row]
    yield f"{shape}: {SHAPES[shape].images} pictures and captions of {CAPTION_TOKENS} tokens a step"
    for name, row in results.items():
        if key not in row:
            yield f"  {name:16} {row['error']}"
            continue
        ratio = f"{row[key] / min(peers):6.2f}" if peers else "     -"
        mfu = f"{row['flops'] / row['ms'] * 1e3 / row['peak']:6.1%}" if row.get("peak") else "     -"
        memory = f"{row['peak_gib']:7.2f} GiB" if row.get("peak_gib") else ""
        rate = SHAPES[shape].images / row["ms"] * 1e3
        yield f"  {name:16} {row['ms']:9.2f} ms {rate:9.1f} pictures/s  x torch {ratio}  mfu {mfu} {memory}"


def device() -> tuple[str, bool]:
    """Names the device that JAX finds, asked in a process of its own, and whether it is a GPU."""
    code = "import jax; d = jax.devices()[0]; print(d.platform + '|' + d.device_kind)"
    platform_name, kind = subprocess.check_output([sys.executable, "-c", code], text=True).strip().split("|")
    return (kind if platform_name != "cpu" else platform.processor() or "cpu"), platform_name == "gpu"


def main() -> None:
    parser = argparse.ArgumentParser(
        "python -m perf.bench", description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--shapes", default="quick_start", help=f"with commas between, of {', '.join(SHAPES)}")
    parser.add_argument("--contenders", help=f"with commas between, of {', '.join(CONTENDERS)}; by default all")
    parser.add_argument("--rounds", type=int, default=5, help="medians are over so many")
    parser.add_argument("--steps", type=int, default=3, help="of a round")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args()
    kind, on_gpu = device()
    versions = {name: importlib.metadata.version(name) for name in ("jax", "flax", "numpy")}
    found: dict = {"device": kind, "cores": os.cpu_count(), "versions": versions, "shapes": {}}
    for shape in options.shapes.split(","):
        names = options.contenders.split(",") if options.contenders else contenders(shape, on_gpu)
        began = time.monotonic()
        results = measure(shape, names, options.rounds, options.steps, together=not on_gpu)
        found["shapes"][shape] = results
        print("\n".join(table(shape, results, on_gpu)), f"  ({time.monotonic() - began:.0f} s)", sep="\n", flush=True)
        if options.out:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
