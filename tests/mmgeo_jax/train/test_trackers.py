"""Trackers get every scalar of every step; one that is unknown or not installed is one clear line."""

import sys
from types import SimpleNamespace

import pytest
from ml_collections import ConfigDict

from data_gen.shared.errors import UserError
from mmgeo_jax.train import logging


def config(names):
    return ConfigDict({"name": "mine", "train": {"trackers": names}})


class Fake:
    """Stands for both packages: what it was told."""

    def __init__(self, **arguments):
        self.arguments, self.told, self.ended = arguments, [], False

    def __enter__(self):
        return self

    def __exit__(self, *fault):
        self.ended = True

    def log(self, values, step):
        self.told += [(step, name, value) for name, value in values.items()]

    def add_scalar(self, name, value, step):
        self.told.append((step, name, value))


@pytest.mark.parametrize("names", ["tensorboard", "wandb", "wandb, tensorboard"])
def test_trackers_get_every_scalar(names, tmp_path, monkeypatch):
    made = []

    def make(*folder, **arguments):
        made.append(Fake(folder=folder, **arguments))
        return made[-1]

    monkeypatch.setitem(sys.modules, "tensorboardX", SimpleNamespace(SummaryWriter=make))
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=make))
    with logging.open_trackers(tmp_path, config(names)) as track:
        track(3, {"loss": 1, "lr": 0.5})
        track(4, {"loss": 0.25})
    assert len(made) == names.count(",") + 1
    for fake in made:
        assert fake.told == [(3, "loss", 1.0), (3, "lr", 0.5), (4, "loss", 0.25)] and fake.ended
    if "wandb" in names:
        assert made[0].arguments["id"] == "mine" and made[0].arguments["config"]["train.trackers"] == names


def test_without_trackers_nothing_is_asked_for(tmp_path):
    with logging.open_trackers(tmp_path, config("")) as track:
        track(1, {"loss": 1.0})


def test_unknown_and_missing_trackers_are_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    for names, words in (("tensorbord", "choose of tensorboard, wandb"), ("wandb", "pip install wandb")):
        with pytest.raises(UserError, match=words), logging.open_trackers(tmp_path, config(names)):
            pass
