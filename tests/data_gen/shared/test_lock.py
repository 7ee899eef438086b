"""A folder is one command's at a time, and a dead process keeps none."""

import signal
import subprocess
import sys

import pytest

from data_gen.shared import lock
from data_gen.shared.errors import UserError
from tests.support.paths import ROOT

HOLDER = """
import sys, time
from data_gen.shared import lock
with lock.hold(sys.argv[1], "trains"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_command_names_the_first_until_it_dies(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], cwd=ROOT, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match=f"in use: process {holder.pid} on .* trains there"):
            lock._take(tmp_path / ".in_use.lock", "trains")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with lock.hold(tmp_path, "trains"), lock.hold(tmp_path, "builds", "other"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_folder_is_free_again_after_a_fault(tmp_path):
    with pytest.raises(ValueError, match="of its own"), lock.hold(tmp_path, "trains"):
        raise ValueError("of its own")
    with lock.hold(tmp_path, "trains"), pytest.raises(UserError), lock.hold(tmp_path, "trains"):
        pass
