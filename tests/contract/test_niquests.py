"""What is peculiar to niquests and urllib3-future."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import niquests
import niquests.extensions.revocation._ocsp._async
import pytest
from contract.awaiting import attempt, drive
from contract.crowd import in_asyncio, in_pool, in_threads, in_threads_with_loops, record_and_play
from contract.face import outcome
from contract.requests_alike import everything
from contract.tape import Memory, Tape, offline
from niquests.extensions.revocation import _crl, _ocsp
from niquests.packages import urllib3
from server import ROUTES, reply

from pytest_reqord.base.models import Failure, Headers, Interaction, Request, Response
from pytest_reqord.errors import CassetteMissError, UnsupportedClient
from pytest_reqord.interceptors import active, unsupported, urllib3_future

# without us, too, it leaves connections to a loop that has ended
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

KINDS = pytest.mark.parametrize("kind", ["sync", "async"])


@pytest.fixture(autouse=True)
def interceptor():
    urllib3_future.install()
    yield
    urllib3_future.uninstall()


@pytest.fixture
def place(place_of):
    return place_of("plain")


def ask(kind, url, *, session=None, method="GET", **options):
    """What is seen of one request: of its error where there is one."""
    session = session or {}
    options = {"timeout": 5, **options}
    if kind == "sync":
        with niquests.Session(**session) as client:
            return outcome(lambda: seen(client.request(method, url, **options)))

    async def ask_async():
        async with niquests.AsyncSession(**session) as client:
            return await attempt(lambda: later(client.request(method, url, **options)))

    async def later(response):
        return await everything(await response, is_read=True)

    return asyncio.run(ask_async())


def seen(response):
    return drive(everything(response, is_read=True))


def compare(action, reset=lambda: None, **settings):
    """The same three times: without us, while recording, on replay.

    :returns: what was seen, and the recording.
    """
    urllib3_future.uninstall()
    bare = action()
    reset()
    urllib3_future.install()
    tape = Tape(**settings)
    with tape.recording():
        recorded = action()
    with tape.playing(), offline() as tried:
        played = action()

    assert recorded == bare
    assert played == bare
    assert tried == []
    return bare, tape.interactions


# -- the seam ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["connect", "request"])
def test_put_back(name):
    """Uninstalling gives a connection its own methods back."""
    ours = getattr(urllib3.connection.HTTPConnection, name)

    urllib3_future.uninstall()

    assert getattr(urllib3.connection.HTTPConnection, name) is ours.__wrapped__


def test_undone_by_another_tool():
    """A seam that another tool's teardown undid is put back."""
    cls = urllib3.connection.HTTPConnection
    ours = cls.request
    cls.request = ours.__wrapped__

    urllib3_future.check()

    assert cls.request is ours


@pytest.mark.parametrize("name", ["connect", "request"])
def test_unknown_version(monkeypatch, name):
    """A version without the seam is refused by name at its first request under a cassette."""
    urllib3_future.uninstall()
    for cls in urllib3.connection.HTTPConnection.__mro__[:-1]:
        if name in vars(cls):
            monkeypatch.delattr(cls, name)

    assert not urllib3_future.install()
    try:
        for opened in (Tape().playing, Tape().recording):
            with (
                opened(),
                pytest.raises(UnsupportedClient, match=rf"^urllib3-future .*no {name}"),
            ):
                niquests.get("http://api.test/")
    finally:
        unsupported.uninstall()


@KINDS
def test_what_it_adds(monkeypatch, place, kind):
    """A file for VCR.py has the headers that urllib3-future was called with."""
    given = []

    def as_kept(_, interaction, client):
        given.append(interaction.request.headers.given(client))
        return interaction

    monkeypatch.setattr(Memory, "as_kept", as_kept)
    with Tape().recording():
        ask(kind, f"{place.url}/json", headers={"X-One": "1"})

    (headers,) = given
    assert "host" not in headers
    assert headers["X-One"] == "1"
    assert headers["User-Agent"].startswith("niquests/")


# -- what isn't the test's ---------------------------------------------------------------------


