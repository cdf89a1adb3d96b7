"""http.client and urllib.request."""

from __future__ import annotations

import base64
import functools
import http.client
import http.cookiejar
import io
import select
import socket
import ssl
import urllib.request
import xmlrpc.client
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from contract.face import Face, Place, outcome, visible
from contract.proxied import from_environment

if TYPE_CHECKING:
    from contract.scenarios import Call, Scenario


def context_of(scenario: Scenario, place: Place) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=place.ca)
    if not scenario.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def all_calls(scenario: Scenario, one: functools.partial[object]) -> object:
    if scenario.is_parallel:
        with ThreadPoolExecutor(len(scenario.calls)) as pool:
            return list(pool.map(one, scenario.calls))
    return [one(each) for each in scenario.calls]


def headers_of(given: Call) -> dict[str, str]:
    headers = dict(given.headers)
    if given.auth:
        headers["Authorization"] = "Basic " + base64.b64encode(b"ada:engine").decode()
    return headers


def body_of(given: Call, headers: dict[str, str]) -> object:
    if given.form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return urlencode(given.form).encode()
    return iter(given.stream) if given.stream is not None else given.body


# -- http.client -------------------------------------------------------------------------------


def run_http_client(scenario: Scenario, place: Place) -> object:
    if scenario.is_parallel:
        alone = functools.partial(on_a_connection_of_its_own, scenario, place)
        return all_calls(scenario, alone)
    connection = connect(scenario, place)
    try:
        return all_calls(scenario, functools.partial(call_http_client, connection, place))
    finally:
        connection.close()


def on_a_connection_of_its_own(scenario: Scenario, place: Place, given: Call) -> object:
    connection = connect(scenario, place)
    try:
        return call_http_client(connection, place, given)
    finally:
        connection.close()


def connect(scenario: Scenario, place: Place) -> http.client.HTTPConnection:
    far = urlsplit(scenario.calls[0].path)
    timeout = scenario.calls[0].timeout
    near = urlsplit(place.url)
    host = (place.proxy and urlsplit(place.proxy).netloc) or near.netloc
    if scenario.place == "tls" or far.scheme == "https":
        context = context_of(scenario, place)
        connection = http.client.HTTPSConnection(host, timeout=timeout, context=context)
        if place.proxy:
            connection.set_tunnel(far.netloc)
        return connection
    return http.client.HTTPConnection(host, timeout=timeout)


def call_http_client(connection: http.client.HTTPConnection, place: Place, given: Call) -> object:
    def send() -> object:
        headers = headers_of(given)
        body = body_of(given, headers)
        url = place.to(given)
        is_plain = place.proxy and not url.startswith("https:")
        target = url if is_plain else url[url.index("/", 8) :]
        connection.request(given.method, target, body, headers)
        response = connection.getresponse()
        with response:
            seen = everything(response, outcome(lambda: read(response, given, place)))
            if given.read in ("partial", "none"):  # the rest is still on the connection
                connection.close()
            return {**seen, "more": outcome(response.read) if given.read != "partial" else None}

    seen = outcome(send)
    if isinstance(seen, dict) and "raised" in seen:
        connection.close()
    return [seen, connection.sock is None]


def everything(response: http.client.HTTPResponse, body: object) -> dict[str, object]:
    return {
        "body": body,
        "type": type(response).__qualname__,
        "status": response.status,
        "reason": response.reason,
        "version": response.version,
        "headers": response.getheaders(),
        "message": str(response.headers),
        "defects": visible(response.headers.defects),
        "code": response.getcode(),
        "url": getattr(response, "url", None),
        "chunked": response.chunked,
        "length": response.length,
        "will close": response.will_close,
        "closed": [response.closed, response.isclosed()],
    }


def read(response: http.client.HTTPResponse, given: Call, place: Place) -> object:
    return {
        "whole": response.read,
        "pieces": lambda: list(iter(lambda: response.read1(1 << 16), b"")),
        "gated": lambda: gated(response, place),
        "sized": lambda: list(iter(lambda: response.read(7), b"")),
        "lines": lambda: list(response),
        "raw": lambda: [response.peek(5)[:5], into(response, 11), response.read()],
        "partial": lambda: response.read(5),
        "none": response.close,
        "twice": lambda: [response.read(), response.read()],
    }[given.read]()


def into(response: http.client.HTTPResponse, size: int) -> bytes:
    buffer = bytearray(size)
    return bytes(buffer[: response.readinto(buffer)])


