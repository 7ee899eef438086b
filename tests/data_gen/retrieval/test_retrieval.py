"""Retrieved negatives: the most similar captions by an independent count, false and never merely unknown, in the
letters of the anchor; sidecars that are the same from any number of workers, and that know when they are stale."""

import itertools
import math
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_gen.constructions.program import Program, program_from_json
from data_gen.constructions.step import Step
from data_gen.constructions.table import CONSTRUCTIONS
from data_gen.drawing.canvas import Canvas, canvas_from_json
from data_gen.drawing.draw import draw
from data_gen.geometry.diagram import Style
from data_gen.language.captions import write_caption
from data_gen.language.fact import Fact, facts_from_json, facts_to_json
from data_gen.language.predicates.table import PREDICATES
from data_gen.records import schema, tfrecords
from data_gen.retrieval import mine, sidecar
from data_gen.shared.errors import UserError
from data_gen.truth.truth_table import Scene, truth_table
from mmgeo_jax import config as configs
from mmgeo_jax.data import clip as clip_data
from mmgeo_jax.train import clip as train_clip
from tests.support.fake_source import make, png

CANVAS = Canvas(112, 14.0, 0.0, False, Style(), marks=True, wording=0, margin_px=6.0, gap_px=8.0)
PAPER = png(np.full((8, 8), 255, np.uint8))
TRIANGLES = ("right_triangle", "isosceles_triangle", "equilateral_triangle", "acute_triangle", "obtuse_triangle")
CEVIANS = ("median", "altitude", "bisector", "trisector")


def figure(letters, triangle="right_triangle", cevian="median", length="7", side=(0, 1)):
    """A triangle, a line from its first corner, and the printed length of a side."""
    a, b, c, d = letters
    row = CONSTRUCTIONS[triangle]
    steps = (
        Step(triangle, (), (a, b, c), tuple(float(low) for low, _ in row.ranges)),
        Step(cevian, (a, b, c), (d,), ()),
    )
    return Program(steps, (Fact("length", tuple(letters[i] for i in side), length),))


def family(program, key="k"):
    """A family of one picture (blank: only its program is looked at) and one caption."""
    member = draw(program, CANVAS)
    assert member is not None
    return make(
        key=key, n=1, c=1, images=(PAPER,), captions=(write_caption(member.facts, 0),), truth=np.ones((1, 1), np.int8),
        facts=(facts_to_json(member.facts),), programs=(program.to_json(),), canvas=CANVAS.to_json(),
        provenance=np.ones((1, 1), np.uint8),
    )  # fmt: skip


def asserted(facts, key="k"):
    """A family without a program."""
    return make(key=key, n=1, c=1, images=(PAPER,), captions=(write_caption(facts, 0),), truth=np.ones((1, 1), np.int8),
                facts=(facts_to_json(facts),), programs=(), canvas="")  # fmt: skip


