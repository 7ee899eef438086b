"""Own data as people bring it: shapes of conversations, choices, what is left out, few pictures, edits, encodings."""

import json
import os

import pytest

from data_gen.build import shards
from data_gen.build import spec as specs
from data_gen.records import tfrecords
from data_gen.shared import files
from data_gen.shared.errors import UserError
from data_gen.shared.tolerance import Tolerance, tolerating
from data_gen.sources.external import choices, conversations
from data_gen.sources.formalgeo import reading
from data_gen.sources.formalgeo.source import located
from tests.support.foreign import pictures, write_jsonl

SAID = [{"from": "human", "value": "<image>\nHow long is PQ?"}, {"from": "gpt", "value": "<image> PQ = 8."}]
MESSAGES = [{"role": "user", "content": "<image>How long is PQ?"}, {"role": "assistant", "content": "PQ = 8."}]
PARTS = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "How long is PQ?"}]},
    {"role": "assistant", "content": [{"type": "text", "text": "PQ = 8."}]},
]


@pytest.fixture
def root(tmp_path):
    pictures(tmp_path, ["a.png", *(f"p{i}.png" for i in range(40))])
    return tmp_path


def build(root, file, out="out", config="jsonl"):
    """Builds with the defaults; returns what was said and the families of each split."""
    spec = specs.load_spec(f"configs/data_{config}.py", [f"--spec.root={root}", f"--spec.file={file}"])
    said = shards.build(spec, str(root / out), 1)
    sources = {split: tfrecords.RecordSource(root / out, split) for split in spec.families}
    return said, {split: [source[i] for i in range(len(source))] for split, source in sources.items()}


def counts(found):
    return {split: len(families) for split, families in found.items()}


def written(root, items, name="own.json"):
    (root / name).write_text(items if isinstance(items, str) else json.dumps(items))
    return name


@pytest.mark.parametrize(
    "item",
    [
        {"image": "a.png", "conversations": SAID},
        {"image": ["a.png"], "conversations": SAID},
        {"images": ["a.png"], "conversations": SAID},
        {"images": "a.png", "messages": MESSAGES},
        {"images": [{"path": "a.png", "bytes": None}], "messages": MESSAGES},
        {"image": "a.png", "messages": PARTS},
    ],
)
@pytest.mark.parametrize("lines", [False, True])
def test_each_shape_of_a_conversation_is_read(root, item, lines):
    name = written(root, json.dumps(item) if lines else [item], "own.jsonl" if lines else "own.json")
    (row,) = conversations.load(str(root), name, stamp=json.dumps(item)).rows
    assert row.image == root / "a.png" and row.question
    assert (row.question.question, row.question.answer, row.caption) == ("How long is PQ?", "PQ = 8.", "PQ = 8.")


def test_what_is_left_out_is_counted(root):
    items = [{"conversations": SAID}, {"image": ["a.png", "p1.png"], "conversations": SAID}]
    with pytest.raises(UserError, match="no family to make; left out: 1 without a picture, 1 with several pictures"):
        build(root, written(root, items), config="conversations")
    items += [{"images": [], "messages": MESSAGES}, {"image": "a.png", "conversations": SAID}]
    said, found = build(root, written(root, items, "more.json"), "more", "conversations")
    assert "left out: 2 without a picture, 1 with several pictures" in said and counts(found)["train"] == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("求∠PQR。\nA、30°\nB、55°", ("30°", "55°")),
        ("Ａ．30°\nＢ．55°", ("30°", "55°")),
        ("（Ａ）30°（Ｂ）55°", ("30°", "55°")),
        ("Find x. A. 30° B. 55° C. 70° D. 85°", ("30°", "55°", "70°", "85°")),
        ("A．30°B．45°\nC．60°D．75°", ("30°", "45°", "60°", "75°")),
        ("a) 30°\nb) 55°\nAnswer with the letter.", ("30°", "55°")),
        ("A 30°\nB 55°", ("30°", "55°")),
        ("Circle A. Find B:\nA. 3\nB. 4\nC. 5", ("3", "4", "5")),
        ("∠A:∠B:∠C = 1:2:3. Find ∠A.", ()),
        ("A:B:C = 1:2:3", ()),
        ("AB, with A(0,0) and B(3,4). Find AB.", ()),
    ],
)
def test_choices_are_seen(text, found):
    assert choices.find_choices(text) == found


