from __future__ import annotations

import pytest

from spikefront.lazy import lazy_names


def test_a_name_is_that_of_its_home_and_any_other_is_told() -> None:
    get = lazy_names("here", {"loads": "json", "gone": "json"})
    import json

    assert get("loads") is json.loads
    with pytest.raises(AttributeError, match="module 'here' has no attribute 'dumps'"):
        get("dumps")
    with pytest.raises(AttributeError, match="gone"):
        get("gone")


@pytest.mark.parametrize("package", ["snncore", "snncore.data", "search", "search.simulate"])
def test_every_name_that_a_package_promises_is_there(package: str) -> None:
    import importlib

    module = importlib.import_module(package)
    for name in module.__all__:
        assert getattr(module, name) is not None