def test_revocation(monkeypatch, place):
    """What niquests asks others about a certificate goes by the cassette."""

    def verify():
        return niquests.get(f"{place.url}/json", timeout=5).status_code

    async def verify_async():
        return verify()

    urllib3_future.uninstall()
    for checks, function in ((_ocsp, verify), (_crl, verify), (_ocsp._async, verify_async)):
        monkeypatch.setattr(checks, "verify", function)
    urllib3_future.install()
    tape = Tape()

    with tape.recording():
        statuses = [_ocsp.verify(), _crl.verify(), asyncio.run(_ocsp._async.verify())]
    urllib3_future.uninstall()

    assert (statuses, tape.interactions) == ([200] * 3, [])


# -- errors ------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize(
    "path",
    [
        "/slow/1",
        "/slow/0?body=1",
        "/flaky/a/reset",
        "/flaky/a/close",
        "/broken/nothing",
        "/broken/status",
        "/broken/headers",
    ],
)
def test_errors(kind, path, place):
    """With ``record_errors``, what goes wrong after the request does so again."""
    bare, (one,) = compare(
        lambda: ask(kind, place.url + path, timeout=0.3), place.server.reset, record_errors=True
    )

    assert "raised" in bare
    assert (one.failure is None) == (path == "/slow/0?body=1")


@KINDS
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ["127.0.0.1:1", "nowhere.invalid"])
def test_no_connection(kind, scheme, host):
    """A connection that is refused is refused again, and a name that isn't found isn't found."""
    bare, (one,) = compare(
        lambda: ask(kind, f"{scheme}://{host}/x", method="POST", data=b"body"), record_errors=True
    )

    assert bare["raised"] == "niquests.exceptions.ConnectionError"
    assert one.request.body == b"body"


@pytest.mark.parametrize("path", ["/slow/1", "/slow/0?body=1", "/endless"])
def test_cancelled(path, place):
    """A request that was cancelled waits to be cancelled again; the next one is as ever."""

    async def run():
        async with niquests.AsyncSession() as client:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.get(place.url + path), 0.2)
            return (await client.get(f"{place.url}/body/after")).text

    bare, (one, _) = compare(lambda: asyncio.run(run()), place.server.reset, record_errors=True)

    assert bare == "after"
    assert (one.failure or one.response.broken).kind == "cancelled"


@KINDS
def test_certificate(kind, place_of):
    """A certificate that isn't trusted isn't trusted again."""
    url = f"{place_of('tls').url}/json"

    bare, (one,) = compare(lambda: ask(kind, url), record_errors=True)

    assert bare["raised"] == "niquests.exceptions.SSLError"
    assert one.failure.kind == "ssl.SSLCertVerificationError"


def test_handshake_timeout(place):
    """A TLS handshake that nobody answers times out again; asyncio's own takes a minute for it."""
    url = f"{place.url}/json".replace("http", "https")

    bare, _ = compare(lambda: ask("sync", url, timeout=0.3), record_errors=True)

    assert bare["raised"] == "niquests.exceptions.ReadTimeout"


@KINDS
def test_retries(kind, place):
    """A client's own retries get each its recorded answer, errors too."""
    url = f"{place.url}/flaky/r/close,503,200"
    retries = niquests.RetryConfiguration(3, status_forcelist=[503], backoff_factor=0)

    bare, recorded = compare(
        lambda: ask(kind, url, session={"retries": retries}), place.server.reset, record_errors=True
    )

    assert bare["status"] == 200
    assert len(recorded) == 3


@KINDS
def test_errors_unrecorded(kind, place):
    """Without it an error is no interaction."""
    tape = Tape()

    with tape.recording():
        ask(kind, f"{place.url}/flaky/x/close")
        ask(kind, "http://127.0.0.1:1/")

    assert tape.interactions == []