@pytest.mark.parametrize(
    ("answer", "number"),
    [("B", 1), ("Ｂ", 1), ("b", 1), ("(B)", 1), ("B. 55°", 1), ("B．55°", 1), ("55°", None), ("D", None), ("BC", None)],
)
def test_a_letter_names_its_choice(answer, number):
    assert choices.letter_of(answer, ("30°", "55°")) == number


@pytest.mark.parametrize("count", [3, 4, 40])
def test_every_split_gets_families_where_there_are_enough_pictures(root, count):
    write_jsonl(root, [{"image": f"p{i}.png", "caption": f"PQ = {i}."} for i in range(count)])
    found = build(root, "families.jsonl")[1]
    assert min(counts(found).values()) > 0 and sum(counts(found).values()) == count


def test_rows_of_one_picture_are_all_train(root):
    write_jsonl(root, [{"image": "a.png", "caption": f"PQ = {i}."} for i in range(3)])
    assert counts(build(root, "families.jsonl")[1]) == {"train": 3, "val": 0, "test": 0}


def test_an_edited_file_or_picture_is_built_again(root):
    rows = [{"image": f"p{i}.png", "caption": f"PQ = {i}."} for i in range(6)]
    write_jsonl(root, rows)
    build(root, "families.jsonl")
    assert build(root, "families.jsonl")[0].startswith("complete already")
    write_jsonl(root, [rows[0] | {"caption": "RS = 9."}, *rows[1:-1]])
    said, found = build(root, "families.jsonl")
    assert said.startswith("made") and sum(counts(found).values()) == 5
    assert "RS = 9." in {family.captions[0] for families in found.values() for family in families}
    (root / "p0.png").write_bytes((root / "p1.png").read_bytes() + b"\0")
    assert build(root, "families.jsonl")[0].startswith("made")
    left = {path.name.removesuffix(".index.json") for path in (root / "out").glob("*.tfrecord-*")}
    splits = tfrecords.read_manifest(root / "out")["splits"]
    assert left == {row["file"] for shard in splits.values() for row in shard}


def test_captions_of_test_may_recur_and_are_counted(root):
    write_jsonl(root, [{"image": f"p{i}.png", "caption": "PQ = 8."} for i in range(9)])
    assert "a caption of 1 of test is in train too" in build(root, "families.jsonl")[0]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("read", [lambda path: list(files.json_lines(path, "")),
                                  lambda path: files.parse_json(path.read_bytes(), "x")])  # fmt: skip
def test_another_encoding_is_named(read, encoding, tmp_path):
    (tmp_path / "x").write_text('{"a": "é"}\n', encoding=encoding)
    with pytest.raises(UserError, match="UTF-16 or UTF-32: save it as UTF-8"):
        read(tmp_path / "x")
    (tmp_path / "x").write_text('{"a": "é"}\n', encoding="utf-8-sig")
    assert read(tmp_path / "x") in ({"a": "é"}, [(f"{tmp_path}/x line 1", {"a": "é"})])


@pytest.mark.parametrize("text", ["", "\n \n", "\t"])
def test_a_file_without_a_line_is_named(text, tmp_path):
    (tmp_path / "x").write_text(text)
    with pytest.raises(UserError, match="is empty"):
        list(files.json_lines(tmp_path / "x", "give one"))


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '[{"b": {"a": 1, "c": 2, "a": 3}}]'])
def test_a_key_twice_is_named(text):
    with pytest.raises(UserError, match="key 'a' twice"):
        files.parse_json(text, "x")


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_manifest_or_index_that_is_no_plain_file_is_one_line(root, make):
    write_jsonl(root, [{"image": f"p{i}.png", "caption": f"PQ = {i}."} for i in range(3)])
    build(root, "families.jsonl")
    index = next((root / "out").glob("*.index.json"))
    for path in (index, root / "out" / "manifest.json"):
        path.unlink()
        make(path)
        with pytest.raises(UserError, match="is no plain file"):
            tfrecords.read_index(str(path).removesuffix(".index.json")) if path == index else tfrecords.read_manifest(
                root / "out"
            )


BROKEN = ["{", "[]", '{"image": "a.png"}', '{"image": "none.png", "caption": "PQ = 1."}',
          '{"image": "bad.png", "caption": "PQ = 2."}', '{"image": "a.png", "caption": "…"}',
          '{"image": "p1.png", "caption": "PQ = 3.", "negatives": ["PQ\\u00a0= 3."]}']  # fmt: skip


