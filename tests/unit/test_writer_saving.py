from __future__ import annotations

import json

import pytest
from entries import interaction, noise, number_of

from pytest_reqord import codec, storage
from pytest_reqord.base.models import Headers
from pytest_reqord.cassette_file import edit
from pytest_reqord.cassette_file.volatile import Volatile
from pytest_reqord.codec import bodies
from pytest_reqord.errors import CassetteFormatError, CassetteLocked, WriteFailed
from pytest_reqord.writer import Saved, save

VOLATILE = Volatile(frozenset({"date"}))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cassettes" / "one.yaml"


def encoded(*interactions):
    return [codec.encode(each) for each in interactions]


def put(path, *interactions, **options):
    options = {"keep": lambda entry: True, "lock_timeout": 5.0, **options}
    return save(path, encoded(*interactions), **options)


def dated(number, at, date):
    return interaction(number, at, headers=Headers({"Date": date}))


def numbers(path):
    data = path.read_bytes()
    document = codec.load(data, str(path), storage.body_reader(path))
    return [number_of(entry) for entry in document.entries]


def inode(path):
    return path.stat().st_ino, path.stat().st_mtime_ns


def test_new(path):
    """A cassette that isn't there is made."""
    assert put(path, interaction(2), interaction(1)) == Saved(True, 0, 2, 0)
    assert numbers(path) == [1, 2]
    assert path.read_bytes().startswith(codec.HEADER)


def test_append(path):
    """What is newer is appended: the bytes that are there aren't written again."""
    put(path, interaction(1))
    before = path.stat().st_ino

    assert put(path, interaction(2)) == Saved(True, 1, 1, 0)
    assert path.stat().st_ino == before
    assert numbers(path) == [1, 2]


@pytest.mark.parametrize("number", [1, 9])
def test_keep_all(path, number):
    """Where everything stays, what is new just finds its place."""
    put(path, interaction(5))
    put(path, interaction(6))

    assert put(path, interaction(number), keep=None) == Saved(True, None, 1, 0)
    assert numbers(path) == sorted([5, 6, number])
    assert put(path, keep=None) == Saved(False, None, 0, 0)


def test_keep_all_unread(path, monkeypatch):
    """A cassette that is only added to isn't read: its length costs nothing."""
    put(path, *map(interaction, range(50)))
    monkeypatch.setattr(edit, "read_lean", None)

    assert put(path, interaction(99), interaction(98), keep=None) == Saved(True, None, 2, 0)
    monkeypatch.undo()
    assert numbers(path) == [*range(50), 98, 99]


def test_merge(path):
    """What is older finds its place."""
    put(path, interaction(2))

    assert put(path, interaction(1)) == Saved(True, 1, 1, 0)
    assert numbers(path) == [1, 2]


def test_replace(path):
    """What isn't kept goes, in the same step in which the new comes."""
    put(path, *map(interaction, range(5)))

    saved = put(path, interaction(9), keep=lambda entry: number_of(entry) < 2)
    assert saved == Saved(True, 2, 1, 3)
    assert numbers(path) == [0, 1, 9]


def test_unchanged(path):
    """A cassette in which nothing changed isn't touched."""
    put(path, dated(1, 1, "Monday"), dated(2, 2, "Monday"))
    before = inode(path)
    new = [dated(1, 101, "Friday"), dated(2, 102, "Friday")]

    saved = put(path, *new, keep=lambda entry: False, volatile=VOLATILE)
    assert saved == Saved(False, 2, 0, 0)
    assert inode(path) == before


def test_a_layout_of_before(path, monkeypatch):
    """A recording that tells the same leaves the lines of an earlier release as they are."""
    vector = json.dumps(list(range(40))).encode()

    def recorded(number, at, date):
        one = dated(number, at, date)
        return one._replace(response=one.response._replace(body=vector))

    with monkeypatch.context() as patching:
        patching.setattr(bodies.write, "__kwdefaults__", {"fills": False})
        put(path, recorded(1, 1, "Monday"), dated(2, 2, "Monday"))
    before = path.read_bytes()
    assert before.count(b"\n") > 40
    again = [recorded(1, 101, "Friday"), dated(3, 102, "Friday")]

    assert put(path, *again, keep=lambda entry: False, volatile=VOLATILE).changed

    first = before[: before.index(b"\n- ", before.index(b"\n- ") + 1)]
    assert path.read_bytes().startswith(first)