def write(folder, shards=2, **splits):
    """A data set of given families."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list] = {}
    for split, some in splits.items():
        size, rows[split] = max(1, -(-len(some) // shards)), []
        for s, first in enumerate(range(0, len(some), size)):
            name = tfrecords.shard_name("small", split, s, shards)
            with tfrecords.ShardWriter(folder / name, "spec") as writer:
                for each in some[first : first + size]:
                    writer.write(each)
            index = tfrecords.read_index(folder / name)
            shard = {"file": name, "families": len(index["offsets"])}
            rows[split].append(shard | {k: index[k] for k in ("bytes", "sha256")})
    tfrecords.write_manifest(folder, {"name": "small", "splits": rows})
    return str(folder)


def many():
    """60 families whose letters and lengths vary, in pairs that say the same of other letters."""
    choices = itertools.product(TRIANGLES, CEVIANS, ("7", "12", "5.5"))
    drawn = []
    for i, (triangle, cevian, length) in enumerate(choices):
        letters = ("ABCD", "PQRS", "KLMN")[i % 3]
        program = figure(letters, triangle, cevian, length)
        if draw(program, CANVAS):
            drawn.append(family(program, f"k/{i}"))
    return drawn


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = write(tmp_path_factory.mktemp("data") / "set", train=many(), test=[family(figure("EFGH"))])
    assert mine.main([f"--data={folder}", "--workers=1"]) == 0
    return folder


def texts(folder, row, split="train"):
    return [each.text for each in sidecar.nearest(folder, split, row)]


def test_false_is_kept_and_true_and_unknown_are_not(tmp_path):
    anchor = figure("ABCD", length="7")
    others = {
        "true": figure("PQRS", length="7"),  # the same of other letters
        "unknown": figure("KLMN", length="7", side=(0, 2)),  # nobody has printed that side
        "other value": figure("EFGH", length="12"),
        "other shape": figure("EFGH", "obtuse_triangle", length="7"),
        "other line": figure("PQRS", cevian="altitude"),
    }
    folder = write(tmp_path, train=[family(p, str(i)) for i, p in enumerate([anchor, *others.values()])])
    assert mine.main([f"--data={folder}", "--workers=1"]) == 0
    rows = {each.row: each for each in sidecar.nearest(folder, "train", 0)}
    assert sorted(rows) == [3, 4, 5]
    assert rows[3].text == "Triangle BAC is right-angled at A. AD is the median from A to BC. AB = 12."
    assert rows[4].text == "Triangle BAC is obtuse at A. AD is the median from A to BC. AB = 7."
    assert rows[5].text == "Triangle BAC is right-angled at A. AD is the altitude from A to BC. AB = 7."


def test_negatives_are_the_nearest_by_an_independent_count(data):
    """Words counted and weighed in plain Python: idf = ln((1 + n) / (1 + df)) + 1, rows of length 1."""
    source = tfrecords.RecordSource(data, "train")
    spoken = []
    for row in range(len(source)):
        names: dict[str, str] = {}
        for fact in facts_from_json(source[row].facts[0]):
            for name in fact.args:
                names.setdefault(name, f"p{len(names)}")
        text = write_caption([fact.rename(names) for fact in facts_from_json(source[row].facts[0])], 0).lower()
        spoken.append(Counter(re.sub(r"\.(\s|$)", " ", text).split()))
    corpus = {frozenset(words.items()): words for words in spoken}
    seen = Counter(word for words in corpus.values() for word in words)

    def vector(words):
        weights = {w: n * (math.log((1 + len(corpus)) / (1 + seen[w])) + 1) for w, n in words.items()}
        length = math.sqrt(sum(x * x for x in weights.values()))
        return {w: x / length for w, x in weights.items()}

    vectors = [vector(words) for words in spoken]
    for row in range(0, len(source), 7):
        found = sidecar.nearest(data, "train", row)
        cosines = [sum(x * vectors[each.row].get(w, 0) for w, x in vectors[row].items()) for each in found]
        assert [each.similarity for each in found] == pytest.approx(cosines, abs=1e-3)
        assert all(a >= b - 1e-3 for a, b in itertools.pairwise(cosines))
        others = {each.row for each in found}
        # What is nearer than the last and was not kept says the same as the anchor, or is not false of it.
        canvas = canvas_from_json(source[row].canvas)
        member = draw(program_from_json(source[row].programs[0]), canvas)
        assert member is not None
        scene = Scene.from_diagrams([member.diagram])
        for other in set(range(len(source))) - others - {row}:
            facts = sidecar.in_letters_of(renamed(source[other]), source[row])
            truth = int(truth_table([facts], scene, canvas.margin_px)[0][0, 0])
            same = any(set(facts) == set(each.facts) for each in found)
            assert truth != 0 or same, (row, other)
        assert all(int(truth_table([each.facts], scene, canvas.margin_px)[0][0, 0]) == 0 for each in found)


def renamed(each):
    facts = sidecar.anchor_facts(each)
    return [fact.rename(sidecar.roles(facts)) for fact in facts]


def test_a_negative_speaks_of_the_anchors_points_in_the_anchors_wording(data):
    source = tfrecords.RecordSource(data, "train")
    for row in range(0, len(source), 5):
        own = {name for fact in sidecar.anchor_facts(source[row]) for name in fact.args}
        for each in sidecar.nearest(data, "train", row):
            assert {name for fact in each.facts for name in fact.args} <= own
            assert each.text == write_caption(each.facts, 0)


FACTS = st.sampled_from(sorted(PREDICATES)).flatmap(
    lambda name: st.permutations("ABCDEFGHO").map(lambda p: Fact(name, tuple(p[: PREDICATES[name].arity])))
)


@given(st.lists(FACTS, min_size=1, max_size=5))
def test_roles_turn_back_into_letters_and_forget_them(facts):
    each = make(n=1, c=1, facts=(facts_to_json(facts),))
    inside = [fact.rename(sidecar.roles(facts)) for fact in facts]
    assert list(sidecar.in_letters_of(inside, each)) == facts
    turned = dict(zip("ABCDEFGHO", "QRSTUVWXY", strict=True))
    others = [fact.rename(turned) for fact in facts]
    assert [fact.rename(sidecar.roles(others)) for fact in others] == inside
    centres = {name for fact in facts for name in fact.args[: PREDICATES[fact.predicate].circles]}
    assert {name for name, role in sidecar.roles(facts).items() if role[0] == "c"} == centres


def test_roles_do_not_depend_on_the_order_in_which_things_are_said():
    facts = [Fact("square", tuple("ABCD")), Fact("median", tuple("EFAB")), Fact("right", tuple("GAB")),
             Fact("length", ("D", "A"), "7")]  # fmt: skip
    expected = dict(zip("ABCDGEF", ("p0", "p1", "p2", "p3", "p4", "p5", "p6"), strict=True))
    for said in itertools.permutations(facts):
        assert sidecar.roles(said) == expected


def test_captions_that_speak_of_more_are_passed_over(tmp_path):
    acute = Fact("acute", ("P", "Q", "R"))
    rows = [
        [Fact("right", ("A", "B", "C"))],
        [acute, Fact("inscribed_triangle", ("O", "P", "Q", "R"))],  # a circle more than the first
        [acute, Fact("on_segment", ("S", "P", "Q"))],  # a point more
        [acute],
    ]
    folder = write(tmp_path, train=[asserted(facts, str(i)) for i, facts in enumerate(rows)])
    assert mine.main([f"--data={folder}", "--workers=1"]) == 0
    assert texts(folder, 0) == ["Triangle ABC is acute."]
    assert texts(folder, 2) == ["Triangle QPR is right-angled at P."]


def test_without_a_program_only_a_contradiction_counts(tmp_path):
    rows = [
        [Fact("perpendicular", ("A", "B", "C", "D")), Fact("length", ("A", "B"), "5")],
        [Fact("parallel", ("E", "F", "G", "H"))],  # cannot hold too
        [Fact("length", ("P", "Q"), "8")],  # another number
        [Fact("length", ("P", "Q"), "x+3")],  # may be the same number
        [Fact("equal_length", ("E", "F", "G", "H"))],  # nobody has said
        [],  # a source that lists no facts
    ]
    some = [asserted(facts, str(i)) for i, facts in enumerate(rows[:-1])]
    some.append(make(key="5", n=1, c=1, truth=np.ones((1, 1), np.int8), facts=("[]",), programs=(), canvas=""))
    folder = write(tmp_path, train=some)
    assert mine.main([f"--data={folder}", "--workers=1"]) == 0
    assert sorted(texts(folder, 0)) == ["AB = 8.", "AB ∥ CD."]
    assert texts(folder, 4) == texts(folder, 5) == []
    silent = write(tmp_path / "silent", shards=1, train=some[-1:], test=[])
    assert mine.main([f"--data={silent}", "--workers=1"]) == 0 and texts(silent, 0) == []


def test_captions_of_test_are_never_retrieved_for_train(tmp_path):
    some = [family(figure("ABCD", length=length), length) for length in ("7", "12", "15")]
    test = [family(figure("ABCD", length="12"), "t")]
    folder = write(tmp_path, train=some, test=test)
    assert mine.main([f"--data={folder}", "--workers=1"]) == 0
    assert texts(folder, 0) == [some[2].captions[0]]


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.npz"))}


def test_any_number_of_workers_gives_the_same_bytes_and_what_is_done_is_kept(data, tmp_path, capsys):
    folder = write(tmp_path, train=many(), test=[family(figure("EFGH"))])
    assert mine.main([f"--data={folder}", "--workers=2"]) == 0
    here = contents(tmp_path)
    assert here == contents(sidecar.epath.Path(data)) and len(here) == 5
    damaged = tmp_path / "small-train.tfrecord-00001-of-00002.nearest.npz"
    damaged.write_bytes(damaged.read_bytes()[:-9])
    with pytest.raises(UserError, match="nearest.npz does not read"):
        texts(folder, len(many()) - 1)
    capsys.readouterr()
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz") if path != damaged}
    assert mine.main([f"--data={folder}", "--workers=1"]) == 0
    assert "test: whole already" in capsys.readouterr().out and contents(tmp_path) == here
    assert kept == {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz") if path != damaged}


def test_a_stale_or_missing_sidecar_is_an_error_and_is_made_again(data, tmp_path):
    with pytest.raises(UserError, match=r"has no split 'val', only train, test"):
        sidecar.Sidecar(data, "val")
    folder = write(tmp_path, train=many())
    with pytest.raises(UserError, match=r"nearest.npz is not there: run mmgeo retrieval --data="):
        texts(folder, 0)
    assert mine.main([f"--data={folder}", "--workers=1"]) == 0
    write(tmp_path, train=many()[::-1])  # other shards under the same names
    with pytest.raises(UserError, match="belongs to other shards"):
        texts(folder, 0)
    assert mine.main([f"--data={folder}", "--workers=1"]) == 0
    assert texts(folder, 0)


def test_families_for_training_end_in_retrieved_negatives(data):
    source = tfrecords.RecordSource(data, "train")
    extended = sidecar.WithRetrieved(source, captions=1, count=3)
    assert len(extended) == len(source)
    for row in (0, 11):
        each = extended[row]
        assert each.captions == source[row].captions + tuple(texts(data, row)[:3])
        assert each.truth.tolist() == [[1, 0, 0, 0]] and each.edits[1:] == (("retrieved",),) * 3
        assert schema.decode(schema.encode(each)).captions == each.captions
        bits = [np.unpackbits(words.view(np.uint8)).sum() for words in each.caption_signatures[1:]]
        assert all(1 <= count <= 3 for count in bits)


def test_siblings_are_left_out(data):
    three = make(n=3, c=5, facts=(facts_to_json([Fact("right", ("A", "B", "C"))]),) * 5)
    each = sidecar.add_retrieved(three, [sidecar.Retrieved("No.", (Fact("acute", ("A", "B", "C")),), 0.5, 0, 9)], 4)
    assert each.truth[:, 4].tolist() == [0, -1, -1] and len(each.captions) == 5 and each.captions[4] == "No."
    assert len(sidecar.add_retrieved(three, [], 1).captions) == 3


class Letters:
    """A tokenizer with a token per letter."""

    def encode_batch(self, texts, length):
        tokens = np.zeros((len(texts), length), np.int32)
        for row, text in zip(tokens, texts, strict=True):
            row[: len(text)] = [ord(letter) for letter in text][:length]
        return tokens


def test_training_reads_them_behind_its_captions(data):
    config = configs.load("configs/clip_tiny.py", ["--config.data.retrieved_captions=2", f"--config.data.dir={data}"])
    with config.unlocked():
        config.data.update(max_images=1, max_captions=1, size_px=8, max_tokens=80)
        config.train.update(global_batch=2, anchor_warmup=0.5, steps=4)
    batches, _ = train_clip.read_batches(train_clip.open_sources(config.data), Letters(), config, 0)
    alone, whole = next(batches), list(itertools.islice(batches, 2))[-1]
    assert alone["tokens"].shape == (2, 1, 80) and whole["tokens"].shape == (2, 3, 80)
    assert (whole["truth"] == [[1, 0, 0]]).all() and whole["caption_mask"].all()
    assert clip_data.merged_negatives(whole["tokens"][0], whole["truth"][0]).sum() == 0


def test_faults_are_one_line_and_help_shows_an_example(tmp_path, capsys):
    assert mine.main([f"--data={tmp_path}"]) == 1
    assert "holds no finished data set" in capsys.readouterr().err
    folder = write(tmp_path / "bad", train=[make(n=1, c=1, truth=np.ones((1, 1), np.int8), programs=(), canvas="")])
    assert mine.main([f"--data={folder}", "--workers=1"]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: family 'fake/train/000000': the facts of")
    with pytest.raises(SystemExit):
        mine.main(["--help"])
    assert "--data=data/tiny --splits=train,test" in capsys.readouterr().out
