"""The fixture ``vcr`` of pytest-vcr's suites, which opens cassettes."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from pytest_reqord.base.real import os
from pytest_reqord.run.use_cassette import UseCassette, current_run
from pytest_reqord.settings.options import Layer
from pytest_reqord.vcr_compat.case import DEFAULTS, Case
from pytest_reqord.vcr_compat.errors import NotHonoured
from pytest_reqord.vcr_compat.options import settings_of
from pytest_reqord.vcr_compat.vcr import VCR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_reqord.vcr_compat.cassette import VcrCassette, VcrOpening

__all__ = ["ModuleVcr"]


class ModuleVcr(VCR):
    """The fixture ``vcr`` of a module: options, registries, and cassettes that are opened by it."""

    is_left_alone = False
    """Whether its cassettes stay empty, and requests use the network."""

    def use_cassette(self, path: Any = None, **options: Any) -> Any:
        """Open a cassette, in a ``with`` block or a function, as VCR.py's method does.

        :param path: its name; where there is none a function that is decorated gives its own.
            A function is decorated.
        :param options: what holds for it besides the module's.
        """
        if path is None:
            return _named_after_function(self, options)
        if isinstance(path, (str, os.PathLike)):
            return _use(self, path, options)
        return _named_after_function(self, options)(path)


def _use(
    vcr: ModuleVcr, path: str | os.PathLike[str], options: Mapping[str, Any]
) -> UseCassette[VcrCassette]:
    """Use a cassette by the options of a ``vcr``, as they are when it is entered.

    :param vcr: what holds where ``options`` say nothing.
    :param path: the cassette's name.
    :param options: VCR.py's.
    """

    def open_it() -> VcrOpening:
        run, values = current_run(), {**vcr.options, **options}
        if values.get("inject_cassette"):
            raise NotHonoured(
                "inject_cassette of VCR.py has no counterpart in pytest-reqord: write"
                f" with vcr.use_cassette({os.fspath(path)!r}) as cassette:"
            )
        layer = Layer(
            f"vcr.use_cassette({os.fspath(path)!r})", settings_of(values), is_explicit=True
        )
        case = Case.of(os.fspath(path), values, vcr, lambda: run.resolve([layer], [DEFAULTS]))
        return (case.left_alone() if vcr.is_left_alone else case).open(run)

    return UseCassette(open_it, lambda opening: opening.view, is_asked=not vcr.is_left_alone)


def _named_after_function(vcr: ModuleVcr, options: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Decorate a function with a cassette of its name."""
    values = {**vcr.options, **options}
    name_of = values.get("func_path_generator")
    if not name_of:
        name_of = _name if values.get("cassette_library_dir") else _path_beside
    return lambda function: _use(vcr, name_of(function), options)(function)


def _name(function: Any) -> str:
    return str(function.__name__)


def _path_beside(function: Any) -> str:
    return os.path.join(os.path.dirname(inspect.getfile(function)), function.__name__)
