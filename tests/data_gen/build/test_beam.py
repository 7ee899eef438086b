"""Apache Beam makes the bytes that the pool makes: run by `make test-beam`, in an environment of its own."""

import pytest

from data_gen.build import beam, shards
from data_gen.shared.errors import UserError
from tests.data_gen.build.test_build import SPEC, contents
from tests.support import fake_source

pytest.importorskip("apache_beam", reason="Apache Beam has an environment of its own: make test-beam")


@pytest.fixture
def spec(tmp_path, monkeypatch):
    """A spec of a source that a worker's process finds too: by its module's path, not by a table changed here."""
    monkeypatch.setitem(shards.SOURCES, "fake", fake_source.__name__)
    monkeypatch.setenv("PYTHONPATH", ".")
    path = tmp_path / "spec.py"
    path.write_text(SPEC)
    return f"--spec={path}"


@pytest.mark.parametrize("workers", [1, 2])
def test_beam_and_the_pool_make_the_same_bytes(spec, tmp_path, workers):
    pool, ours = tmp_path / "pool", tmp_path / "beam"
    assert shards.main([spec, f"--out={pool}", "--workers=1"]) == 0
    assert beam.main([spec, f"--out={ours}", f"--workers={workers}"]) == 0
    assert contents(pool) == contents(ours) and len(contents(ours)) > 2 * 7


def test_beam_makes_only_what_is_missing(spec, tmp_path, monkeypatch):
    out = tmp_path / "out"
    assert shards.main([spec, f"--out={out}", "--workers=1"]) == 0
    before = contents(out)
    times = {path: path.stat().st_mtime_ns for path in out.glob("*.tfrecord-*-of-00004")}
    lost = out / "small-train.tfrecord-00002-of-00004"
    lost.unlink()
    assert beam.main([spec, f"--out={out}", "--workers=1"]) == 0
    assert contents(out) == before
    assert {path for path, then in times.items() if path.stat().st_mtime_ns != then} == {lost}


def test_a_fault_of_a_source_is_one_line(spec, tmp_path, capfd, monkeypatch):
    def family(spec, split, index):
        raise UserError(f"{split} {index} cannot be drawn: draw another")

    monkeypatch.setattr(fake_source, "family", family)
    assert beam.main([spec, f"--out={tmp_path / 'out'}", "--workers=1"]) == 1
    text = capfd.readouterr().err
    assert text.count("0 cannot be drawn: draw another\n") == 1 and "Traceback" not in text


def test_help_shows_an_example(capsys):
    with pytest.raises(SystemExit):
        beam.main(["--help"])
    assert "mmgeo beam --spec=configs/data_tiny.py" in capsys.readouterr().out
