"""Ctrl-C and SIGTERM end a command with one line, whatever it does; a command that has failed ends."""

import signal
import subprocess
import sys
import time

import pytest

from data_gen.shared import signals
from tests.support.paths import ROOT

PROGRAM = """
import hashlib, sys, threading, time
from data_gen.shared import signals
signals.LATE_S = signals.CLOSING_S = 1

def command():
    print("begun", flush=True)
    {body}
    return 0

sys.exit(signals.run(command))
"""
BODIES = {
    "waits": "time.sleep(60)",
    "is in a library": "hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)",
    "swallows what is raised": "\n    while True:\n        try: time.sleep(60)\n        except BaseException: pass",
    "makes another error of it": """
    try: time.sleep(60)
    except BaseException: raise ImportError("numpy could not be imported")""",
    "imports": "sys.path.insert(0, sys.argv[1]); import slow",
    "waits for a thread": "threading.Thread(target=time.sleep, args=[60]).start(); time.sleep(60)",
}


@pytest.mark.parametrize(("does", "number"), [*((does, signal.SIGTERM) for does in BODIES), ("waits", signal.SIGINT)])
def test_a_signal_ends_a_command_with_one_line(does, number, tmp_path):
    (tmp_path / "slow.py").write_text("import time\ntry: time.sleep(60)\nexcept BaseException: print('raised')\n")
    command = [sys.executable, "-c", PROGRAM.format(body=BODIES[does]), str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "begun\n"
    began = time.monotonic()
    process.send_signal(number)
    output, error = process.communicate(timeout=30)
    assert not output and (process.returncode, error) == (128 + number, f"error: {signals.LINE}\n")
    assert time.monotonic() - began < 10


def test_a_command_that_has_failed_ends():
    body = "threading.Thread(target=time.sleep, args=[60]).start(); return 3"
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(body=body)], cwd=ROOT, timeout=30)
    assert done.returncode == 3


def test_a_block_leaves_signals_as_they_were():
    before = [signal.getsignal(number) for number in signals.ENDING]
    came: list[int] = []
    with signals.handled(came.append, print):
        signal.raise_signal(signal.SIGTERM)
        with signals.handled(came.append, print):
            signal.raise_signal(signal.SIGINT)
    assert came == [signal.SIGTERM, signal.SIGINT]
    assert [signal.getsignal(number) for number in signals.ENDING] == before and signal.set_wakeup_fd(-1) == -1