def test_change(path):
    """Of an answer that changed the diff has what changed, and when; the file says its version."""
    head = Headers({"Date": "Monday", "X-A": "1"})
    put(path, interaction(1, headers=head, body=b'{"a":1,"b":2}'), interaction(2))
    before = path.read_bytes().splitlines()
    head = Headers({"X-A": "1", "Date": "Friday"})
    new = interaction(1, 101, headers=head, body=b'{"a":1,"b":3}')

    put(path, new, interaction(2, 102), keep=lambda entry: False, volatile=VOLATILE)

    after = path.read_bytes().splitlines()
    assert [line for line in before if line not in after] == [b"reqord: 1", b'          "b":2']
    assert [line for line in after if line not in before] == [
        b"reqord: 2",
        b"  rerecorded_at: '2026-11-23T07:01:41.000000Z'",
        b'          "b":3',
    ]
    document = codec.load(path.read_bytes(), str(path), storage.body_reader(path))
    assert [entry.interaction().answered_at.minute for entry in document.entries] == [1, 0]


def test_version_of_what_is_left(path):
    """A cassette that no longer has what version 1 doesn't know says so."""
    put(path, interaction(1, body=b"a"), interaction(2))
    put(path, interaction(1, 101, body=b"b"), interaction(2, 102), keep=lambda entry: False)
    assert path.read_bytes().startswith(b"reqord: 2\n")

    put(path, interaction(3, 103), keep=lambda entry: number_of(entry) == 2)

    assert path.read_bytes().startswith(b"reqord: 1\n")
    assert numbers(path) == [2, 3]


def test_vcr_headers(path):
    """A file of VCR.py's keeps the order of its headers, and of what it holds."""
    names = {"Accept": "*/*", "B": "2", "User-Agent": "x"}
    old = [interaction(1), interaction(2)]
    old = [one._replace(request=one.request._replace(headers=Headers(names))) for one in old]
    put(path, *old, layout="vcr")
    before = path.read_bytes()
    other = Headers(dict(reversed(list(names.items()))))
    new = [interaction(1, 101, b"new"), interaction(2, 102)]
    new = [one._replace(request=one.request._replace(headers=other)) for one in new]

    put(path, *new, keep=lambda entry: False)

    assert path.read_bytes() == before.replace(b"'{}'", b"new", 1)


def test_diff(path):
    """The text of what didn't change stays, byte for byte."""
    put(path, dated(1, 1, "Monday"), dated(2, 2, "Monday"))
    edited = path.read_bytes().replace(b"  elapsed:", b"  note: ours\n  elapsed:", 1)
    path.write_bytes(edited)
    new = [dated(1, 101, "Friday"), dated(7, 102, "Friday")]
    put(path, *new, keep=lambda entry: False, volatile=VOLATILE)

    assert numbers(path) == [1, 7]
    assert path.read_bytes().startswith(edited[: edited.rindex(b"- recorded_at")])


@pytest.mark.parametrize("keep", [True, False])
def test_never_emptied(path, keep):
    """A recording that captured nothing leaves the cassette alone, and makes none."""
    assert put(path, keep=lambda entry: keep) == Saved(False, 0, 0, 0)
    assert not path.exists()
    put(path, interaction(1))
    before = inode(path)

    assert put(path, keep=lambda entry: keep) == Saved(False, 1, 0, 0)
    assert inode(path) == before


def test_partly_removed(path):
    """Without anything new, what isn't kept goes as long as something stays."""
    put(path, interaction(1), interaction(2))

    assert put(path, keep=lambda entry: number_of(entry) == 2) == Saved(True, 1, 0, 1)
    assert numbers(path) == [2]