def run(root, capfd, *more, config="jsonl", file="families.jsonl"):
    """Runs the command; returns its status, what it said, and the lines about what is left out."""
    done = shards.main([f"--spec=configs/data_{config}.py", f"--out={root}/out", f"--spec.root={root}",
                        f"--spec.file={file}", *more])  # fmt: skip
    listed = root / "out" / "left_out.txt"
    return done, "".join(capfd.readouterr()), listed.read_text().splitlines() if listed.exists() else []


@pytest.mark.parametrize("workers", [1, 2])
def test_broken_rows_and_pictures_are_skipped_and_listed_where_asked(root, capfd, workers):
    (root / "bad.png").write_bytes(b"no picture")
    good = [json.dumps({"image": f"p{i}.png", "caption": f"RS = {i}."}) for i in range(4)]
    (root / "families.jsonl").write_text("\n".join([*good[:2], *BROKEN, *good[2:]]) + "\n")
    settings = [f"--workers={workers}", "--spec.shard_size=2"]
    done, said, listed = run(root, capfd, *settings)
    assert done == 1 and "line 3 is not JSON" in said and not listed
    done, said, listed = run(root, capfd, *settings, "--skip-broken")
    assert done == 0 and f"left out: {len(BROKEN)} broken (first: " in said
    assert [int(line.split(" line ")[1].split(":")[0].split()[0]) for line in sorted(listed)] == list(range(3, 10))
    assert sum(tfrecords.read_index(path)["bytes"] > 0 for path in (root / "out").glob("*-of-?????")) >= 2
    kept = [source[i].captions[0] for split in ("train", "val", "test")
            for source in [tfrecords.RecordSource(root / "out", split)] for i in range(len(source))]  # fmt: skip
    assert sorted(kept) == [f"RS = {i}." for i in range(4)]
    done, said, again = run(root, capfd, *settings, "--skip-broken")
    assert "complete already" in said and again == listed
    assert run(root, capfd, *settings)[0] == 1
    (root / "families.jsonl").write_text("\n".join(good))
    assert run(root, capfd, *settings)[::2] == (0, [])


def test_no_family_is_left(root, capfd):
    (root / "families.jsonl").write_text(BROKEN[3] + "\n")
    done, said, listed = run(root, capfd, "--workers=1", "--skip-broken")
    assert done == 1 and "no family is left; left out: 1 broken" in said and "none.png is not there" in listed[0]


@pytest.mark.parametrize("link", ["a.png", "families.jsonl"])
def test_links_out_of_the_root_are_followed_where_asked(root, capfd, tmp_path_factory, link):
    write_jsonl(root, [{"image": "a.png", "caption": "PQ = 8."}])
    elsewhere = tmp_path_factory.mktemp("elsewhere") / link
    (root / link).rename(elsewhere)
    (root / link).symlink_to(elsewhere)
    done, said, _ = run(root, capfd, "--workers=1")
    assert done == 1 and "is a link that leads out of" in said and "--allow-links" in said
    assert run(root, capfd, "--workers=1", "--allow-links")[0] == 0
    write_jsonl(root, [{"image": str(elsewhere), "caption": "PQ = 8."}], "out.jsonl")  # a name is no link
    assert "paths must stay" in run(root, capfd, "--workers=1", "--allow-links", file="out.jsonl")[1]


def test_links_of_formalgeo_too(tmp_path):
    (tmp_path / "root").mkdir()
    for name in ("train.jsonl", "diagrams"):
        (tmp_path / name).mkdir()
        (tmp_path / "root" / name).symlink_to(tmp_path / name)
    problem = {"problem_id": 1, "problem_img": "1.png"}
    for read in (lambda: reading.load(str(tmp_path / "root"), "train"), lambda: located(tmp_path / "root", problem)):
        with pytest.raises(UserError, match="is a link that leads out of .*--allow-links"):
            read()
    with tolerating(Tolerance(links=True)):
        assert located(tmp_path / "root", problem)[0] == tmp_path / "diagrams" / "1.png"


@pytest.mark.parametrize("name", ["manifest.json", "dataset_info.json", "features.json"])
def test_a_build_puts_right_what_is_damaged(root, name):
    write_jsonl(root, [{"image": f"p{i}.png", "caption": f"PQ = {i}."} for i in range(3)])
    build(root, "families.jsonl")
    path = root / "out" / name
    whole = path.read_bytes()
    for damaged in (b"", b"[]", whole[:-9], whole.replace(b"p", b"q"), whole.replace(b"1", b"2"), b"\xff"):
        path.write_bytes(damaged)
        build(root, "families.jsonl")
        assert path.read_bytes() == whole
    assert build(root, "families.jsonl")[0].startswith("complete already")
