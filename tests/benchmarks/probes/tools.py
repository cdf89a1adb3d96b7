"""The same few steps with each contestant's own functions."""

import json
import re
import sys
import time
from pathlib import Path
from statistics import median

ARGUMENTS = json.loads(sys.argv[1])
TOOL = ARGUMENTS["tool"]

_START = re.compile(rb"^- ", re.MULTILINE)
_END = re.compile(rb"^\S", re.MULTILINE)  # the next entry, or keys after the entries
_KEYS = re.compile(rb"^[^\s-].*", re.MULTILINE | re.DOTALL)


def report(**found):
    print(json.dumps(found))


def with_entries(source, target, count):
    """A cassette like another one, with so many entries; each has an id of its own."""
    data = Path(source).read_bytes()
    start = _START.search(data).start()
    end = _END.search(data, start + 1)
    first = data[start : end.start() if end else len(data)]
    name = re.search(rb"item-\d+-\d+", first)[0]
    with Path(target).open("wb") as file:
        file.write(data[:start])
        for number in range(count):
            entry = first.replace(name, b"item-%06d-%06d" % divmod(number, 1000))
            file.write(re.sub(rb"T\d\d:\d\d:\d\d\.\d{6}", _time_of(number), entry))
        file.write(_KEYS.search(data, start)[0] if _KEYS.search(data, start) else b"")


def _time_of(number):
    minutes, micros = divmod(number * 100, 60_000_000)
    return b"T%02d:%02d:%02d.%06d" % (1 + minutes // 60, minutes % 60, *divmod(micros, 1_000_000))


def opener():
    """What opens a cassette: a function of path and record mode that gives a context manager."""
    if TOOL == "reqord":
        from pytest_reqord import use_cassette

        return lambda path, mode: use_cassette(path, record_mode=mode)
    if TOOL == "vcrpy":
        import vcr

        return lambda path, mode: vcr.use_cassette(str(path), record_mode=mode)
    import cassetter

    return lambda path, mode: cassetter.use_cassette(path, record_mode=mode)


def loader():
    """What reads a cassette as far as the first request needs it: a function of its path."""
    if TOOL == "reqord":
        from pytest_reqord.cassette_file.cache import Library
        from pytest_reqord.matching.matchers import DEFAULT_MATCH_ON, Matching

        matching = Matching(DEFAULT_MATCH_ON)

        def load(path):
            index = Library().index(path, matching)
            index.positions(matching.key("GET", "http://127.0.0.1:1/items/item-000000-000000"))
            return index

        return load
    if TOOL == "vcrpy":
        from vcr.persisters.filesystem import FilesystemPersister
        from vcr.serializers import yamlserializer

        return lambda path: FilesystemPersister.load_cassette(path, yamlserializer)
    from cassetter._core import Cassette

    return Cassette.load


def decode(loaded):
    """Decode all of what was loaded."""
    if TOOL == "reqord":
        return [entry.interaction() for entry in loaded.entries]
    return loaded.interactions if TOOL == "cassetter" else loaded


def timed(function, *arguments, clock=time.process_time):
    start = clock()
    result = function(*arguments)
    return clock() - start, result


__all__ = ["ARGUMENTS", "TOOL", "decode", "loader", "median", "opener", "report", "timed"]