# -- play or live ------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("scheme", ["plain", "tls"])
@pytest.mark.parametrize("data", [b"body", "text", (b"one", b"two" * 40000)])
def test_new_episodes(kind, scheme, data, place_of):
    """What is recorded is played, what isn't goes live as it would without us, on one session."""
    place = place_of(scheme)

    def run(paths):
        async def all_of():
            async with niquests.AsyncSession() as client:
                client.verify = place.ca
                return [await client.post(place.url + path, data=body()) for path in paths]

        if kind == "async":
            return [each.json() for each in asyncio.run(all_of())]
        with niquests.Session() as client:
            client.verify = place.ca
            return [client.post(place.url + path, data=body()).json() for path in paths]

    def body():
        return data if isinstance(data, (bytes, str)) else iter(data)

    bare = run(["/echo/a", "/echo/b", "/echo/c"])
    tape = Tape()
    with tape.recording():
        run(["/echo/b"])
    place.server.reset()
    with tape.recording(play=True):
        assert run(["/echo/a", "/echo/b", "/echo/c"]) == bare
    assert [seen.path for seen in place.server.seen] == ["/echo/a", "/echo/c"]
    with tape.playing(), offline() as tried:
        assert run(["/echo/a", "/echo/b", "/echo/c"]) == bare
    assert tried == []


@KINDS
def test_new_episodes_without_a_server(kind, place):
    """Where all is recorded, nothing connects, though it might."""
    tape = Tape()
    with tape.recording():
        live = ask(kind, f"{place.url}/json")

    with tape.recording(play=True), offline() as tried:
        assert ask(kind, f"{place.url}/json") == live
    assert tried == []


@KINDS
def test_live_after_play(kind, place):
    """A session whose connections were only played goes live afterwards."""
    tape = Tape()
    with tape.recording():
        live = ask(kind, f"{place.url}/json")

    async def both_async():
        async with niquests.AsyncSession() as client:
            with tape.playing():
                played = await client.get(f"{place.url}/json")
            fresh = await client.get(f"{place.url}/json")
            return [await everything(each, is_read=True) for each in (played, fresh)]

    def both():
        with niquests.Session() as client:
            with tape.playing():
                played = client.get(f"{place.url}/json")
            return [seen(each) for each in (played, client.get(f"{place.url}/json"))]

    assert (both() if kind == "sync" else asyncio.run(both_async())) == [live, live]


@KINDS
def test_miss(kind, place):
    """A request that isn't recorded is a miss, and the network isn't touched."""
    with (
        Tape().playing(),
        offline() as tried,
        pytest.raises(CassetteMissError, match="GET http"),
    ):
        ask(kind, f"{place.url}/json")
    assert tried == []


@KINDS
@pytest.mark.parametrize(
    "options",
    [{"happy_eyeballs": True}, {"resolver": "doh+cloudflare://"}, {"disable_http1": True}],
    ids=str,
)
def test_nothing_is_looked_up(kind, options):
    """On replay no address is looked up, and no protocol negotiated, however a session does it."""
    url = "https://api.example.test/x"
    tape = Tape()
    tape.interactions.append(recording("GET", url, Response(200, "OK", Headers(), b"hello")))

    with tape.playing(), offline() as tried:
        assert ask(kind, url, session=options)["text"] == "hello"
    assert tried == []


def recording(method, uri, response):
    clock = Tape()._clock
    return Interaction(Request(method, uri, Headers(), b""), response, clock.now())


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (Failure("httpx.ConnectTimeout", "slow", {"connecting": "yes"}), "ConnectTimeout"),
        (Failure("httpx.ReadTimeout", "slow"), "ReadTimeout"),
        (Failure("httpx.ReadError", "lost"), "ConnectionError"),
        (Failure("http.client.BadStatusLine", "what", {"received": "x"}), "ConnectionError"),
        (Failure("unreachable", "not here"), "ConnectionError"),
    ],
)
@KINDS
def test_errors_of_others(kind, failure, error):
    """An error that another client recorded is the nearest one of niquests' own."""
    url = "http://api.example.test/x"
    tape = Tape()
    one = Interaction(
        Request("GET", url, Headers(), b""), None, Tape()._clock.now(), failure=failure
    )
    tape.interactions.append(one)

    with tape.playing():
        raised = ask(kind, url)["raised"]

    assert raised == f"niquests.exceptions.{error}"


# -- streams -----------------------------------------------------------------------------------


@KINDS
def test_trailers(kind, place):
    """Trailers come after the body."""
    bare, (one,) = compare(lambda: ask(kind, f"{place.url}/chunked/3,4?trailers"))

    assert one.response.trailers.pairs == (("X-Checksum", "abc"), ("X-Count", "2"))
    assert "x-checksum" in str(bare["raw"]).lower()


