"""Verify: a good data set passes, and every corruption, one at a time, is found and named."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from data_gen.build import shards
from data_gen.build.spec import load_spec
from data_gen.checks import near_duplicates, verify
from data_gen.checks.reproduce import Clock, find_differences
from data_gen.constructions.program import program_from_json
from data_gen.drawing.canvas import canvas_from_json
from data_gen.drawing.draw import draw
from data_gen.drawing.png import decode_png, encode_png
from data_gen.language.fact import Fact, facts_to_json
from data_gen.records import tfrecords
from data_gen.truth.signatures import caption_signature
from tests.support.fake_source import make, png


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A data set of two shards of train and one of test; its first family is a cube, the next three are stars."""
    folder = tmp_path_factory.mktemp("verify") / "small"
    sizes = {"train": 5, "val": 0, "test": 3}
    spec = load_spec("configs/data_tiny.py", [f"--spec.families.{split}={n}" for split, n in sizes.items()])
    spec.shard_size = 3
    shards.build(spec, str(folder), workers=1)
    return folder


@pytest.fixture(scope="module")
def family(small):
    return families_of(small, "train")[1]


def families_of(folder, split):
    source = tfrecords.RecordSource(folder, split)
    return [source[row] for row in range(len(source))]


def rewrite(small, folder, change):
    """The data set with its train families changed by a function of their list, all hashes made good."""
    manifest = tfrecords.read_manifest(small)
    some = change(families_of(small, "train"))
    rows = []
    for row in manifest["splits"]["train"]:
        with tfrecords.ShardWriter(folder / row["file"], manifest["fingerprint"]) as writer:
            for one in some[: row["families"]]:
                writer.write(one)
        some = some[row["families"] :]
        index = tfrecords.read_index(folder / row["file"])
        rows.append(row | {"bytes": index["bytes"], "sha256": index["sha256"]})
    del manifest["schema_version"]
    tfrecords.write_manifest(folder, manifest | {"splits": {"train": rows}})
    return folder


def run(capsys, *arguments):
    status = verify.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, out, [line for line in err.splitlines() if line.startswith("error: ")]


def test_a_good_data_set_passes_and_is_counted(small, capsys):
    status, out, errors = run(capsys, small, "--workers=2", "--leaks=0")
    assert (status, errors) == (0, [])
    assert "no differences" in out
    report = json.loads((small / verify.REPORT).read_text())
    every = [one for split in ("train", "test") for one in families_of(small, split)]
    assert report["families"] == {"train": 5, "test": 3}
    assert sum(report["counts"]["layout"].values()) == 8
    assert report["counts"]["axis"]["anchor"] == 8
    assert report["counts"]["truth"]["1"] == sum(int((one.truth == 1).sum()) for one in every)
    lengths = [len(text.split()) for one in every for text in one.captions]
    assert report["caption length"]["words"]["mean"] == pytest.approx(np.mean(lengths), abs=0.05)
    assert report["caption length"]["words"]["50 %"] == np.quantile(lengths, 0.5, method="inverted_cdf")
    assert report["near-duplicates"]["test in train"]["captions"]["count"] == 0


# ---------------------------------------------------------------- one corruption at a time


def pixel(one):
    pixels = decode_png(one.images[2])
    pixels[50, 50] ^= 255
    return replace(one, images=(*one.images[:2], encode_png(pixels), *one.images[3:]))


def same_pixels(one):
    return replace(one, images=(*one.images[:2], png(decode_png(one.images[2])), *one.images[3:]))


def word(one):
    changed = one.captions[1].replace(" is ", " was ", 1).replace(" are ", " were ", 1)
    assert changed != one.captions[1]
    return replace(one, captions=(one.captions[0], changed, *one.captions[2:]))


def entry(name, place, value):
    def change(one):
        table = getattr(one, name).copy()
        table[place] = value(table[place])
        return replace(one, **{name: table})

    return change


