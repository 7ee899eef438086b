"""Configs: overrides and their types, errors of one line, and what a run folder lets change."""

import pytest
from ml_collections import ConfigDict

from data_gen.build.spec import load_spec
from data_gen.shared.config import flatten
from data_gen.shared.errors import UserError
from mmgeo_jax import config as configs

FILE = """
from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

def get_config():
    config = ConfigDict(dict(name="a", workdir="runs", seed=0, lr=1e-3, budget=placeholder(int), span=(0.0, 0.5)))
    config.data = ConfigDict(dict(real_dir="", train_on_real=False, max_tokens=64))
    config.eval = ConfigDict(dict(limit=10))
    config.model = ConfigDict(dict(length=config.data.get_ref("max_tokens"), sizes=[1, 2]))
    return config
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "config.py"
    path.write_text(FILE)
    return path


@pytest.mark.parametrize(
    "override, key, value",
    [
        ("name=b=c", "name", "b=c"),
        ("name=12", "name", "12"),
        ("seed=7", "seed", 7),
        ("lr=2", "lr", 2.0),
        ("lr=1e-5", "lr", 1e-5),
        ("data.train_on_real=True", "data.train_on_real", True),
        ("data.train_on_real=false", "data.train_on_real", False),
        ("span=(1, 0.5)", "span", (1.0, 0.5)),
        ("span=1,2", "span", (1.0, 2.0)),
        ("model.sizes=[3]", "model.sizes", [3]),
        ("budget=24", "budget", 24),
        ("budget=None", "budget", None),
        ("data.max_tokens=32", "model.length", 32),
    ],
)
def test_override(file, override, key, value):
    found = flatten(configs.load(file, [f"--config.{override}"]))[key]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "override, says",
    [
        ("--config.data.max_token=3", "no key 'data.max_token': did you mean 'data.max_tokens'?"),
        ("--config.model=3", "no key 'model'"),
        ("--config.lr=fast", "--config.lr=fast is not of type float (its default is 0.001)"),
        ("--config.seed=1.5", "is not of type int"),
        ("--config.seed=True", "is not of type int"),
        ("--config.seed=None", "is not of type int"),
        ("--config.data.train_on_real=1", "is not of type bool"),
        ("--config.span=(1, 'x')", "is not of type tuple"),
        ("--config.budget=few", "is not of type int"),
        ("--config.lr", "'--config.lr' is not understood"),
        ("--steps=3", "'--steps=3' is not understood"),
    ],
)
def test_a_wrong_override_is_one_line(file, override, says):
    with pytest.raises(UserError) as fault:
        configs.load(file, [override])
    assert says in str(fault.value) and "\n" not in str(fault.value)


def test_a_wrong_file_is_one_line(tmp_path):
    (tmp_path / "broken.py").write_text("def get_config(): return 1 / 0")
    for name, says in ("none.py", "does not exist"), ("broken.py", "fails: ZeroDivisionError"):
        with pytest.raises(UserError, match=says):
            configs.load(tmp_path / name)
    with pytest.raises(UserError, match="no config"):
        configs.parse_command_line([], "command", "what it does")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("ConfigDict()", "lacks '{first}' and"),
        ("ConfigDict({'model': 3})", "more keys: begin with configs/"),
        ("ConfigDict({'name': 'x'})", "more keys: begin with configs/"),
    ],
)
def test_a_config_without_keys_of_the_trainer_is_one_line(body, says, tmp_path, capsys):
    from mmgeo_jax import cli

    (tmp_path / "own.py").write_text(f"from ml_collections import ConfigDict\ndef get_config(): return {body}")
    firsts = {command: "data.asked.caption" for command in ("train-clip", "compile-report")}
    for command, first in (firsts | {"train-lmm": "data.augment.blur"}).items():
        assert cli.main([command, f"--config={tmp_path}/own.py"]) == 1
        error = capsys.readouterr().err
        assert says.format(first=first) in error and error.count("\n") == 1


def test_a_spec_without_keys_of_its_source_is_one_line(tmp_path):
    common = dict(name="x", seed=1, size_px=100, shard_size=10, families={"train": 3})
    for source, says in {
        "jsonl": "lacks 'file' and 2 more keys: begin with configs/data_jsonl.py",
        "synthetic": "data_tiny.py",
    }.items():
        spec = common | {"source": source}
        (tmp_path / "own.py").write_text(
            f"from ml_collections import ConfigDict\ndef get_spec(): return ConfigDict({spec})"
        )
        with pytest.raises(UserError) as fault:
            load_spec(str(tmp_path / "own.py"), [])
        assert says in str(fault.value) and "\n" not in str(fault.value)


@pytest.mark.parametrize("name", ["clip_tiny", "clip_tiny.py", "configs/clip_tiny.py"])
def test_a_config_of_the_package_is_found_in_any_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert configs.load(name).name == "clip_tiny"
    (tmp_path / "clip_tiny.py").write_text("from ml_collections import ConfigDict as get_config")
    assert ("name" in configs.load(name)) == (name != "clip_tiny.py"), "a file of the user's comes first"
    with pytest.raises(UserError, match="does not exist: .* a name such as --config=clip_tiny"):
        configs.load("elsewhere/clip_tiny.py")


def test_help_has_an_example_and_the_keys(file, capsys):
    with pytest.raises(SystemExit) as exit:
        configs.parse_command_line([f"--config={file}", "--help"], "train-clip", "what it does")
    text = capsys.readouterr().out
    assert exit.value.code == 0
    assert "mmgeo train-clip --config=configs/clip_tiny.py --config.optim.lr=1e-3" in text
    assert "--config.data.max_tokens=64" in text


def test_a_run_remembers_its_config(file, tmp_path):
    run = tmp_path / "run"
    configs.lock_config(run, configs.load(file, ["--config.seed=7"]))
    (run / "tokenizer.model").touch()
    configs.lock_config(run, configs.load(file))  # nothing is trained yet
    assert not (run / "tokenizer.model").exists()
    (run / "checkpoints" / "4").mkdir(parents=True)
    assert configs.list_differences(configs.read_run_config(run), configs.load(file)) == {}
    configs.lock_config(run, configs.load(file))
    with pytest.raises(UserError, match=r"another config \(data.max_tokens: 64 -> 3,.* seed: 0 -> 1\): give another"):
        configs.lock_config(run, configs.load(file, ["--config.seed=1", "--config.data.max_tokens=3"]))


@pytest.mark.parametrize("trained, allowed", [(False, True), (True, False)])
def test_what_training_does_not_depend_on_may_change(file, tmp_path, trained, allowed):
    base = [f"--config.data.train_on_real={trained}"]
    configs.lock_config(tmp_path, configs.load(file, base))
    (tmp_path / "checkpoints" / "4").mkdir(parents=True)
    configs.lock_config(tmp_path, configs.load(file, [*base, "--config.workdir=elsewhere"]))
    configs.lock_config(tmp_path, configs.load(file, [*base, "--config.workdir=elsewhere", "--config.eval.limit=3"]))
    other = configs.load(file, [*base, "--config.eval.limit=3", "--config.data.real_dir=data/real"])
    if not allowed:
        with pytest.raises(UserError, match="data.real_dir:  -> data/real"):
            configs.lock_config(tmp_path, other)
    else:
        configs.lock_config(tmp_path, other)
        assert configs.read_run_config(tmp_path).data.real_dir == "data/real"


def test_a_key_that_is_gone_or_new_is_a_difference():
    old, new = ConfigDict(dict(a=1, b=(1, 2), c=None)), ConfigDict(dict(b=[1, 2], d=None))
    assert configs.list_differences(old, new) == {"a": "1 -> none", "c": "None -> none", "d": "none -> None"}


def test_the_quick_start_config_loads():
    config = configs.load("configs/clip_tiny.py", ["--config.data.size_px=32", "--config.model.image.patch_budget=9"])
    assert config.model.image.size_px == 32 and config.model.image.patch_budget == 9