def test_head(path):
    """Keys above the interactions that we don't know stay."""
    path.parent.mkdir()
    head = b"reqord: 1\nowner: team-a\ninteractions:\n"
    path.write_bytes(head + encoded(interaction(5))[0].text)
    put(path, interaction(1))

    assert path.read_bytes().startswith(head)
    assert numbers(path) == [1, 5]


@pytest.mark.parametrize("number", [1, 9])
def test_torn(path, number):
    """A torn end is repaired with the save."""
    put(path, interaction(5), interaction(6))
    path.write_bytes(path.read_bytes()[:-20])

    assert put(path, interaction(number)) == Saved(True, 1, 1, 0)
    assert numbers(path) == sorted([5, number])


def test_torn_only(path):
    """A save that brings nothing repairs it too."""
    put(path, interaction(5), interaction(6))
    path.write_bytes(path.read_bytes()[:-20])

    assert put(path) == Saved(True, 1, 0, 0)
    assert numbers(path) == [5]


@pytest.mark.parametrize("data", [b"[1]\n", b"reqord: 99\ninteractions: []\n", b"{\xff"])
def test_unreadable(path, data):
    """A cassette that can't be read is never overwritten."""
    path.parent.mkdir()
    path.write_bytes(data)

    with pytest.raises(CassetteFormatError):
        put(path, interaction(1))
    assert path.read_bytes() == data


def test_locked_file(path):
    """Nor is one that says that it is locked."""
    path.parent.mkdir()
    data = b"reqord: 1\nlocked: true\ninteractions:\n" + encoded(interaction(5))[0].text
    path.write_bytes(data)

    with pytest.raises(WriteFailed, match="locked: true"):
        put(path, interaction(9))
    assert path.read_bytes() == data


def test_locked_word(path):
    """The word alone locks nothing."""
    put(path, interaction(1, body=b"locked: true\n"))
    put(path, interaction(2))

    assert numbers(path) == [1, 2]


def test_lock_taken(path):
    """A lock that another holds is waited for no longer than said."""
    with storage.lock(path, 1), pytest.raises(CassetteLocked):
        put(path, interaction(1), lock_timeout=0.05)
    assert not path.exists()


def test_large_bodies(path):
    """Large bodies lie beside the cassette as long as an entry names them."""
    body = noise(1 << 20) + b"x"
    put(path, interaction(1, body=body))
    (file,) = storage.bodies_folder(path).iterdir()
    document = codec.load(path.read_bytes(), str(path), storage.body_reader(path))
    assert file.read_bytes() == document.entries[0].interaction().response.body == body

    put(path, interaction(2), keep=lambda entry: False)
    assert not storage.bodies_folder(path).exists()


def test_large_bodies_unchanged(path):
    """A large body that was recorded again is neither written nor removed."""
    body = noise(1 << 20) + b"x"
    put(path, interaction(1, body=body))
    before = inode(path)
    saved = put(path, interaction(1, 101, body=body), keep=lambda entry: False)

    assert saved == Saved(False, 1, 0, 0)
    assert inode(path) == before


@pytest.mark.parametrize("layout", ["keep", "vcr", "reqord"])
def test_foreign(path, layout):
    """A cassette of VCR.py can be added to, in its format or in ours."""
    path.parent.mkdir()
    path.write_text(
        "interactions:\n"
        "- request:\n"
        "    body: null\n"
        "    headers: {Accept: ['*/*']}\n"
        "    method: GET\n"
        "    uri: https://api.example.com/5\n"
        "  response:\n"
        "    body: {string: hello}\n"
        "    headers: {Content-Type: [text/plain]}\n"
        "    status: {code: 200, message: OK}\n"
        "version: 1\n"
    )
    assert put(path, interaction(7), layout=layout) == Saved(True, 1, 1, 0)

    assert numbers(path) == [5, 7]
    assert path.read_bytes().startswith(codec.HEADER) == (layout == "reqord")
    assert not put(path, layout=layout).changed
