"""The fixture ``cassette``, as a method: it finds its run without pytest's ``request``.

pytest makes a new definition of ``request``, of 15 us, for each fixture that takes it and for each
test that has such a fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_reqord.cassette import Cassette
    from pytest_reqord.plugin.session import PytestSession

__all__ = ["Fixtures"]


class Fixtures:
    """The fixture of one pytest run.

    :param session: the run.
    """

    def __init__(self, session: PytestSession) -> None:
        self._session = session

    @pytest.fixture
    def cassette(self) -> Iterator[Cassette]:
        """The test's cassette: its HTTP traffic is recorded there, or played from there."""
        item = self._session.current_item
        opening = self._session.open_test(item)
        try:
            yield opening.cassette
        finally:
            self._session.close_test(item, opening)
