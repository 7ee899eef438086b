"""Compares two written answers: texts, numbers with their units, intervals, sets, equations, formulas in letters.

What small rules decide is decided here. The rest, an answer in letters, goes to math-verify (Hugging Face; its parsers
are SymPy's and a grammar of LaTeX), in a process of its own: it gets LIMIT_S seconds for a pair, is ended where it
takes longer, and started again for the next. Texts that are long, or would be large if worked out, are not compared.
"""

import atexit
import json
import os
import re
import selectors
import subprocess
import sys
from functools import lru_cache

from mmgeo_jax.evals.benchmarks.reading import expressions

LIMIT_S, START_S = 10.0, 120.0  # for a pair; for the process to be there
MAX_LENGTH = 200  # characters of an answer
TOLERANCE = 1e-2 * 1.01  # MM-Math's
# unit -> (dimension, how many of the dimension's first unit)
LENGTHS = {
    "mm": 1e-3,
    "cm": 1e-2,
    "dm": 1e-1,
    "m": 1.0,
    "km": 1e3,
    "毫米": 1e-3,
    "厘米": 1e-2,
    "分米": 1e-1,
    "米": 1.0,
    "千米": 1e3,
}
UNIT = re.compile(
    r"(?<=[\d}) ])(?:(?P<square>平方|square )|(?P<cube>立方|cubic ))?(?P<unit>[cdmk]?m|[毫厘分千]?米"
    r"|[a-z]*meters?)(?: ?\^? ?\{?(?P<power>[23²³])\}?)? *$"
)
PERCENT = re.compile(r"(?:\\?%|％|\\percent|percent|百分之)")
RATIO = re.compile(r"([^:：,]{1,60})[:：]([^:：,]{1,60})")
HUGE = re.compile(r"\^ ?\{? ?-?\d{3,}|\^[^=]*\^[^=]*\^|!|\d{25}|\\(?:int|sum|prod|lim)(?![a-z])")
NAMED = re.compile(r"[a-zA-Z]|\\|[<>≤≥=(\[{∪∞]")


def normalize_text(text: str) -> str:
    """Removes what does not matter when two answers are compared as texts: spaces, dollar signs, \\text{}."""
    return re.sub(r"\s+|\$|\\(?:left|right)(?![a-z])", "", expressions.unwrap(text)).strip(".。")


def find_unit(text: str) -> tuple[int, float] | None:
    """Returns (power, how many metres to this power) of the unit of length at the end of a text; None without one."""
    found = UNIT.search(expressions.unwrap(text).replace("\\", "").replace("$", "").rstrip(" .。"))
    if not found or found["unit"] not in LENGTHS:
        return None
    power = (
        2 if found["square"] else 3 if found["cube"] else {"2": 2, "²": 2, "3": 3, "³": 3}.get(found["power"] or "", 1)
    )
    return power, LENGTHS[found["unit"]] ** power


def values_equal(reference: str, said: str) -> bool | None:
    """Compares two numbers, each maybe with a percent sign or a unit; None where one of them is no number.

    Units that both have must measure the same. A percent sign in the answer alone makes it a hundredth, in the
    reference alone it may stand for either. Plain decimals are equal too if one is the other as a percentage, as in
    MM-Math's script.
    """
    percents = bool(PERCENT.search(reference)), bool(PERCENT.search(said))
    values = [_value(text) for text in (reference, said)]
    if values[0] is None or values[1] is None:
        return None
    a, b, units = values[0], values[1], (find_unit(reference), find_unit(said))
    if units[0] and units[1] and units[0] != units[1]:
        scale = units[1][1] / units[0][1]
        return units[0][0] == units[1][0] and abs(a - b * scale) <= TOLERANCE
    if percents == (False, True):
        return abs(a - b / 100) <= TOLERANCE / 100
    decimals = all(re.fullmatch(r"-?\d*\.?\d+", normalize_text(PERCENT.sub("", text))) for text in (reference, said))
    return any(abs(each - b) <= TOLERANCE for each in ((a, a / 100, a * 100) if decimals else (a,)))


def _value(text: str) -> float | None:
    if found := RATIO.fullmatch(text.strip(" $")):
        sides = [expressions.parse_or_none(side) for side in found.groups()]
        return None if None in sides or not sides[1] else sides[0] / sides[1]  # type: ignore[operator]
    return expressions.parse_or_none(text)


def answers_equal(reference: str, said: str) -> bool:
    """Returns whether two answers, or parts of them, mean the same."""
    if normalize_text(reference) == normalize_text(said):
        return True
    if len(said) > MAX_LENGTH or len(reference) > MAX_LENGTH:
        return False
    known = values_equal(reference, said)
    if known is not None:
        return known
    if re.search(r"[\u4e00-\u9fff]", reference + said) or not (NAMED.search(reference) and NAMED.search(said)):
        return False
    if HUGE.search(reference) or HUGE.search(said):
        return False
    return _WORKER.compare(reference, said)


# ---- math-verify in a process of its own -----------------------------------------------------------------------------


class Worker:
    """Asks a process that compares pairs, started at the first; a pair that takes too long ends it, and is unequal."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self.compare = lru_cache(maxsize=10_000)(self._compare)
        atexit.register(self.end)

    def _compare(self, reference: str, said: str) -> bool:
        process = self._process if self._process and self._process.poll() is None else self._start()
        try:
            assert process.stdin
            process.stdin.write(json.dumps([reference, said]).encode() + b"\n")
            process.stdin.flush()
        except OSError:
            self.end()
            return False
        return self._read_line(LIMIT_S) == b"1"

    def _start(self) -> subprocess.Popen[bytes]:
        self.end()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
        )  # fmt: skip
        if self._read_line(START_S) != b"ready":
            raise RuntimeError("math-verify does not start: install requirements.txt again")
        return self._process

    def _read_line(self, seconds: float) -> bytes:
        """Returns the next line of the process, which is ended where it says nothing in time."""
        assert self._process and self._process.stdout
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if selector.select(seconds) and (line := self._process.stdout.readline()):
                return line.strip()
        self.end()
        return b""

    def end(self) -> None:
        """Ends the process, if there is one."""
        if self._process:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe:
                    pipe.close()
        self._process = None


def _serve() -> None:
    """Answers pairs of lines on standard input, until it is closed."""
    import logging

    logging.disable(logging.CRITICAL)
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

    def read(text: str) -> list:
        configs = [LatexExtractionConfig(), ExprExtractionConfig()]
        return parse(f"${text.strip(' $')}$", extraction_config=configs, parsing_timeout=None)

    print("ready", flush=True)
    for line in sys.stdin:
        reference, said = json.loads(line)
        try:
            same = verify(read(reference), read(said), float_rounding=6, timeout_seconds=None)
        except Exception:  # whatever the parsers stumble over is no equal answer
            same = False
        print(int(bool(same)), flush=True)


_WORKER = Worker()

if __name__ == "__main__":
    _serve()
