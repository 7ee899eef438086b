"""Tries a tokenizer of others in a process of its own, since a library may panic, abort or never end on hostile files.

There it does no harm, and is one line here. The process gets the tokenizer's bytes and says what went wrong.
"""

import hashlib
import resource
import signal
import subprocess
import sys

from data_gen.shared.errors import UserError

PARSE_S, PARSE_S_PER_MB, ENCODE_S = 4, 0.2, 2.0  # of CPU time; Gemma's 34 MB are parsed in 2 s
WALL_S = 60.0
MOST_BYTES = 8 * 2**30  # of address space
ASCII = "".join(map(chr, range(32, 127)))
ENDED = (signal.SIGXCPU, signal.SIGKILL, signal.SIGPROF)  # what ends the process at its limits
TEXTS = [
    "", "a", "A b.", ASCII, "∠ABC = 30°, AB ⊥ CD", "déjà vu", "数学 ＡＢ", "\U0001f600", "\0\t\r\n", "a" * 2000,
    "ab " * 500, " " * 500, *(sign * 40 + "∠" for sign in ASCII),
]  # fmt: skip

_passed: set[bytes] = set()


def require_runs(data: bytes, name: str) -> None:
    """Raises UserError, which says `name`, unless a tokenizer.json or SentencePiece model turns texts into tokens and
    back in a few seconds."""
    digest = hashlib.sha256(data).digest()
    if digest in _passed:
        return
    failed = f"{name} is neither a SentencePiece model nor a tokenizer.json that works"
    code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import main; sys.exit(main())"
    try:
        done = subprocess.run([sys.executable, "-P", "-c", code], input=data, capture_output=True, timeout=WALL_S)
    except subprocess.TimeoutExpired:
        raise UserError(f"{failed}: it does not end") from None
    if done.returncode:
        said = " ".join(done.stdout.decode(errors="replace").split())[:160]
        ended = "it does not end" if -done.returncode in ENDED else "its library crashes"
        raise UserError(f"{failed}: {said or ended}")
    _passed.add(digest)


def main() -> int:
    """Tries the tokenizer whose bytes come from standard input; prints what fails and returns 1."""
    data = sys.stdin.buffer.read()
    seconds = int(PARSE_S + PARSE_S_PER_MB * len(data) / 2**20)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        if data[:1] == b"{":
            import tokenizers

            library = tokenizers.Tokenizer.from_str(data.decode())
            library.no_padding()
            library.no_truncation()
            signal.setitimer(signal.ITIMER_PROF, ENCODE_S)
            for text in TEXTS:
                library.decode(library.encode(text).ids)
        else:
            import sentencepiece

            pieces = sentencepiece.SentencePieceProcessor(model_proto=data)
            signal.setitimer(signal.ITIMER_PROF, ENCODE_S)
            for text in TEXTS:
                pieces.decode(pieces.encode(text))
    except BaseException as fault:  # a panic of Rust is no Exception
        print(" ".join(str(fault).split())[:160] or type(fault).__name__)
        return 1
    return 0