def test_early_response(place):
    """An interim response reaches its hook, but for its headers."""

    def run():
        early = []
        with niquests.Session() as client:
            client.hooks["early_response"].append(lambda given: early.append(given.status_code))
            client.get(f"{place.url}/interim/103", timeout=5)
        return early

    bare, (one,) = compare(run)

    assert bare == [103]
    assert one.response.interim == (103,)


@KINDS
@pytest.mark.parametrize("where", ["plain", "tls"])
def test_connection(kind, where, place_of, certificates):
    """A response says what its connection was, but for the certificates."""
    url = f"{place_of(where).url}/json"

    def told(response):
        info = response.conn_info
        return [
            info.http_version,
            info.destination_address,
            info.is_encrypted(),
            info.tls_version,
            info.tls_ech_accepted,
            type(info.cipher),
            *(type(getattr(info, name)) for name in dir(info) if name.endswith("_latency")),
        ]

    async def ask_async():
        async with niquests.AsyncSession() as client:
            return told(await client.get(url, verify=certificates))

    def run():
        return (
            asyncio.run(ask_async())
            if kind == "async"
            else told(niquests.get(url, verify=certificates))
        )

    bare, _ = compare(run)

    assert bare[1][0] == "127.0.0.1"
    assert bare[2] == (where == "tls")


def test_sse(place):
    """The events of a server, by its scheme for them, come one by one."""
    url = place.url.replace("http", "psse") + "/sse/3"

    def run():
        with niquests.get(url, timeout=5) as response:
            events = []
            while (event := response.extension.next_payload()) is not None:
                events.append((event.event, event.data))
            return response.status_code, events

    bare, _ = compare(run)

    assert len(bare[1]) == 3


def test_read_further_than_recorded(place):
    """A stream that was left early replays what was read, and says so when asked for more."""
    tape = Tape()
    with tape.recording(), niquests.get(f"{place.url}/sse/3?gate=g", stream=True) as response:
        first = next(response.iter_content(None))
        place.server.open_gate("g")

    with tape.playing(), niquests.get(f"{place.url}/sse/3?gate=g", stream=True) as response:
        pieces = response.iter_content(None)
        assert next(pieces) == first
        with pytest.raises(niquests.RequestException, match="the recording ends here"):
            next(pieces)


# -- websockets --------------------------------------------------------------------------------


async def upgrade(url):
    async with niquests.AsyncSession() as client:
        return (await client.get(url, headers={"Upgrade": "websocket"}, timeout=5)).status_code


@KINDS
@pytest.mark.parametrize("play", [False, True])
def test_websocket_while_recording(kind, play, place):
    """A WebSocket's handshake goes live where recording is allowed, and the user is told."""
    tape, told, url = Tape(), [], f"{place.url}/interim/101"
    active.observe_unsupported(lambda client, _: told.append(client))
    try:
        with tape.recording(play=play):
            if kind == "async":
                status = asyncio.run(upgrade(url))
            else:
                status = niquests.get(url, headers={"Upgrade": "websocket"}, timeout=5).status_code
    finally:
        active.observe_unsupported(None)

    assert (status, tape.interactions, told) == (101, [], ["urllib3-future's WebSocket"])
    assert len(place.server.seen) == 1


@KINDS
def test_websocket_on_replay(kind):
    """A WebSocket is refused where the network must not be touched."""
    with Tape().playing(), offline() as tried:
        refused = ask(kind, "ws://127.0.0.1:1/")

    assert refused["raised"] == "pytest_reqord.errors.UnsupportedClient"
    assert "WebSocket" in refused["text"]
    assert tried == []


# -- HTTP/2 ------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("path", ["/empty", "/pieces", "/"])
def test_http2(kind, path, http2, certificates):
    """HTTP/2 replays as HTTP/2."""
    bare, (one,) = compare(
        lambda: ask(kind, http2 + path, method="POST", data=b"body", verify=certificates)
    )

    assert bare["raw"][1:3] == [204 if path == "/empty" else 200, 20]
    assert (one.response.http_version, one.response.reason) == ("2", "")
    assert not any(name[0].isupper() for name, _ in one.request.headers.pairs)


