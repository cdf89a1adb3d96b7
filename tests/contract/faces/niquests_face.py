"""niquests on urllib3-future: installed alone, for that puts itself in the place of urllib3."""

from __future__ import annotations

import functools

import niquests
from contract import requests_alike
from contract.face import Face

FACES = tuple(
    Face(
        name,
        "urllib3_future",
        functools.partial(run, niquests, niquests.RetryConfiguration),
        lacks=frozenset({"lenient", "transfer codings"}),
        masks=requests_alike.MASKS,
    )
    for name, run in (
        ("niquests", requests_alike.run),
        ("niquests-async", requests_alike.run_async),
    )
)
