"""The kind of a secret, its mark, and what a client gets in its place on replay.

A cassette says ``[REDACTED base64 32]``. What is made of that when it is played can be decoded, split
or loaded as the secret could: so no file has anything in it that a scan for secrets would find.

It says ``[REDACTED-5c]`` of one of several secrets that would else be the same: 5c is its mark, see
`pytest_reqord.redaction.marks`. Every text of ours that stands for a secret may have one.
"""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_reqord.base.lazy import Pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "KINDED",
    "MARK",
    "MARKED",
    "digits",
    "has_kind",
    "is_issued",
    "jwk_member",
    "jwt_marker",
    "mark_in",
    "mark_of_number",
    "marker_of",
    "number_of_mark",
    "remarked",
    "stand_in_edits",
    "with_mark",
]

MARK = r"(?:[0-9a-f]{8}|[0-9a-f]{2}|r[1-9][0-9]{0,6})"
"""Part of a fingerprint of a secret that was sent, or a number of one that came in an answer."""

_LONGEST_DETAIL = 8192
KINDED = Pattern(
    rf"\[REDACTED(?:-({MARK}))? ([a-z0-9]+)(?: ([^\[\]\s\"\\<>]{{0,{_LONGEST_DETAIL}}}))?(?: (\d{{1,6}}))?\]"
)
"""A marker that says what kind of secret it stands for."""

_JWT_START = "W1JFREFDVEVEL"  # [REDACTED- in base64url, as the signature of a token of ours has it
_NUMBER = "8269686567846968"  # REDACTED in ASCII, and four digits of a mark
MARKED = Pattern(
    rf"(?:\[|%(?:25){{0,3}}5[Bb])REDACTED-({MARK})(?=[ \]%])"  # in a URL in a URL, too
    rf"|\.({_JWT_START}[A-Za-z0-9_-]{{3,14}})(?![A-Za-z0-9_-])"
    rf"|(?<![0-9]){_NUMBER}([0-9]{{4}})(?![0-9])",
    re.ASCII,
)
"""Anything of ours that has a mark."""


def mark_in(found: re.Match[str]) -> str:
    """The mark of what `MARKED` has found; empty where it isn't one after all."""
    if found[2]:
        try:
            text = base64.urlsafe_b64decode(found[2] + "=" * (-len(found[2]) % 4)).decode()
        except ValueError:
            return ""
        whole = MARKED.match(text)
        return whole[1] or "" if whole and text.endswith("]") else ""
    return found[1] or mark_of_number(found[0]) or ""


def remarked(found: re.Match[str], mark: str) -> str:
    """What `MARKED` has found, with another mark, or with none."""
    if found[2]:
        return "." + signature_with(mark)
    if found[3]:
        return number_of_mark(mark)
    return with_mark(found[0].partition("-")[0], mark)


def with_mark(marker: str, mark: str | None) -> str:
    """A marker, with a mark where there is one."""
    return marker.replace("REDACTED", f"REDACTED-{mark}", 1) if mark else marker


def signature_with(mark: str | None) -> str:
    """The signature of a JSON Web Token of ours: it says so."""
    return base64.urlsafe_b64encode(with_mark("[REDACTED]", mark).encode()).decode().rstrip("=")


def number_of_mark(mark: str | None) -> str:
    """A number that stands for a secret one in a request, with a mark; 0 where there is none."""
    if not mark or len(mark) == _LONGEST_MARK:  # which no number that can be guessed has
        return "0"
    value = _ISSUED + int(mark[1:]) if is_issued(mark) else int(mark, 16)
    return f"{_NUMBER}{value:04}" if value <= _HIGHEST else "0"


def mark_of_number(number: str) -> str | None:
    """The mark of such a number; None of any other."""
    if len(number) != len(_NUMBER) + 4 or not number.startswith(_NUMBER):
        return None
    value = int(number[-4:])
    return f"r{value - _ISSUED}" if value > _ISSUED else f"{value:02x}"[-2:]


_LONGEST_MARK = 8
_ISSUED, _HIGHEST = 1000, 9999


def is_issued(mark: str) -> bool:
    """Whether a mark is of a secret that came in an answer: then it tells nothing of it."""
    return mark[:1] == "r"