def gated(response: http.client.HTTPResponse, place: Place) -> list[bytes]:
    pieces = []
    while piece := response.read1(1 << 16):
        pieces.append(piece)
        place.server.open_gate("g")
    return pieces


def own_uploads(place: Place) -> object:
    """Every kind of body that ``request`` takes, and the steps of a request one by one."""
    connection = http.client.HTTPConnection(urlsplit(place.url).netloc)
    bodies = (
        lambda: io.BytesIO(b"from a file"),
        lambda: io.StringIO("caf\xe9 text"),
        lambda: "caf\xe9",
        lambda: bytearray(b"array"),
        lambda: memoryview(b"view"),
        lambda: [b"a", b"list"],
        lambda: (part for part in (b"gene", b"rator")),
    )
    seen = []
    for body in bodies:
        connection.request("POST", "/echo", body())
        seen.append(connection.getresponse().read())
    connection.putrequest("POST", "/echo", skip_accept_encoding=True)
    connection.putheader("Content-Length", "9")
    connection.endheaders()
    connection.send(b"in two ")
    connection.send(b"ps")
    seen.append(connection.getresponse().read())
    connection.close()
    return seen


def own_socket(place: Place) -> object:
    """What a connection's socket says of itself, and what is set on it."""
    connection = http.client.HTTPConnection(urlsplit(place.url).netloc, timeout=3)
    connection.connect()
    connection.sock.settimeout(2)
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.request("GET", "/json")
    response = connection.getresponse()
    seen = [connection.sock.gettimeout(), hasattr(connection.sock, "cipher"), response.read()]
    connection.sock.shutdown(socket.SHUT_WR)
    connection.close()
    return seen


def switched(place: Place) -> tuple[http.client.HTTPConnection, list[object]]:
    """A connection that was upgraded, and what its response shows."""
    connection = http.client.HTTPConnection(urlsplit(place.url).netloc, timeout=5)
    headers = {"Connection": "Upgrade", "Upgrade": "tcp"}
    connection.request("POST", "/switch", b"{}", headers)
    response = connection.getresponse()
    seen = [response.status, response.getheaders(), response.isclosed(), response.will_close]
    return connection, [response, seen]


def own_switch(place: Place) -> object:
    """What follows a 101, read from the response's file; the server ends it."""
    connection, (response, seen) = switched(place)
    seen.append(response.fp.readline())
    for line in (b"one\n", b"two\n", b"bye\n"):
        connection.sock.sendall(line)
        seen.append(response.fp.readline())
    seen.append(response.fp.read())
    connection.close()
    return seen


def own_switch_socket(place: Place) -> object:
    """The same over the bare socket, whoever waits for it; the client ends it."""
    connection, (response, seen) = switched(place)
    sock = connection.sock
    seen += [response.fp.readline(), response.read(), response.isclosed()]
    seen += [isinstance(sock, socket.socket), sock.gettimeout(), sock.type]
    for line in (b"one\n", b"two\n"):
        seen += [sock.send(line), is_readable(sock), sock.recv(100)]
    sock.sendall(b"three\n")
    buffer = bytearray(10)
    seen += [is_readable(sock), sock.recv_into(buffer), bytes(buffer)]
    with sock.makefile("rwb") as file:
        file.write(b"four\n")
        file.flush()
        seen.append(file.readline())
    sock.shutdown(socket.SHUT_RDWR)
    connection.close()
    return seen


def own_switch_raw(place: Place) -> object:
    """The same as docker's client reads it: from the unbuffered file below the response."""
    connection, (response, seen) = switched(place)
    raw = response.fp.raw
    seen += [response.fp.readline(), isinstance(raw, socket.SocketIO), raw.mode]
    for line in (b"one\n", b"two\n"):
        raw._sock.sendall(line)
        seen += [is_readable(raw), raw.read(2), raw.read(100)]
    raw._sock.sendall(b"bye\n")
    seen.append(b"".join(iter(lambda: is_readable(raw) and raw.read(3), b"")))
    connection.close()
    return seen


def is_readable(file: object) -> bool:
    poller = select.poll()
    poller.register(file, select.POLLIN)
    return bool(poller.poll(5000))


