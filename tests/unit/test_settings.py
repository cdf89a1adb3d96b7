from __future__ import annotations

from typing import get_args

import pytest

from pytest_reqord.errors import UsageError
from pytest_reqord.settings import typed
from pytest_reqord.settings.options import MODES, OPTIONS, Layer, Own
from pytest_reqord.settings.resolve import Settings, resolve


def test_the_table_and_the_value_agree():
    """Each option is a field of its name with its default; only `rerecord` has no option."""
    defaults = Settings()._asdict()
    assert defaults.pop("rerecord") == ()
    assert defaults == {name: option.default for name, option in OPTIONS.items()}


def test_the_types_agree():
    """What type checkers know of the settings is the table: names, and what a choice may be."""
    known = typed.CassetteOptions.__annotations__
    assert set(known) == {name for name, option in OPTIONS.items() if not option.is_run_wide}
    for name, hint in known.items():
        if OPTIONS[name].choices:
            choices = get_args(eval(hint.__forward_arg__, vars(typed)))
            assert choices == OPTIONS[name].choices


def test_the_first_layer_that_speaks_is_heard():
    """Each setting comes from the strongest place that says something of it."""
    settled = resolve(
        [
            Layer("a", {"record_mode": "once"}),
            Layer("b", {"record_mode": "all", "on_drift": "fail"}),
        ]
    )
    assert (settled.record_mode, settled.on_drift) == ("once", "fail")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("is_explicit", [True, False])
def test_under_ci_only_a_person_records(mode, is_explicit):
    """With `CI` a recording mode counts only where somebody set it for this run."""
    settled = resolve([Layer("x", {"record_mode": mode}, is_explicit)], is_ci=True)
    assert settled.record_mode == (mode if is_explicit else "none")


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("locked", "yes", True),
        ("locked", "off", False),
        ("batch_size", "7", 7),
        ("lock_timeout", "1.5", 1.5),
        ("ignore_hosts", "a b", ("a", "b")),
        ("ignore_hosts", ["a"], ("a",)),
        ("match_on", "method path", ("method", "path")),
        ("redact_patterns", [r"a \d+", "b"], (r"a \d+", "b")),
        ("redact_patterns", "a b", ("a b",)),
        ("redactors", print, (print,)),
        ("redactors", {"url": str}, ({"url": str},)),
        ("redactors", [print, {"url": {"a": "b"}}], (print, {"url": {"a": "b"}})),
    ],
)
def test_texts_and_values(name, raw, value):
    """An ini file's text and a typed value mean the same."""
    assert getattr(resolve([Layer("x", {name: raw}, is_run_wide=True)]), name) == value


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("locked", "perhaps"),
        ("locked", 3),
        ("batch_size", 0),
        ("batch_size", "x"),
        ("batch_size", True),
        ("batch_size", 1.5),
        ("lock_timeout", -1),
        ("record_mode", "auto"),
        ("record_mode", None),
        ("match_on", "colour"),
        ("match_on", []),
        ("ignore_hosts", 3),
        ("record_mod", "once"),
        ("redact_patterns", ["("]),
        ("redact_patterns", ["a*"]),
        ("redact_patterns", [1]),
        ("redact_patterns", 1),
        ("redactors", "nosuch"),
        ("redactors", [1]),
        ("redactors", 1),
        ("redactors", {"body": str}),
        ("redact_keep", "nosuch"),
        ("redact_keep", ["password", "nosuch*"]),
    ],
)
def test_wrong_values_are_named(name, raw):
    """The error names key, value and place, also where a stronger layer would win."""
    good = Layer("strong", {"record_mode": "once"})
    with pytest.raises(UsageError) as caught:
        resolve([good, Layer("the weak place", {name: raw}, is_run_wide=True)])
    assert name in str(caught.value)
    assert "the weak place" in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "method", "uri", "matches"),
    [
        ("POST */chat/completions", "POST", "https://api/v1/chat/completions", True),
        ("POST */chat/completions", "GET", "https://api/v1/chat/completions", False),
        ("*/users/*", "DELETE", "https://api/users/1", True),
        ("post *", "POST", "http://x/", True),
    ],
)
def test_rerecord_patterns(pattern, method, uri, matches):
    """A pattern is a method and a glob, or a glob for any method."""
    assert Settings(rerecord=(pattern,)).is_rerecorded(method, uri) is matches


@pytest.mark.parametrize("name", [name for name, one in OPTIONS.items() if one.is_run_wide])
def test_what_holds_for_the_whole_run_stands_in_no_marker(name):
    """A marker can't set what one value holds for the whole run."""
    with pytest.raises(UsageError, match=f"{name} = .* .a marker. holds for the whole run"):
        resolve([Layer("a marker", {name: OPTIONS[name].default})])


@pytest.mark.parametrize(
    "name",
    ["password", "*password", "X-Acme-Token", "session_id", "sid", "next_token", "*", "x-*-token"],
)
@pytest.mark.parametrize("prefix", ["", "echo jwt paths user_info "])
def test_what_is_redacted_by_default_may_be_kept(name, prefix):
    """A name that is a default's, that a default stands for, or that stands for some."""
    settled = resolve([Layer("x", {"redact_keep": prefix + name})])
    assert settled.redact_keep == (*prefix.split(), name)


def test_what_no_default_redacts_cannot_be_kept():
    """The error says where the manual lists what is redacted by default."""
    with pytest.raises(
        UsageError, match=r"'nosuch' is not redacted by default: .*see: reqord docs redaction"
    ):
        resolve([Layer("x", {"redact_keep": "nosuch"})])


def test_redactors_are_found_by_name():
    """Those that the suite's hooks give; an unknown name's error lists them."""
    own = Own(redactors={"mine": str, "wrong": {"nosuch": str}})
    assert resolve([Layer("x", {"redactors": "mine"})], own=own).redactors == (str,)
    with pytest.raises(UsageError, match="'his' is not a redactor; there are mine, wrong, func"):
        resolve([Layer("x", {"redactors": ["his"]})], own=own)
    with pytest.raises(UsageError, match="no part 'nosuch'; there are request_body_json, "):
        resolve([Layer("x", {"redactors": ["wrong"]})], own=own)
