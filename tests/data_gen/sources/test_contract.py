"""Every source keeps the contract of `data_gen.sources.Source`."""

from __future__ import annotations

import inspect

import pytest

from data_gen.sources import SOURCES, Source, load_source


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_has_the_functions_of_the_contract(name):
    source = load_source(SOURCES[name])
    for function in ("rows", "family"):
        asked = [p for p in inspect.signature(getattr(Source, function)).parameters if p != "self"]
        assert list(inspect.signature(getattr(source, function)).parameters) == asked
        assert (getattr(source, function).__doc__ or "").split()[0] in ("Returns", "Makes")