def own_trailers(place: Place) -> object:
    """Chunked requests that end in trailers, in one piece and in many, also behind ``Expect``."""
    connection = http.client.HTTPConnection(urlsplit(place.url).netloc, timeout=5)
    seen = []
    for pieces in (
        (b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n",),
        (b"5\r\nhel", b"lo\r\n0\r\n", b"X-Sum: 1\r\n", b"\r\n"),
        (b"3;name=value\r\n0\r\n\r\n", b"0\r\n\r\n"),
    ):
        for headers in ({}, {"Expect": "100-continue"}):
            connection.putrequest("POST", "/echo")
            for name, value in {"Transfer-Encoding": "chunked", **headers}.items():
                connection.putheader(name, value)
            connection.endheaders()
            for piece in pieces:
                connection.send(piece)
            seen.append(connection.getresponse().read())
    connection.close()
    return seen


def own_misuse(place: Place) -> object:
    """The errors of using a connection in the wrong order."""
    connection = http.client.HTTPConnection(urlsplit(place.url).netloc)
    seen = [outcome(connection.getresponse)]
    connection.request("GET", "/json")
    seen.append(outcome(lambda: connection.request("GET", "/json")))
    seen.append(connection.getresponse().read())
    connection.close()
    return seen


def own_debug(place: Place) -> object:
    """A response that is put away unread; the connection is closed under it."""
    connection = http.client.HTTPConnection(urlsplit(place.url).netloc)
    connection.request("GET", "/old")
    response = connection.getresponse()
    connection.close()
    return [response.read(), response.isclosed()]


# -- urllib.request ----------------------------------------------------------------------------


def run_urllib(scenario: Scenario, place: Place) -> object:
    jar = http.cookiejar.CookieJar()
    proxies = {"http": place.proxy, "https": place.proxy} if place.proxy else {}
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    handlers = [
        urllib.request.ProxyHandler(proxies),
        urllib.request.HTTPCookieProcessor(jar),
        urllib.request.HTTPSHandler(context=context_of(scenario, place)),
        urllib.request.HTTPBasicAuthHandler(passwords),
        urllib.request.HTTPDigestAuthHandler(passwords),
    ]
    if any(not given.redirects for given in scenario.calls):
        handlers.append(NoRedirects())
    if any(given.auth for given in scenario.calls):
        passwords.add_password(None, place.url, "ada", "engine")
    opener = urllib.request.build_opener(*handlers)
    one = functools.partial(call_urllib, opener, jar, place)
    return all_calls(scenario, one)


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def call_urllib(
    opener: urllib.request.OpenerDirector,
    jar: http.cookiejar.CookieJar,
    place: Place,
    given: Call,
) -> object:
    def send() -> object:
        headers = dict(given.headers)
        body = body_of(given, headers)
        request = urllib.request.Request(place.to(given), body, headers, method=given.method)
        try:
            response = opener.open(request, timeout=given.timeout)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            seen = outcome(lambda: read(response, given, place))
            return {
                "cookies": sorted(repr(cookie) for cookie in jar),
                "sent": [request.header_items(), request.full_url],
                "error": str(response) if isinstance(response, Exception) else "",
                "body": seen,
                "url": response.geturl(),
                "status": response.status,
                "info": str(response.info()),
                "more": outcome(response.read) if given.read != "partial" else None,
            }

    return outcome(send)


def own_xmlrpc(place: Place) -> object:
    """xmlrpc.client, to a server that doesn't speak it."""
    with xmlrpc.client.ServerProxy(f"{place.url}/json") as proxy:
        return outcome(lambda: proxy.add(1, 2))


def own_environment(place: Place) -> object:
    """Proxies that the environment names, and what it says not to use them for."""
    context = ssl.create_default_context(cafile=place.ca)
    seen = []
    with from_environment(place) as urls:
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        for url in urls:
            with opener.open(url, timeout=5) as response:
                seen.append([response.geturl(), response.status, response.read()])
    return seen


_NOT_HERE = {"retries", "multipart"}

FACES = (
    Face(
        "http.client",
        "http_client",
        run_http_client,
        lacks=frozenset(_NOT_HERE | {"redirects", "cookies", "digest"}),
        own={
            "uploads": own_uploads,
            "socket": own_socket,
            "misuse": own_misuse,
            "closed-under-it": own_debug,
            "switch": own_switch,
            "switch-socket": own_switch_socket,
            "switch-raw": own_switch_raw,
            "trailers": own_trailers,
        },
    ),
    Face(
        "urllib.request",
        "http_client",
        run_urllib,
        lacks=frozenset(_NOT_HERE),
        own={"xmlrpc": own_xmlrpc, "environment": own_environment},
        own_places={"environment": "proxy"},
        masks=((r'cnonce="\w+"|response="\w+"', "DIGEST"), (r"expires=\d{6,}", "expires=LATER")),
    ),
)