def program(one):
    """A parameter that the picture depends on: not the height of a triangle that is said to be equilateral."""
    canvas = canvas_from_json(one.canvas)
    for i, old in enumerate(map(program_from_json, one.programs)):
        for place, step in enumerate(old.steps):
            for k, value in enumerate(step.params):
                moved = replace(step, params=(*step.params[:k], value + 3, *step.params[k + 1 :]))
                new = old.with_step(place, moved)
                member, other = draw(old, canvas), draw(new, canvas)
                if other is None or np.ptp([abs(x - y) for x, y in zip(*coordinates(member, other), strict=True)]) > 2:
                    return replace(one, programs=(*one.programs[:i], new.to_json(), *one.programs[i + 1 :]))
    raise AssertionError("no parameter matters")


def coordinates(*members):
    return [[complex(*xy) for xy in member.diagram.points.values()] for member in members]


def unknown_construction(one):
    changed = json.loads(one.programs[1])
    changed["steps"][0][0] = "nothing"
    return replace(one, programs=(one.programs[0], json.dumps(changed), *one.programs[2:]))


def canvas(**values):
    return lambda one: replace(one, canvas=json.dumps(json.loads(one.canvas) | values, separators=(",", ":")))


def fact(one):
    return replace(one, facts=(*one.facts[:-1], facts_to_json([Fact("parallel", ("A", "B", "C", "D"))])))


def letters(one):
    """An edit of labels that is said to be one of a shape."""
    j = one.edits.index(("order",))
    return replace(one, edits=(*one.edits[:j], ("shape",), *one.edits[j + 1 :]))


CORRUPTIONS = {
    "a pixel": (pixel, r"images\[2\]: 1 of 12544 pixels differ"),
    "other bytes for a picture": (same_pixels, r"images\[2\]: same pixels, other bytes"),
    "no picture": (lambda one: replace(one, images=(b"no", *one.images[1:])), r"images\[0\]: broken picture"),
    "a word": (word, r"captions\[1\]: is '"),
    "a truth": (entry("truth", (0, 3), lambda _: 1), r"truth\[0,3\]: is 1, computed 0"),
    "no verdict": (entry("truth", (4, 2), lambda _: -1), r"truth\[4,2\]: is -1, computed 0"),
    "a margin": (entry("margin_px", (1, 2), lambda m: np.nextafter(m, np.float32(99))), r"margin_px\[1,2\]: is "),
    "a provenance": (entry("provenance", (0, 1), lambda _: 2), r"provenance\[0,1\]: is 2"),
    "a bit of a picture": (entry("image_signatures", (3, 1), lambda w: w ^ 4), r"image_signatures\[3\]: .* 1 bits"),
    "a bit of a caption": (entry("caption_signatures", (8, 7), lambda w: w ^ 1), r"caption_signatures\[8\]: .* 1 bits"),
    "a parameter": (program, r"(images|facts|programs)\[\d\]: "),
    "a construction": (unknown_construction, r"programs\[1\]: is unreadable .*nothing"),
    "a wording": (canvas(wording=5), r"captions\[\d+\]: is '"),
    "a rotation": (canvas(rotation_deg=40.0), r"images\[0\]: \d+ of 12544 pixels differ"),
    "a size": (canvas(size_px=96), r"size_px: is 112, its canvas has 96"),
    "a canvas of another making": (canvas(colour=1), r"canvas: is unreadable"),
    "a fact without a picture": (fact, r"captions\[\d+\]: is '"),
    "an axis": (letters, r"edits\[\d+\]: are shape, but letters change places"),
    "a kind": (lambda one: replace(one, kinds=((), (), *one.kinds[2:])), r"edits\[1\]: are .* of the kinds \(\)"),
}


@pytest.mark.parametrize("what", CORRUPTIONS)
def test_a_corruption_is_found_and_named(family, what):
    change, expected = CORRUPTIONS[what]
    found = [f"{name}: {text}" for name, text in find_differences(change(family), Clock())]
    assert any(re.match(expected, line) for line in found), found