def has_kind(text: str) -> bool:
    """Whether there may be a marker with a kind in a text; quick, mostly no."""
    return "[REDACTED " in text or "[REDACTED-" in text


_PEM = Pattern(r"-----BEGIN ((?:[A-Z0-9]+ ){0,2})PRIVATE KEY-----")
_BASE64 = Pattern(r"[A-Za-z0-9+/]{16,}={0,2}|[A-Za-z0-9+/]{6,15}={1,2}")
_BASE64_URL = Pattern(r"[A-Za-z0-9_-]{16,}={0,2}|[A-Za-z0-9_-]{6,15}={1,2}")
_DATE = Pattern(
    r"(?:19|20)\d\d-[01]\d-[0-3]\d(?:[T ][0-2]\d:[0-5]\d(?::[0-5]\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?"
)
_SPLIT = Pattern(r"[A-Za-z0-9_-]{1,512}(?:[.:|][A-Za-z0-9_-]{1,512}){1,5}")
_RANDOM = Pattern(r"(?<![A-Za-z0-9_-])(?=[a-z_-]*[0-9A-Z])(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{10,}")
_SURE_LENGTH = 20
_PIECE = Pattern(r"([A-Za-z0-9_-]+)|[.:|]")
_HEX_PIECE = Pattern(r"[0-9a-f]{6,}")
_HEX = Pattern(r"(?:0x)?[0-9a-f]{32,}|(?:0x)?[0-9A-F]{32,}")
_BASE32 = Pattern(r"[A-Z2-7]{16,}")
_UUID = Pattern(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DIGITS = Pattern(r"\d{4,19}")
_PREFIX = Pattern(
    r"([A-Za-z0-9]{1,20}_[A-Za-z0-9]{1,40}_secret_|[srp]k_(?:live|test)_|whsec_|ek_(?:live|test)_"
    r"|gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|xapp-\d-|sk-(?:ant-|proj-|or-)?|hv[sbr]\.|s\."
    r"|ya29\.|AIza|GOCSPX-|SG\.|npm_|pypi-|dckr_pat_|shpat_|hf_|gsk_|AKIA|ASIA|tskey-)"
    r"([A-Za-z0-9_+/.=-]{4,})"
)
_SURE_BASE64 = 40
_SIZES = frozenset({43, 86})  # 32 and 64 bytes in base64 without padding, as JOSE has them
_ALPHABET = "R3qOrdStandIn"


def marker_of(secret: str) -> str:
    """The marker for a secret in an answer: ``[REDACTED]``, or one with its kind."""
    kind = _kind(secret)
    return f"[REDACTED {kind}]" if kind else "[REDACTED]"


def _kind(secret: str) -> str:
    if pem := _PEM.search(secret):
        return f"pem {pem[1].strip().lower()}" if pem[1] else "pem"
    if prefixed := _PREFIX.fullmatch(secret):
        return f"text {prefixed[1]} {len(prefixed[2])}"
    for name, pattern in (("uuid", _UUID), ("digits", _DIGITS), ("hex", _HEX)):
        if pattern.fullmatch(secret):
            return name if name == "uuid" else f"{name} {len(secret)}"
    if _BASE32.fullmatch(secret) and not secret.isalpha() and len(secret) % 8 == 0:
        return f"base32 {len(secret)}"
    return _parts_kind(secret) or _base64_kind(secret)


def _parts_kind(secret: str) -> str:
    """A date as it is written, and an id and a key, which clients take apart."""
    if _DATE.fullmatch(secret):
        return "date 2000-01-01" + re.sub(r"[0-9]", "0", secret[10:].replace(" ", "_"))
    if len(secret) < _SURE_LENGTH or not _SPLIT.fullmatch(secret) or not _RANDOM.search(secret):
        return ""  # how long the words of a password are is nobody's business
    return f"parts {_PIECE.sub(_piece, secret)}"


def _piece(found: re.Match[str]) -> str:
    """What a part of a secret is, and how long: ``x`` hexadecimal, ``d`` digits, ``t`` any text."""
    part = found[1]
    if part is None:
        return found[0]
    letter = "d" if part.isdigit() else "x" if _HEX_PIECE.fullmatch(part) else "t"
    return f"{letter}{len(part)}"


def _base64_kind(secret: str) -> str:
    """Base64 of a user and a password says the user; else only how long it is."""
    if len(secret) in _SIZES and _BASE64_URL.fullmatch(secret) and not secret.isalpha():
        return f"jose {len(secret) * 3 // 4}"
    # one name for both alphabets: not every secret has a sign that tells them apart, so that two
    # recordings could differ in the name; and what stands in has no such sign
    for pattern in (_BASE64, _BASE64_URL):
        if not pattern.fullmatch(secret):
            continue
        is_padded = len(secret) % 4 == 0 and ("=" in secret or len(secret) >= _SURE_BASE64)
        if not is_padded or secret.islower() or secret.isupper():
            return ""
        data = base64.urlsafe_b64decode(secret.replace("+", "-").replace("/", "_"))
        if _PEM.search(data.decode("latin-1")):
            return "base64pem"
        if user := re.fullmatch(rb"([A-Za-z0-9_.-]{1,32}):[ -~]+", data):
            return f"base64 {user[1].decode()} {len(data) - len(user[1]) - 1}"
        return f"base64 {len(data)}"
    return ""


def jwt_marker(token: str, mark: str | None) -> str | None:
    """The marker for a token of ours: what it says, in no form that a scan takes for a token's.

    :returns: None if it is too long.
    """
    header, payload, _ = token.split(".")
    detail = f"{header[3:]}.{payload[3:]}"  # each begins with eyJ
    return with_mark(f"[REDACTED jwt {detail}]", mark) if len(detail) <= _LONGEST_DETAIL else None


def stand_in_edits(text: str, made: Callable[[str, str], None]) -> Iterator[tuple[int, int, str]]:
    """Replace each marker that has a kind by something of that kind.

    :param made: told each of them, and its mark: a client may send it back.
    """
    for match in KINDED.finditer(text):
        mark = match[1] or ""
        new = _stand_in(match[2], match[3] or "", int(match[4] or 0), mark)
        if new is not None:
            made(new, mark)
            shown = new.replace("\n", _line_end(text, match.start())) if "\n" in new else new
            yield match.start(), match.end(), shown


def _line_end(text: str, at: int) -> str:
    """How a line ends there: in a string of JSON, in a string of such a string, or indented."""
    if text[at - 1 : at] == '"':
        before = at - 1
        while text[before - 1 : before] == "\\":
            before -= 1
        return "\\" * (at - before) + "n"
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return "\n" + line[: len(line) - len(line.lstrip(" "))]


@lru_cache(maxsize=256)
def _stand_in(kind: str, detail: str, size: int, mark: str = "") -> str | None:
    """Something of a kind; of one kind and size another one for each mark."""
    if not size and detail.isdigit():
        detail, size = "", int(detail)
    if kind == "pem":
        return _pem(detail)
    if kind == "base64pem":
        return base64.b64encode(_pem("rsa").encode()).decode()
    if kind == "base32":
        told = base64.b32encode(bytes.fromhex(_hex(mark))).decode().rstrip("=")
        return _ending("REQORD2DUMMY", size, told)
    if kind == "hex":
        return _ending("5ec2e7", size, _hex(mark))
    if kind == "digits":
        return _ending(digits(size), size, str(int(_hex(mark), 16)) if mark else "")
    return _stand_in_text(kind, detail, size, mark)


def digits(size: int) -> str:
    """The number that stands in for a secret one of so many digits."""
    return "1".ljust(size, "0")


def _stand_in_text(kind: str, detail: str, size: int, mark: str) -> str | None:
    if kind == "uuid":
        return f"00000000-0000-4000-8000-5ec2{_hex(mark) or 'e7000000'}"
    if kind == "jose":
        return base64.urlsafe_b64encode(_filled(size, mark).encode()).decode().rstrip("=")
    if kind == "base64":
        data = (detail + ":" if detail else "").encode() + _filled(size, mark).encode()
        return base64.b64encode(data).decode()
    if kind == "text":
        return detail + _filled(size, mark)
    return _stand_in_of_parts(kind, detail, mark)


def _stand_in_of_parts(kind: str, detail: str, mark: str) -> str | None:
    if kind == "date":
        return detail.replace("_", " ")
    if kind == "jwk":
        return _jwk(detail)
    if kind == "jwt":
        header, _, payload = detail.partition(".")
        return f"eyJ{header}.eyJ{payload}.{signature_with(mark)}"
    return _parts(detail, mark) if kind == "parts" else None


_SPEC = Pattern(r"([dtx])(\d{1,3})")


def _parts(detail: str, mark: str) -> str:
    """A secret in its parts; the last one tells it from others."""

    def part(found: re.Match[str]) -> str:
        size, told = int(found[2]), mark if found.end() == len(detail) else ""
        if found[1] == "t":
            return _filled(size, told)
        if found[1] == "d":
            return _ending(digits(size), size, str(int(_hex(told), 16)) if told else "")
        return _ending("5ec2e7", size, _hex(told))

    return _SPEC.sub(part, detail)


def _hex(mark: str) -> str:
    """A mark as 8 digits; empty where there is none."""
    if not mark:
        return ""
    return f"{int(mark[1:]):x}".rjust(8, "a") if is_issued(mark) else mark.rjust(8, "0")


def _ending(filling: str, size: int, ending: str) -> str:
    """A text of a size with an ending, as much of that as there is room for behind one character."""
    ending = ending[-max(0, size - 1) :] if ending and size > 1 else ""
    return (filling * (size // len(filling) + 1))[: size - len(ending)] + ending


def _filled(size: int, mark: str) -> str:
    return _ending(_ALPHABET, size, mark)


def _pem(label: str) -> str:
    label = label.upper() + " " if label else ""
    data = _KEYS.get(label, _KEYS[""])
    lines = [data[at : at + 64] for at in range(0, len(data), 64)]
    name = (label if label in _KEYS else "") + "PRIVATE KEY"  # apart, or a scan would find it here
    return "\n".join((f"-----BEGIN {name}-----", *lines, f"-----END {name}-----", ""))


# JSON Web Keys: all members of a private key are those of one key of the table, so that it can be loaded.


_JWK_MEMBERS = {"rsa": ("n", "e", "d", "p", "q", "dp", "dq", "qi"), "ec": ("d", "x", "y")}


def jwk_member(kind: str, name: str) -> str | None:
    """The marker for a member of a private key; None where there is none of this kind.

    :param kind: ``RSA``, or ``EC`` on the curve P-256.
    :param name: the member's name.
    """
    kind = kind.lower()
    return f"[REDACTED jwk {kind}.{name}]" if name in _JWK_MEMBERS.get(kind, ()) else None


def _jwk(detail: str) -> str | None:
    kind, _, name = detail.partition(".")
    members = _JWK_MEMBERS.get(kind, ())
    if name not in members:
        return None
    data = base64.b64decode(_KEYS[f"{kind.upper()} "])
    # in SEC 1 the key comes after seven bytes, and the point last; in PKCS 1 a version comes first
    point = [data[7:39], data[-64:-32], data[-32:]]
    part = (point if kind == "ec" else list(_integers(data))[1:])[members.index(name)]
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def _integers(data: bytes) -> Iterator[bytes]:
    """The numbers in a sequence of DER, of which each is one or two bytes' length long."""
    at = 4
    while at < len(data):
        size = data[at + 1]
        at += 2
        if size & 0x80:
            width = size & 0x7F
            size = int.from_bytes(data[at : at + width], "big")
            at += width
        yield data[at : at + size].lstrip(b"\0")
        at += size


_KEYS = {  # made for this table, and used nowhere
    "RSA ": (
        "MIIEpAIBAAKCAQEA3UR4INYeCoKkyJC9CeB4VnOcdAh492vowCMmPeZw7BZLRU4Y15IC5UQb/OZ+"
        "3klEx1Vxto7m1twl9bQT9bk1sRotQ4zDjPO/sa9KZ4/TGUZobszJfKsOjoUyGb5aEuNe5bUArWyq"
        "Jvvqhu0KCaWCVY38ifsI8Sgs63VVL72br8VZU6CzByRlwHpw7YbO4gBTlv5Vnw6LvyXUHOc+TtX/"
        "SIzCjietUO6l+Gdz2qu7mbGLxPiyGE2fBXSBYqUEFB4P4dxl3R5MvLggOIq4+FnJKntq/GsBQe6C"
        "AbY+nnAWhAyduf9xyLdBdcX3NPpUY/Ad7x4rLKU6aOPRlWRQwhsDPwIDAQABAoIBAAS0d8pZLeHo"
        "OF91Mqi8qWe9M2B27MR0UBGSSjYavzVJgWfKwDleI3S8IHfIb9ODif8VwkJbu4m/Zt5Yowh16i/q"
        "jJRK6Uyxww9Lg5Rm1WhMZsAWLOjbSWpl9cYZeW288jGidMc7RWdpB+oUV9EvzjgfgQNu+8LN4laj"
        "12c2CETK9VfvoPwP0i+cSavT58I4eeQalk7CTxCepKcg8eCTQm44IyM/bNgKyH9wQOoB8poMXM/y"
        "zMSu9NixbcgJwytrE9dkVkCXOqw2SBOmt6E8pqbfAWYG3T5TJ/Q6GAIak31FmChsofQy2E71Rdeg"
        "o+tRYZGbgqrEvdvjj5zJdIXfBUECgYEA/63JF4o3QrWtgrajEP1BNdJRyHLNu7WgaCtKpuvMZQA+"
        "Mjj1+OhUFG9ZKVuVdBd1xOaeaM18ilr4HrArUYYF/Sp8KWTWLZM+Sk8TxiJjW8ZVNuFdL31gQJmL"
        "cq5k0+MSNFMEGl8Gsd08PjrnD/M7GE80GOV2HrKUvS0TBlVQkI8CgYEA3YueXjAnYulxX9gN5/Vw"
        "1qFGQWdAWujA1H3+YaE0ux48mO/Zog32xQ3LzrbllpVTIfgFFHCg36khBL1BOMSMEHdqI85EqiTZ"
        "1rMwDIWSWaOcLD3JaXN9YqCoPiob8yy4QtI90C1pMOxNPUgUqC2Ztj8riqd4oytAG5G4SoIFWlEC"
        "gYEAycNVTis3IoCF9QG1OuHvhM581UarTXatp6aKGaE4QXfonO9QQ+Tq/NlFrhpknSEqQYCP/zox"
        "DmltJaJ1/LZboYXWR0AYuAxa+n7epttaNwETG+TKCYDR5QiF/7DZRlAJfJsKQNk+SjvAn4cR8gdK"
        "WguenArvpJfeQk8AlV3b3scCgYA+i5osMSANdqZBTreuUsaGcYVqFYI/qBI4a1GTsnU2lnS5II2q"
        "iJKwUxLEyzHJ72JG5sRYXuur+Q2PTvbI1gRM6cmXTjZoanrteC0Ke/MzR1Nh0he4o5g0bfLRigXW"
        "AzwJ8VzuFsPpweyUbnMWf7kzkGX0gQ830ZAJuHv03Pwx4QKBgQCdR+w4hhmxQPO1HdYzwUOkS0JS"
        "MwuQ+nltmrQNTY/xM/aUJDKpR4fgB+6B0fE1646BUG6MFcMBQvP6OpFxGC6dw+cnyknIP4FmyzDc"
        "oAp1keSNl6N6bnOmIU/PW3BEP7lXF9RNkjMZoZyigKcD0VhCFrVv7Gr0/0q60evWfeGIHg=="
    ),
    "": (
        "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDdRHgg1h4KgqTIkL0J4HhWc5x0"
        "CHj3a+jAIyY95nDsFktFThjXkgLlRBv85n7eSUTHVXG2jubW3CX1tBP1uTWxGi1DjMOM87+xr0pn"
        "j9MZRmhuzMl8qw6OhTIZvloS417ltQCtbKom++qG7QoJpYJVjfyJ+wjxKCzrdVUvvZuvxVlToLMH"
        "JGXAenDths7iAFOW/lWfDou/JdQc5z5O1f9IjMKOJ61Q7qX4Z3Paq7uZsYvE+LIYTZ8FdIFipQQU"
        "Hg/h3GXdHky8uCA4irj4Wckqe2r8awFB7oIBtj6ecBaEDJ25/3HIt0F1xfc0+lRj8B3vHisspTpo"
        "49GVZFDCGwM/AgMBAAECggEABLR3ylkt4eg4X3UyqLypZ70zYHbsxHRQEZJKNhq/NUmBZ8rAOV4j"
        "dLwgd8hv04OJ/xXCQlu7ib9m3lijCHXqL+qMlErpTLHDD0uDlGbVaExmwBYs6NtJamX1xhl5bbzy"
        "MaJ0xztFZ2kH6hRX0S/OOB+BA277ws3iVqPXZzYIRMr1V++g/A/SL5xJq9Pnwjh55BqWTsJPEJ6k"
        "pyDx4JNCbjgjIz9s2ArIf3BA6gHymgxcz/LMxK702LFtyAnDK2sT12RWQJc6rDZIE6a3oTympt8B"
        "ZgbdPlMn9DoYAhqTfUWYKGyh9DLYTvVF16Cj61FhkZuCqsS92+OPnMl0hd8FQQKBgQD/rckXijdC"
        "ta2CtqMQ/UE10lHIcs27taBoK0qm68xlAD4yOPX46FQUb1kpW5V0F3XE5p5ozXyKWvgesCtRhgX9"
        "KnwpZNYtkz5KTxPGImNbxlU24V0vfWBAmYtyrmTT4xI0UwQaXwax3Tw+OucP8zsYTzQY5XYespS9"
        "LRMGVVCQjwKBgQDdi55eMCdi6XFf2A3n9XDWoUZBZ0Ba6MDUff5hoTS7HjyY79miDfbFDcvOtuWW"
        "lVMh+AUUcKDfqSEEvUE4xIwQd2ojzkSqJNnWszAMhZJZo5wsPclpc31ioKg+KhvzLLhC0j3QLWkw"
        "7E09SBSoLZm2PyuKp3ijK0AbkbhKggVaUQKBgQDJw1VOKzcigIX1AbU64e+EznzVRqtNdq2npooZ"
        "oThBd+ic71BD5Or82UWuGmSdISpBgI//OjEOaW0lonX8tluhhdZHQBi4DFr6ft6m21o3ARMb5MoJ"
        "gNHlCIX/sNlGUAl8mwpA2T5KO8CfhxHyB0paC56cCu+kl95CTwCVXdvexwKBgD6LmiwxIA12pkFO"
        "t65SxoZxhWoVgj+oEjhrUZOydTaWdLkgjaqIkrBTEsTLMcnvYkbmxFhe66v5DY9O9sjWBEzpyZdO"
        "Nmhqeu14LQp78zNHU2HSF7ijmDRt8tGKBdYDPAnxXO4Ww+nB7JRucxZ/uTOQZfSBDzfRkAm4e/Tc"
        "/DHhAoGBAJ1H7DiGGbFA87Ud1jPBQ6RLQlIzC5D6eW2atA1Nj/Ez9pQkMqlHh+AH7oHR8TXrjoFQ"
        "bowVwwFC8/o6kXEYLp3D5yfKScg/gWbLMNygCnWR5I2Xo3puc6YhT89bcEQ/uVcX1E2SMxmhnKKA"
        "pwPRWEIWtW/savT/SrrR69Z94Yge"
    ),
    "EC ": (
        "MHcCAQEEIHpGcUoT8rIfcosKQSDQqtkzBywCklzHKR0mPUb9qstEoAoGCCqGSM49AwEHoUQDQgAE"
        "SU/jfkfNZoJKbjXNa0XTm8nc2DkjTPEYN8h8UeczQKnIZXP3E7bmpcXWlDNDcawaN7WJLxJCgiCj"
        "X5j4kgfbcQ=="
    ),
    "OPENSSH ": (
        "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQyNTUx"
        "OQAAACDJamrc5CKsDiw0nGa8muZo6/KOh2lMfec4o5xLgzKdjwAAAIj55Ccr+eQnKwAAAAtzc2gt"
        "ZWQyNTUxOQAAACDJamrc5CKsDiw0nGa8muZo6/KOh2lMfec4o5xLgzKdjwAAAEAgJoPvc+r2cvZy"
        "NLP9OEeyoKQLINLooPWRSxiitWedIMlqatzkIqwOLDScZrya5mjr8o6HaUx95zijnEuDMp2PAAAA"
        "AAECAwQF"
    ),
}
