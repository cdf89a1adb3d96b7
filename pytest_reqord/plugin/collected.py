"""Which tests there are, to tell recordings of tests that are gone from those not run today."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from pytest_reqord.plugin.placing import place_if_known

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest

__all__ = ["Collected"]


class Collected:
    """What pytest collected, deselected tests included.

    :param items: every test that was collected.
    :param cassette_dir: the folder that ``reqord_cassette_dir`` names, empty where none is.
    """

    def __init__(self, items: Sequence[pytest.Item], cassette_dir: str) -> None:
        self._owners: defaultdict[Path, set[str]] = defaultdict(set)
        self._modules: dict[tuple[Path, str], Any] = {}
        self._is_whole = bool(items) and _collects_whole_files(items[0].config)
        for item in items:
            place = place_if_known(item, cassette_dir)
            if place is None:  # what it recorded may look as if nobody had
                self._is_whole = False
                continue
            self._owners[place.path.parent].add(place.owner)
            file, _, _ = place.owner.partition("::")
            self._modules[place.path.parent, file] = getattr(item, "module", None)

    def is_gone(self, cassette: Path, owner: str) -> bool:
        """Whether a test that recorded into a cassette exists no more; False where in doubt.

        :param cassette: the cassette.
        :param owner: the test as its recordings name it.
        """
        file, _, rest = owner.partition("::")
        module = self._modules.get((cassette.parent, file))
        owners = self._owners[cassette.parent]
        if module is None or not rest or owner in owners:
            return False
        function, bracket, _ = rest.partition("[")
        found = module
        for name in function.split("::"):
            found = getattr(found, name, None)
        if found is None:
            return True
        # the function is there; was it collected, so that its parameters are all known?
        prefix = f"{file}::{function}{bracket}"
        return self._is_whole and any(each.startswith(prefix) for each in owners)


def _collects_whole_files(config: pytest.Config) -> bool:
    """Whether nothing on the command line leaves tests out while a file is collected."""
    is_last_failed = config.getoption("lf", default=False)  # leaves them out even from collection
    return not is_last_failed and not any("::" in str(argument) for argument in config.args)
