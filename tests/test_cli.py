"""The command line: every command shows an example, and what goes wrong is one line."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys

import pytest

from data_gen.shared import cli as frame
from data_gen.shared import signals
from mmgeo_jax import cli
from tests.support.paths import ROOT


def test_the_list_names_every_command_once(capsys):
    assert cli.main([]) == 0 and cli.main(["--help"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert listed == 2 * list(cli.COMMANDS)


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_shows_an_example(command, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["mmgeo"])
    if command == "beam" and importlib.util.find_spec("apache_beam") is None:
        pytest.skip("Apache Beam has an environment of its own: make test-beam")
    with pytest.raises(SystemExit) as exit:
        cli.main([command, "--help"])
    text, error = capsys.readouterr()
    assert exit.value.code == 0 and not error
    assert f"\nexample:\n  mmgeo {command} " in text


@pytest.mark.parametrize(("wrong", "near"), [("trian-clip", "train-clip"), ("evaluate", "eval"), ("galery", "gallery")])
def test_a_wrong_command_names_the_nearest(wrong, near, capsys):
    assert cli.main([wrong]) == 2
    error = capsys.readouterr().err
    assert f"there is no command '{wrong}': did you mean '{near}'?" in error and error.count("\n") == 1


@pytest.mark.parametrize("number", signals.ENDING)
def test_a_signal_is_one_line_in_every_command(number, monkeypatch, capsys):
    def interrupted(*names, **more):
        raise signals.Ended(number)

    monkeypatch.setattr(frame, "parser", interrupted)
    for command in cli.COMMANDS.keys() - {"beam"} | ({"beam"} if importlib.util.find_spec("apache_beam") else set()):
        assert cli.main([command]) == 128 + number
        assert capsys.readouterr().err == "error: interrupted; give the same command again to resume\n", command


def test_a_home_is_found_in_every_command(monkeypatch):
    """Wherever a path stands, and nothing else is changed."""
    monkeypatch.setenv("HOME", "/home/me")
    changed = ["--out=~/x", "--data", "~/a b", "--spec.root=~"]
    kept = ["~other/x", "--x=a~/b", "--question=Is ~/2 a\nb?", "-k=~/x"]
    found: list[str] = []

    @frame.command
    def main(arguments):
        found.extend(arguments)
        return 0

    main([*changed, *kept])
    assert found == ["--out=/home/me/x", "--data", "/home/me/a b", "--spec.root=/home/me", *kept]


def test_a_value_of_two_dashes_is_one_line(capsys):
    """In every command: argparse takes them for the end of the options, and the value for an empty list."""
    for command in cli.COMMANDS.keys() - {"beam"} | ({"beam"} if importlib.util.find_spec("apache_beam") else set()):
        assert cli.main([command, "--data=--"]) == 1, command
        assert capsys.readouterr().err == "error: --data=-- has no value: -- stands for none, give another\n", command


def test_a_missing_package_is_one_line(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    monkeypatch.delitem(sys.modules, "data_gen.build.beam", raising=False)
    assert cli.main(["beam", "--help"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: beam needs apache_beam, which is not installed: ") and error.count("\n") == 1


@pytest.mark.parametrize("name", [path.stem for path in sorted((ROOT / "perf").glob("*.py"))])
def test_help_of_a_measurement_shows_an_example(name):
    command = [sys.executable, "-m", f"perf.{name}", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr
    assert re.search(rf"^example:\n  .*python -m perf\.{name}", done.stdout, re.M)