def test_a_good_family_has_no_differences(family):
    clock = Clock()
    assert find_differences(family, clock) == []
    assert all(seconds > 0 for seconds in clock.seconds.values())


def test_other_versions_may_pack_and_round_in_other_ways(family):
    near = entry("margin_px", (1, 2), lambda m: m + np.float32(1e-4))(same_pixels(family))
    assert find_differences(near, Clock(), exact=False) == []
    far = entry("margin_px", (1, 2), lambda m: m + np.float32(0.1))(pixel(family))
    assert {d.field for d in find_differences(far, Clock(), exact=False)} == {"images[2]", "margin_px[1,2]"}


def test_the_command_names_shard_record_and_field(small, tmp_path, capsys):
    folder = rewrite(small, tmp_path, lambda some: [*some[:4], word(some[4])])
    status, _, errors = run(capsys, folder, "--workers=1", "--leaks=0")
    assert status == 1
    assert len(errors) == 1
    assert errors[0].startswith("error: tiny-train.tfrecord-00001-of-00002 record 1 (tiny/train/0000004) captions[1]: ")


def test_only_so_many_differences_are_told(small, tmp_path, capsys):
    folder = rewrite(small, tmp_path, lambda some: [canvas(rotation_deg=40.0)(one) for one in some])
    status, out, errors = run(capsys, folder, "--workers=1", "--leaks=0", "--limit=5")
    assert status == 1
    assert len(errors) == 6
    assert re.fullmatch(r"error: \d+ more differences", errors[-1])


def test_swapped_records_are_found_though_all_hashes_fit(small, tmp_path, capsys):
    folder = rewrite(small, tmp_path, lambda some: [some[1], some[0], *some[2:]])
    status, _, errors = run(capsys, folder, "--workers=1", "--leaks=0")
    assert status == 1
    assert errors == [
        "error: tiny-train.tfrecord-00000-of-00002 record 1 (tiny/train/0000000) key: "
        "comes after tiny/train/0000001: records have changed places"
    ]


def test_keys_that_name_a_problem_ascend_by_their_first_number(small, tmp_path, capsys):
    """As those of redrawn problems."""

    def renamed(some):
        return [replace(one, key=f"{one.key}-{9 - i:06d}") for i, one in enumerate(some)]

    status, _, errors = run(capsys, rewrite(small, tmp_path, renamed), "--workers=1", "--leaks=0")
    assert status == 0 and not errors
    (tmp_path / "swapped").mkdir()
    swapped = rewrite(small, tmp_path / "swapped", lambda some: renamed(some)[::-1])
    assert run(capsys, swapped, "--workers=1", "--leaks=0")[0] == 1


def test_a_record_that_occurs_twice_is_found(small, tmp_path, capsys):
    folder = rewrite(small, tmp_path, lambda some: [*some[:4], some[0]])
    status, _, errors = run(capsys, folder, "--workers=1", "--leaks=0")
    assert status == 1
    assert errors[0].endswith("record 1 (tiny/train/0000000) key: occurs before")


@pytest.mark.parametrize("where", ["file", "index", "missing"])
def test_a_broken_file_is_found_and_the_rest_is_read(small, tmp_path, capsys, where):
    folder = rewrite(small, tmp_path, list)
    path = folder / "tiny-train.tfrecord-00000-of-00002"
    if where == "file":
        data = bytearray(path.read_bytes())
        data[-100] ^= 1
        path.write_bytes(data)
        expected = ["file: its sha256 is not the manifest's", "record 2: .* crc of its data"]
    elif where == "index":
        index = json.loads(tfrecords.index_path(path).read_text())
        tfrecords.index_path(path).write_text(json.dumps(index | {"offsets": index["offsets"][:2]}))
        expected = ["index: families is 2, the manifest says 3", "record 1: .* cut short"]
    else:
        path.unlink()
        expected = ["index: .* is missing"]
    status, out, errors = run(capsys, folder, "--workers=1", "--leaks=0")
    assert status == 1
    assert len(errors) == len(expected)
    for line, pattern in zip(errors, expected, strict=True):
        assert re.match(f"error: tiny-train.tfrecord-00000-of-00002 {pattern}", line)
    assert "families: train " in out  # the other shard is counted


