"""What every client is put through: the calls, and what a client has to be able to do for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ABILITIES", "SCENARIOS", "Call", "Scenario"]

ABILITIES = {
    "bare status lines": "takes a status line that ends after the code",
    "basic": "has a way of its own to send a name and a password",
    "chunk extensions": "takes chunks with an extension",
    "cookies": "keeps cookies",
    "digest": "answers a digest challenge",
    "form": "encodes forms",
    "generator": "takes a body from a generator",
    "lenient": "takes a head with a line that is no header",
    "multipart": "encodes multipart",
    "pieces until the close": "gives what comes of a body without framing before it ends",
    "proxy": "goes through a proxy",
    "redirects": "follows redirects",
    "retries": "tries again by itself",
    "transfer codings": "takes one more transfer coding than chunks",
    **{
        f"read:{read}": "has a way to read a body so: see `Call.read`"
        for read in ("pieces", "lines", "raw", "sized", "partial", "none", "twice", "gated")
    },
}
"""What a client may lack, so that it has nothing that a scenario could be about."""


@dataclass(frozen=True)
class Call:
    """One request and how its response is read. At most one of the four bodies is given.

    :param path: path and query at the server; a whole URL goes where it says.
    :param body: sent as it is.
    :param stream: sent piece by piece from a generator, so chunked.
    :param form: sent as a form.
    :param files: field, file name and content each, sent as multipart.
    :param auth: ``basic`` or ``digest`` as ``ada:engine``.
    :param redirects: whether they are followed.
    :param retries: how often the client itself tries again on a 503 or a broken connection.
    :param timeout: in seconds.
    :param read: how the body is read: ``whole``; ``pieces`` as they come; ``lines``; ``raw``, not
        decoded; ``partial``: one piece, then close; ``none``: close at once; ``twice``: whole, and
        whole again; ``gated``: as pieces, opening the server's gate ``gate`` after each; ``sized``:
        7 bytes at a time.
    :param before: what happens right before it is made.
    """

    path: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    stream: tuple[bytes, ...] | None = None
    form: tuple[tuple[str, str], ...] | None = None
    files: tuple[tuple[str, str, bytes], ...] | None = None
    auth: str = ""
    redirects: bool = True
    retries: int = 0
    timeout: float = 5.0
    read: str = "whole"
    before: Callable[[], object] | None = None


@dataclass(frozen=True)
class Scenario:
    """Calls made one after the other with one session, or all at once.

    :param place: ``plain``, ``tls``, or ``proxy``: through one, to ``http`` and ``https`` alike.
    :param is_local: the server is asked as ``localhost`` instead of ``127.0.0.1``.
    :param is_parallel: the calls are made at once: threads for a sync client, tasks for an async.
    :param verify: whether certificates are verified.
    :param also: what a client must have besides what the calls say.
    """

    name: str
    calls: tuple[Call, ...]
    place: str = "plain"
    is_local: bool = False
    is_parallel: bool = False
    verify: bool = True
    also: frozenset[str] = frozenset()

    @property
    def needs(self) -> frozenset[str]:
        """What a client must be able to do: ``redirects``, ``digest``, ``generator`` ..."""
        needs = set(self.also)
        for call in self.calls:
            needs |= {call.auth, f"read:{call.read}"}
            needs |= {"generator"} if call.stream is not None else set()
            needs |= {"form"} if call.form is not None else set()
            needs |= {"multipart"} if call.files is not None else set()
            needs |= {"retries"} if call.retries else set()
        needs |= {"proxy"} if self.place == "proxy" else set()
        needs.add(f"scenario:{self.name}")
        return frozenset(needs - {"", "read:whole"})


def _scenario(name: str, *calls: Call | str, **kwargs: object) -> Scenario:
    made = tuple(Call(call) if isinstance(call, str) else call for call in calls)
    return Scenario(name, made, **kwargs)  # type: ignore[arg-type]


def _each(name: str, paths: dict[str, str], **kwargs: object) -> list[Scenario]:
    return [
        _scenario(f"{name}-{key}", Call(path, **kwargs))  # type: ignore[arg-type]
        for key, path in paths.items()
    ]


_JSON = (("Content-Type", "application/json"),)
_EXPECT = (("Expect", "100-continue"),)
_UPGRADE = (("Connection", "Upgrade"), ("Upgrade", "tcp"))
_READS = ("pieces", "lines", "raw", "sized", "partial", "none", "twice")
_REDIRECTED = frozenset({"redirects"})
_COOKIES = frozenset({"cookies"})

SCENARIOS = (
    # requests as they go out
    _scenario("get", "/echo/plain?b=2&a=1&a=%20x&empty="),
    _scenario("same-twice", "/json", "/json"),
    *[
        _scenario(f"verb-{method.lower()}", Call("/echo/verb", method))
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE")
    ],
    _scenario("post-json", Call("/echo/json", "POST", _JSON, body=b'{"n": 100000000000000000001}')),
    _scenario("post-empty", Call("/echo/empty", "POST", body=b"")),
    _scenario("post-binary", Call("/echo/binary", "PUT", body=bytes(range(256)) * 40)),
    _scenario("post-large", Call("/body/large", "POST", body=b"0123456789abcdef" * 65536)),
    _scenario(
        "post-form",
        Call("/echo/form", "POST", form=(("a", "1"), ("b", "x y&z"), ("c", "é"))),
        Call("/echo/form", "POST", form=(("c", "ü"),)),
    ),
    _scenario(
        "post-multipart",
        Call("/echo/files", "POST", files=(("file", "a.bin", bytes(range(200))), ("x", "b", b""))),
    ),
    _scenario("post-generator", Call("/echo/stream", "POST", stream=(b"one", b"two" * 5000, b"3"))),
    _scenario(
        "request-headers",
        Call(
            "/echo/headers", headers=(("X-CaSe", "kept"), ("x-latin", "caf\xe9"), ("X-Empty", ""))
        ),
    ),
    # status lines and headers
    *_each(
        "status",
        {
            "custom": "/status/299/Custom%20Words",
            "latin-reason": "/status/200/caf%C3%A9",
            "blanks": "/status/200/%20in%20%20between",
            "teapot": "/status/418/I'm%20a%20teapot",
            "500": "/status/500/Oh%20No",
            "unknown": "/status/799/Beyond",
        },
    ),
    _scenario("headers", "/headers"),
    *_each("http-1.0", {"close": "/old", "length": "/old?length"}),
    _scenario("status-no-reason", "/status/200", also=frozenset({"bare status lines"})),
    # bodies
    *_each(
        "encoded",
        {
            "gzip": "/encoded/gzip",
            "deflate": "/encoded/deflate",
            "raw-deflate": "/encoded/raw-deflate",
            "br": "/encoded/br",
            "zstd": "/encoded/zstd",
            "stacked": "/encoded/gzip,br",
            "gzip-chunked": "/encoded/gzip?chunked=20",
            "gzip-close": "/encoded/gzip?close",
        },
    ),
    *[
        _scenario(f"encoded-gzip-{read}", Call("/encoded/gzip?chunked=30&times=20", read=read))
        for read in ("pieces", "raw", "sized", "lines")
    ],
    *_each(
        "chunked",
        {
            "sizes": "/chunked/3,10,1,200",
            "one": "/chunked/5",
            # with a pause: the oldest aiohttp has those that come with the head among the headers
            "trailers": "/chunked/3,4?trailers&pause=0.03",
            "slow": "/chunked/3,4,5?pause=0.05",
            "length": "/chunked/3,4?length=99",
            "open": "/chunked/3,4?open&pause=0.03",
        },
    ),
    _scenario("chunked-extension", "/chunked/3,4?extension", also=frozenset({"chunk extensions"})),
    *_each(
        "empty",
        {
            "204": "/empty/204",
            "304": "/empty/304",
            "304-length": "/empty/length",
            "200": "/empty/200",
            "chunked": "/empty/chunked",
        },
    ),
    *_each(
        "head",
        {"json": "/json", "chunked": "/chunked/3", "304": "/empty/length", "gzip": "/encoded/gzip"},
        method="HEAD",
    ),
    _scenario(
        "head-then-get",
        Call("/json", "HEAD"),
        "/json",
        Call("/json", "HEAD"),
        "/empty/204",
        "/json",
    ),
    *_each(
        "binary",
        {"small": "/binary/1000", "big": "/binary/5000000", "chunked": "/binary/300000?chunked"},
    ),
    *_each(
        "charset",
        {
            "utf-8": "/charset/utf-8",
            "latin": "/charset/latin-1",
            "utf-16": "/charset/utf-16",
            "shift-jis": "/charset/shift-jis",
            "undeclared": "/charset/latin-1?undeclared",
            "wrong": "/charset/utf-8?declared=latin-1",
            "unknown": "/charset/utf-8?declared=nonsense",
        },
    ),
    *[_scenario(f"read-{read}", Call("/lines/40", read=read), "/json") for read in _READS],
    *[
        _scenario(f"read-chunked-{read}", Call("/chunked/3,50,7", read=read), "/json")
        for read in _READS
    ],
    # streams
    _scenario("sse", Call("/sse/3", read="pieces")),
    _scenario("sse-lines", Call("/sse/3", read="lines")),
    _scenario("sse-close", Call("/sse/3?close", read="pieces")),
    _scenario("sse-gated", Call("/sse/3?gate=g", read="gated")),
    _scenario(
        "sse-gated-close",
        Call("/sse/3?gate=g&close", read="gated"),
        also=frozenset({"pieces until the close"}),
    ),
    _scenario("endless", Call("/endless", read="partial"), "/json"),
    # redirects, cookies, auth, retries
    *[
        _scenario(f"redirect-{kind}", f"/redirect/2?kind={kind}", also=_REDIRECTED)
        for kind in ("relative", "absolute", "host")
    ],
    _scenario("redirect-off", Call("/redirect/1", redirects=False)),
    _scenario("redirect-loop", "/redirect/1?kind=loop", also=_REDIRECTED),
    *[
        _scenario(
            f"redirect-post-{status}",
            Call(f"/redirect/1?status={status}", "POST", _JSON, body=b"{}"),
            also=_REDIRECTED,
        )
        for status in (301, 303, 307, 308)
    ],
    _scenario("cookies", "/cookies/set", "/cookies", "/echo", is_local=True, also=_COOKIES),
    _scenario(
        "cookies-redirect", "/redirect/2", "/cookies", is_local=True, also=_COOKIES | _REDIRECTED
    ),
    _scenario("auth-basic", Call("/basic", auth="basic")),
    _scenario("auth-wrong", "/basic"),
    _scenario("auth-digest", Call("/digest", auth="digest"), Call("/digest", auth="digest")),
    _scenario("retry-status", Call("/flaky/a/503,503,200", retries=3)),
    _scenario("retry-exhausted", Call("/flaky/b/503", retries=2)),
    _scenario("statuses-in-turn", *["/flaky/c/503,429,200"] * 3),
    # connections
    _scenario("keep-alive", *["/connection/keep"] * 3),
    _scenario("connection-close", "/connection/close", "/connection/close"),
    _scenario(
        "connection-header",
        Call("/json", headers=(("Connection", "close"),)),
        "/connection/keep",
    ),
    _scenario("parallel-gets", *[f"/shuffle/{n}" for n in range(20)], is_parallel=True),
    _scenario(
        "parallel-posts",
        *[Call("/shuffle", "POST", _JSON, body=b'{"n": %d}' % n) for n in range(50)],
        is_parallel=True,
    ),
    # what goes wrong after the head
    *_each(
        "broken",
        {
            "length": "/broken/length",
            "chunk": "/broken/chunk",
            "chunks": "/broken/chunks",
            "gzip": "/broken/gzip",
            "size": "/broken/size",
        },
    ),
    # tornado waits on
    *[
        _scenario(f"{name}-{kind}", Call(f"/broken/{kind}", timeout=1.0, read=read))
        for name, read in (("broken", "whole"), ("broken-pieces", "pieces"))
        for kind in ("reset", "reset-chunk")
    ],
    *[
        _scenario(f"broken-timeout{suffix}", Call("/slow/0?body=2", timeout=1.0, read=read))
        for suffix, read in (("", "whole"), ("-pieces", "pieces"))
    ],
    # what meets the end of its connection tornado passes on or not, by chance
    *_each(
        "broken-pieces",
        {
            "length": "/broken/length",
            "chunk": "/broken/chunk?pause=0.05",
            "size": "/broken/size",
        },
        read="pieces",
    ),
    # a client without "lenient" raises at the head, which only record_errors keeps
    _scenario("broken-headers", "/broken/headers", also=frozenset({"lenient"})),
    _scenario(
        "broken-headers-keep",
        Call("/broken/headers?keep", timeout=1.0),
        "/json",
        also=frozenset({"lenient"}),
    ),
    _scenario(
        "chunked-coding",
        Call("/chunked/3,4?coding=gzip", timeout=1.0),
        "/json",
        also=frozenset({"transfer codings"}),
    ),
    _scenario("interim", "/interim/100"),
    # an upgrade that is declined, and a body that isn't sent before it is asked for
    _scenario(
        "upgrade-declined",
        Call("/echo/upgrade", headers=_UPGRADE),
        Call("/echo/upgrade", "POST", _UPGRADE, body=b"{}"),
        "/json",
    ),
    _scenario(
        "expect",
        Call("/echo/expect", "POST", _EXPECT, body=b"when asked"),
        Call("/echo/expect", "PUT", _EXPECT, body=b"0123456789abcdef" * 500),
        "/json",
    ),
    _scenario(
        "expect-generator", Call("/echo/expect", "POST", _EXPECT, stream=(b"when", b"asked"))
    ),
    # TLS and proxies
    _scenario("tls", "/echo/tls", "/json", place="tls"),
    _scenario("tls-post", Call("/echo/tls", "POST", _JSON, body=b"{}"), "/sse/2", place="tls"),
    _scenario("tls-redirect", "/redirect/2?kind=host", place="tls", also=_REDIRECTED),
    _scenario("tls-unverified", "/echo/tls", place="tls", verify=False),
    _scenario(
        "proxy-http",
        "http://api.example.test/echo/far",
        "http://api.example.test/json",
        place="proxy",
    ),
    _scenario(
        "proxy-https",
        "https://api.example.test/echo/far",
        "https://api.example.test/json",
        place="proxy",
    ),
)
