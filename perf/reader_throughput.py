"""Pictures per second that the reader delivers, from record to a uint8 batch, and where its time goes.

Families of 11 composed figures: a star of eight, and three of another's. One core makes batches in one thread, and
times are of the processor. Then threads and workers take turns on all cores, so that what else the machine does strikes
all alike: compare these with each other only.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time
from unittest import mock

for library in ("OMP", "OPENBLAS", "MKL"):  # read when numpy is imported
    os.environ[f"{library}_NUM_THREADS"] = "1"

import grain  # noqa: E402
import numpy as np  # noqa: E402
from ml_collections import ConfigDict  # noqa: E402
from tqdm import tqdm  # noqa: E402

from data_gen.build.spec import load_spec  # noqa: E402
from data_gen.records import schema, tfrecords  # noqa: E402
from data_gen.sources.composed import source as composed  # noqa: E402
from mmgeo_jax.batch import ClipBatch  # noqa: E402
from mmgeo_jax.data import augment, images, sampler  # noqa: E402
from mmgeo_jax.data import clip as clip_data  # noqa: E402
from mmgeo_jax.data.tokenizer import Tokenizer, train_tokenizer  # noqa: E402

IMAGES, BATCH, ROUNDS, WANTED = 11, 8, 5, 500
EVERYTHING = ConfigDict(dict.fromkeys(augment.AUGMENTATIONS, 1.0))
# What is a stage, by the function that the reader calls; none of them calls another.
STAGES = {
    "file and checksum": (tfrecords, "unframe_record"),
    "record": (tfrecords, "decode"),
    "PNG": (images, "decode_image"),
    "tokens": (Tokenizer, "encode_batch"),
    "merged negatives": (clip_data, "merged_negatives"),
    "augmentations": (augment, "augment"),
}
EXAMPLE = """example:
  python -m perf.reader_throughput --families=64 --size=384 --seconds=3"""


def join(family: schema.Family, other: schema.Family) -> schema.Family:
    """A family of 11: eight, and the first three of another; nobody can say what is true across."""
    n, more = len(family.images), IMAGES - len(family.images)

    def both(name: str) -> tuple:
        mine, theirs = getattr(family, name), getattr(other, name)
        return mine[:n] + theirs[:more] + mine[n:]

    captions = both("captions")
    shape = IMAGES, len(captions)
    truth = np.full(shape, -1, np.int8)
    truth[:n, :n], truth[n:, n:IMAGES] = family.truth[:n, :n], other.truth[:more, :more]
    signatures = (family.caption_signatures[:n], other.caption_signatures[:more], family.caption_signatures[n:])
    return replace(
        family,
        images=family.images + other.images[:more],
        captions=captions,
        truth=truth,
        provenance=np.ones(shape, np.uint8),
        margin_px=np.full(shape, np.nan, np.float32),
        image_signatures=np.concatenate([family.image_signatures, other.image_signatures[:more]]),
        caption_signatures=np.concatenate(signatures),
        programs=family.programs + other.programs[:more],
        edits=both("edits"),
        kinds=both("kinds"),
        facts=both("facts"),
    )


def write(folder: Path, count: int, size_px: int) -> None:
    """A data set of `count` families of 11."""
    spec = load_spec("configs/data_composed.py", [f"--spec.size_px={size_px}"])
    made = [composed.family(spec, "train", i) for i in tqdm(range(count), "families", leave=False)]
    path = folder / tfrecords.shard_name("reader", "train", 0, 1)
    with tfrecords.ShardWriter(path, "x") as writer:
        for family, other in zip(made, made[1:] + made[:1], strict=True):
            writer.write(join(family, other))
    index = tfrecords.read_index(path)
    row = {"file": path.name, "families": count, "bytes": index["bytes"], "sha256": index["sha256"]}
    facts = {"name": "reader", "seed": 0, "spec": "", "fingerprint": "x", "versions": {}}
    tfrecords.write_manifest(folder, facts | {"splits": {"train": [row]}})


class Reader:
    """The reader over one data set; a method for each thing that is measured."""

    def __init__(self, folder: Path, size_px: int):
        self.source = tfrecords.RecordSource(folder, "train")
        captions = [caption for row in range(len(self.source)) for caption in self.source[row].captions]
        self.words = Tokenizer(train_tokenizer(captions, 2000))
        self.data = ConfigDict(dict(max_images=IMAGES, max_captions=16, max_tokens=64, size_px=size_px))
        self.steps = max(1, len(self.source) // BATCH)

    def batches(self, threads: int = 0, **settings) -> Iterator[ClipBatch]:
        """Endless batches; without threads, in this one, when they are asked for."""
        data = ConfigDict(self.data.to_dict() | settings)
        options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=threads)
        with mock.patch.object(sampler, "READ_OPTIONS", options):
            return clip_data.train_batches([self.source], self.words, data, 0, 0, BATCH)

    def one_core(self, **settings) -> tuple[float, dict[str, float]]:
        """Milliseconds of the processor for a picture, the best of some rounds, and those of each stage."""
        batches, best = self.batches(**settings), float("inf")
        stages: dict[str, float] = defaultdict(float)
        next(batches)  # what is loaded at first use

        def timed(name, function):
            def call(*arguments):
                start = process_time()
                result = function(*arguments)
                stages[name] += process_time() - start
                return result

            return call

        for _ in range(ROUNDS):
            start = process_time()
            for _ in range(self.steps):
                next(batches)
            best = min(best, process_time() - start)
        with ExitStack() as stack:
            for name, (place, function) in STAGES.items():
                wrapped = timed(name, getattr(place, function))
                stack.enter_context(mock.patch.object(place, function, wrapped))
            start = process_time()
            for _ in range(ROUNDS * self.steps):
                next(batches)
            whole = process_time() - start
        stages["the rest"] = whole - sum(stages.values())
        pictures = self.steps * BATCH * IMAGES
        return 1e3 * best / pictures, {name: s / whole for name, s in stages.items()}

    def all_cores(self, ways: dict[str, dict[str, int]], seconds: float) -> dict[str, list[float]]:
        """Pictures per second by the clock of each way, for each round."""
        rates: dict[str, list[float]] = {name: [] for name in ways}
        running = {name: self.batches(**way) for name, way in ways.items()}
        for batches in running.values():
            next(batches)
        for _, (name, batches) in tqdm(list(itertools.product(range(ROUNDS), running.items())), "rounds", leave=False):
            for _ in range(2 * sum(ways[name].values())):  # made while others had their turn
                next(batches)
            start, count = perf_counter(), 0
            while perf_counter() - start < seconds:
                next(batches)
                count += 1
            rates[name].append(count * BATCH * IMAGES / (perf_counter() - start))
        return rates


def pin(cores: set[int]) -> None:
    """Run on these cores alone, where the system can say so."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit status is 1 where one core delivers fewer than 500 pictures a second."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--families", type=int, default=64, help="how many are made")
    parser.add_argument("--size", type=int, default=384, help="width and height, px")
    parser.add_argument("--seconds", type=float, default=3, help="a turn of threads or workers; 0 leaves them out")
    options = parser.parse_args(arguments)
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), max(BATCH, options.families), options.size)
        read = Reader(Path(folder), options.size)
        pin({min(cores)})
        ms, stages = read.one_core()
        print(f"one core: {1e3 / ms:.0f} pictures/s, {ms:.3f} ms of the processor each")
        for name, share in sorted(stages.items(), key=lambda stage: -stage[1]):
            print(f"  {name:20} {share:6.1%}")
        augmented, _ = read.one_core(augment=EVERYTHING)
        print(f"with all augmentations: {1e3 / augmented:.0f} pictures/s")
        for name in augment.AUGMENTATIONS:
            alone, _ = read.one_core(augment=ConfigDict({name: 1.0}))
            print(f"  {name:20} {alone - ms:+6.3f} ms")
        pin(cores)
        if options.seconds:
            counts = [1 << i for i in range(len(cores).bit_length())]
            ways = {f"{n} {kind}": {kind: n} for kind in ("threads", "workers") for n in counts}
            for name, rates in read.all_cores(ways, options.seconds).items():
                print(f"{name:12} {np.median(rates):6.0f} pictures/s ({min(rates):.0f} to {max(rates):.0f})")
    return int(1e3 / ms < WANTED)


if __name__ == "__main__":
    sys.exit(main())