def test_multiplexed(http2, certificates):
    """Responses of a multiplexed session are lazy, and come when they are gathered."""

    def run():
        with niquests.Session(multiplexed=True) as client:
            client.verify = certificates
            lazy = [client.post(f"{http2}/pieces?{n}", data=b"%d" % n) for n in range(5)]
            states = [each.lazy for each in lazy]
            client.gather()
            return states, [seen(each) for each in lazy]

    bare, recorded = compare(run)

    assert bare[0] == [True] * 5
    assert len(recorded) == 5


def test_multiplexed_async(http2, certificates):
    """The same with an async session, some gathered one by one."""

    async def run():
        async with niquests.AsyncSession(multiplexed=True) as client:
            client.verify = certificates
            lazy = [await client.post(f"{http2}/pieces?{n}", data=b"%d" % n) for n in range(5)]
            states = [each.lazy for each in lazy]
            await client.gather(lazy[3])
            await client.gather()
            return states, [await everything(each, is_read=True) for each in lazy]

    bare, _ = compare(lambda: asyncio.run(run()))

    assert bare[0] == [True] * 5


@KINDS
def test_http2_goes_live_late(kind, http2, certificates):
    """A request that was held goes live by HTTP/2's rules, a large body too."""
    body = b"0123456789abcdef" * 20000
    tape = Tape()

    with tape.recording(play=True):
        status = ask(kind, f"{http2}/pieces", method="POST", data=body, verify=certificates)

    assert status["raw"][1:3] == [200, 20]
    (one,) = tape.interactions
    assert (one.request.body, one.response.http_version) == (body, "2")
    assert "connection" not in one.request.headers


def test_threads(http2, certificates):
    """Many threads with one session, which share a connection."""

    def run():
        answers = {}
        with niquests.Session() as client:
            client.verify = certificates

            def post(number):
                response = client.post(f"{http2}/pieces?{number}", data=b"%d" % number)
                answers[number] = response.content, response.raw.version

            threads = [threading.Thread(target=post, args=[number]) for number in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        return answers

    bare, recorded = compare(run)

    assert len(bare) == len(recorded) == 8


# -- alternative services ----------------------------------------------------------------------


@pytest.fixture
def alternative(monkeypatch):
    """The path of answers that name another place for their service, where there is none."""

    def answer(_, __):
        yield reply(b"here", ("Alt-Svc", 'h3=":1"; ma=60, h2c=":1"'))

    monkeypatch.setitem(ROUTES, "alternative", answer)
    return "/alternative"


@KINDS
@pytest.mark.parametrize("scheme", ["plain", "tls"])
def test_alternative_service(kind, scheme, alternative, place_of):
    """A service that is said to be elsewhere, and isn't, is the same on replay."""
    place = place_of(scheme)
    url = f"{place.url}{alternative}"

    async def ask_async():
        async with niquests.AsyncSession() as client:
            answers = [await client.get(url, verify=place.ca, timeout=5) for _ in range(3)]
        return [(each.url, each.headers, each.content) for each in answers]

    def run():
        if kind == "async":
            return asyncio.run(ask_async())
        with niquests.Session() as client:
            answers = [client.get(url, verify=place.ca, timeout=5) for _ in range(3)]
        return [(each.url, each.headers, each.content) for each in answers]

    _, recorded = compare(run)

    assert {one.request.uri for one in recorded} == {url}


@contextmanager
def with_threads(url):
    with niquests.Session(pool_maxsize=50) as session:
        yield lambda body: session.post(url, data=body).content


@asynccontextmanager
async def with_tasks(url):
    async with niquests.AsyncSession(pool_maxsize=200) as session:

        async def post(body):
            return (await session.post(url, data=body)).content

        yield post


@pytest.mark.parametrize(
    ("way", "client", "number"),
    [
        (in_pool, with_threads, 50),
        (in_threads, with_threads, 50),
        (in_asyncio, with_tasks, 200),
        (in_threads_with_loops, with_tasks, 50),
    ],
)
def test_many_at_once(place, tmp_path, way, client, number):
    """Every request is recorded once, in order of its start; in any order all get their own."""
    record_and_play(place, tmp_path, number, partial(way, client, f"{place.url}/shuffle"))