def test_errors_of_the_user_are_one_line(tmp_path, capsys):
    status, _, errors = run(capsys, tmp_path / "nothing")
    assert status == 1
    assert len(errors) == 1
    manifest = {"name": "x", "splits": {"train": [{"file": "../x", "families": 1, "bytes": 1, "sha256": ""}]}}
    tfrecords.write_manifest(tmp_path, manifest)
    status, _, errors = run(capsys, tmp_path)
    assert status == 1
    assert "is not a manifest" in errors[0]


def test_what_a_source_asserts_is_looked_at_too():
    facts = [(Fact("midpoint", ("M", "A", "B")),), (Fact("length", ("A", "B"), "5"),)]
    fields = dict(n=2, c=2, facts=tuple(facts_to_json(some) for some in facts))
    good = make(**fields, caption_signatures=np.stack([caption_signature(some) for some in facts]))
    assert find_differences(good, Clock()) == []
    swapped = replace(good, caption_signatures=good.caption_signatures[::-1])
    assert [d.field for d in find_differences(swapped, Clock())] == ["caption_signatures[0]", "caption_signatures[1]"]
    assert [d.field for d in find_differences(replace(good, images=(good.images[0], b"")), Clock())] == ["images[1]"]
    unread = replace(good, facts=(good.facts[0], '[["flies",["A"],null]]'))
    assert [d.field for d in find_differences(unread, Clock())] == ["facts[1]"]


def test_accept_rates_come_from_the_indexes(small):
    found, _, _ = verify.check_dataset(str(small), 1)
    found[0].proposals, found[1].proposals = {"swap": [10, 4], "turn": [5, 5]}, {"swap": [10, 6]}
    assert verify.summarise(found)["accept rate"] == {"swap": 0.5, "turn": 1.0}


# ---------------------------------------------------------------- duplicates


def test_near_pictures_are_those_of_a_plain_comparison():
    rng = np.random.default_rng(1)
    first = rng.integers(0, 256, (60, 32), dtype=np.uint8)
    second = first[rng.integers(60, size=200)].copy()
    for row, flips in zip(second, rng.integers(0, 9, 200), strict=True):
        for bit in rng.choice(256, flips, replace=False):
            row[bit // 8] ^= np.uint8(1 << bit % 8)
    plain = [np.unpackbits(first ^ row, axis=1).sum(1).min() <= near_duplicates.NEAR for row in second]
    assert 20 < sum(plain) < 180
    found = near_duplicates.near_pairs(first, second)
    assert found[:, 1].tolist() == np.flatnonzero(plain).tolist()
    assert (np.unpackbits(first[found[:, 0]] ^ second[found[:, 1]], axis=1).sum(1) <= near_duplicates.NEAR).all()


def test_doubles_between_splits_are_counted_with_examples(small):
    one = tfrecords.RecordSource(small, "train")[1]
    pixels = decode_png(one.images[0])
    pixels[:2, :2] = 200  # hardly ink
    other = replace(one, key="other", captions=tuple(f"{text} " for text in one.captions[1:]) + one.captions[:1])
    other = replace(other, images=(encode_png(pixels), *one.images[1:]))
    marks = []
    for family in (one, other):
        marks.append(near_duplicates.Fingerprints())
        marks[-1].add(family)
    report = near_duplicates.between_splits([("test", marks[1]), ("train", marks[0])])
    rows = report["test in train"]
    assert rows["captions"]["count"] == 1
    assert rows["captions"]["examples"] == [f"other like {one.key}"]
    assert rows["picture bytes"]["count"] == len(one.images) - 1
    assert rows["near pictures"]["count"] == len(one.images)
