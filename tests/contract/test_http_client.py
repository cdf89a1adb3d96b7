"""What is peculiar to http.client and what is built on it."""

from __future__ import annotations

import gc
import http.client
import socket
import ssl
import time
import urllib.error
import urllib.request
from contextlib import closing

import pytest
import pytest_socket
import requests
import urllib3
from contract.face import outcome
from contract.faces.botocore_client import client as aws
from contract.tape import Tape, offline
from server import running

from pytest_reqord.errors import CassetteClosed, CassetteMissError, UnsupportedClient
from pytest_reqord.interceptors import active, http_client


@pytest.fixture(autouse=True)
def installed():
    http_client.install()
    yield
    http_client.uninstall()


@pytest.fixture(scope="module")
def server(servers):
    return servers["plain"]


@pytest.fixture(autouse=True)
def fresh(server):
    server.reset()


class TestConnections:
    """When a real connection is made, and which."""

    def test_warm_pool(self, server):
        """A connection that was open before the cassette is recorded, and plays."""
        with requests.Session() as session:
            session.get(f"{server.url}/connection/keep")
            tape = Tape()
            with tape.recording():
                live = session.get(f"{server.url}/connection/keep").text
            assert [seen.connection for seen in server.seen] == [0, 0]
            with tape.playing(), offline():
                played = session.get(f"{server.url}/connection/keep").text
            assert len(server.seen) == 2

            assert played == live

    def test_used_after_the_cassette(self, server):
        """A connection that was only played connects when it is needed live."""
        tape = Tape()
        with requests.Session() as session, tape.recording():
            session.get(f"{server.url}/json")
        with requests.Session() as session:
            with tape.playing():
                session.get(f"{server.url}/json")
            assert session.get(f"{server.url}/body/live").text == "live"

    @pytest.mark.parametrize("is_warm", [True, False])
    def test_new_episodes(self, server, is_warm):
        """What is recorded plays, what isn't goes live, over one pooled connection."""
        tape = Tape()
        with requests.Session() as session:
            with tape.recording():
                session.get(f"{server.url}/body/old")
            server.reset()
            if is_warm:
                session.get(f"{server.url}/body/warm")
            with tape.recording(play=True) as cassette:
                texts = [
                    session.get(f"{server.url}/body/{name}").text
                    for name in ("new", "old", "newer")
                ]
            assert texts == ["new", "old", "newer"]
            assert (cassette.play_count, cassette.recorded_count) == (1, 2)
            assert len({seen.connection for seen in server.seen}) == 1

    def test_stale_connection(self, server):
        """A connection that the server closed meanwhile is opened anew, not used and lost."""
        tape = Tape()
        with requests.Session() as session:
            with tape.recording():
                session.get(f"{server.url}/body/old")
            with tape.recording(play=True):
                session.get(f"{server.url}/body/new")
                assert session.get(f"{server.url}/body/old").text == "old"
                server.drop_connections()
                time.sleep(0.1)

                assert session.get(f"{server.url}/body/newer").text == "newer"

    def test_peer(self, server):
        """A played connection knows whom it would have talked to."""

        def peer() -> object:
            connection = http.client.HTTPConnection("127.0.0.1", server.port)
            connection.request("GET", "/json")
            seen = connection.sock.getpeername()
            connection.getresponse().read()
            connection.close()
            return seen

        tape = Tape()
        with tape.recording():
            live = peer()
        with tape.playing(), offline():
            assert peer() == live

    def test_connects_at_once_where_all_goes_live(self, server):
        """While only recording, ``connect`` is the client's own and at its own time."""
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        with Tape().recording():
            connection.connect()

            assert isinstance(connection.sock, socket.socket)
        connection.close()

    def test_own_connect(self, server):
        """A subclass with a ``connect`` of its own is recorded, and needs none to play."""
        connected = []

        class Own(http.client.HTTPConnection):
            def connect(self):
                connected.append(self.host)
                self.sock = socket.create_connection(("127.0.0.1", server.port))

        def get() -> bytes:
            connection = Own("service.test")
            connection.request("GET", "/json")
            body = connection.getresponse().read()
            connection.close()
            return body

        tape = Tape()
        with tape.recording():
            live = get()
        with tape.playing(), offline():
            assert get() == live
        assert connected == ["service.test"]
        assert tape.interactions[0].request.uri == "http://service.test/json"

    def test_class_made_later(self, server):
        """A class that is made while we are there, too, connects only where it goes live."""
        http_client.install()

        class Between(http.client.HTTPConnection):
            pass

        class Own(Between):
            def connect(self):
                super().connect()

        def get() -> bytes:
            connection = Own("127.0.0.1", server.port)
            connection.connect()
            connection.request("GET", "/json")
            body = connection.getresponse().read()
            connection.close()
            return body

        tape = Tape()
        with tape.recording():
            live = get()
        with tape.playing(), offline() as tried:
            assert get() == live
        assert (len(tape.interactions), tried) == (1, [])
        assert len(server.seen) == 1

    def test_vendored(self, servers, certificates):
        """A copy of urllib3 in another package makes no connection to play over, with TLS neither."""
        requests = pytest.importorskip("pip._vendor.requests")
        tape, url = Tape(), servers["tls"].url
        with tape.recording():
            live = requests.get(f"{url}/json", verify=certificates).json()
        with tape.playing(), offline() as tried:
            assert requests.get(f"{url}/json", verify=certificates).json() == live
        assert (len(tape.interactions), tried) == (1, [])

    def test_no_sockets(self, server):
        """A replay makes no socket, so a test that forbids them can have a cassette."""
        tape = Tape()
        with tape.recording():
            live = requests.get(f"{server.url}/json", timeout=5).json()
        with tape.playing():
            pytest_socket.disable_socket()
            try:
                played = requests.get(f"{server.url}/json", timeout=5).json()
            finally:
                pytest_socket.enable_socket()

        assert played == live

    def test_ignored_host(self, server):
        """A host that is ignored is neither recorded nor played, and its socket is its own."""
        tape = Tape(ignore_localhost=True)
        with tape.playing():
            connection = http.client.HTTPConnection("127.0.0.1", server.port)
            connection.request("GET", "/json")
            assert connection.getresponse().status == 200
            assert isinstance(connection.sock, socket.socket)
            connection.close()

        assert tape.interactions == []

    @pytest.mark.parametrize("is_warm", [False, True])
    def test_ignored_host_with_a_body(self, server, is_warm):
        """A body reaches an ignored host, over a new connection and one that is in use."""
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        with Tape(ignore_localhost=True).recording() as cassette:
            if is_warm:
                connection.request("GET", "/json")
                connection.getresponse().read()
            for body in ([b"one"], [b"t", b"wo"]):
                connection.request("POST", "/shuffle", body)
                assert connection.getresponse().read() == b"".join(body)
            assert isinstance(connection.sock, socket.socket)
        connection.close()

        assert cassette.recorded_count == 0

    def test_ignored_proxy(self, servers):
        """It is the host that is asked that counts, and not the proxy on the way to it."""
        proxy = {"http": servers["proxy"].url}
        tape = Tape(ignore_localhost=True)

        def post() -> str:
            url = "http://api.example.test/shuffle"
            return requests.post(url, b"body", proxies=proxy, timeout=5).text

        with tape.recording():
            live = post()
        with tape.playing(), offline():
            assert post() == live

    def test_cassette_opens_under_way(self, server):
        """A request whose head is out when the cassette opens goes on, and isn't recorded."""
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        connection.putrequest("POST", "/shuffle")
        connection.putheader("Content-Length", "4")
        connection.endheaders()
        with Tape().recording() as cassette:
            connection.send(b"body")
            assert connection.getresponse().read() == b"body"
        connection.close()

        assert cassette.recorded_count == 0

    def test_cassette_closes_under_way(self, server):
        """A request that isn't complete when the cassette closes goes on, and isn't recorded."""
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        tape = Tape()
        with tape.recording():
            connection.putrequest("POST", "/shuffle")
            connection.putheader("Transfer-Encoding", "chunked")
            connection.putheader("Expect", "100-continue")
            connection.endheaders()
            connection.send(b"4\r\nbo")
        connection.send(b"dy\r\n0\r\n\r\n")
        assert connection.getresponse().read() == b"body"
        connection.request("GET", "/json")
        assert isinstance(connection.sock, socket.socket)
        connection.getresponse().read()
        connection.close()

        assert tape.interactions == []


class TestRefusals:
    """What is not let through."""

    def test_miss(self, server):
        """A miss passes through the client's own handling of errors, retries included."""
        with Tape().playing() as cassette, offline(), pytest.raises(CassetteMissError):
            urllib3.PoolManager().request("GET", f"{server.url}/json", retries=3)

        assert len(cassette.misses) == 1

    def test_miss_of_a_held_body(self, server):
        """A miss of a request whose body never became complete is raised while reading."""
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        with Tape().playing(), offline():
            connection.putrequest("POST", "/json")
            connection.putheader("Content-Length", "10")
            connection.endheaders(b"half")
            with pytest.raises(CassetteMissError):
                connection.getresponse()
        connection.close()

    def test_after_the_end(self, server):
        """A request is refused once its cassette is closed, though the pool is warm."""
        with requests.Session() as session:
            with Tape().recording() as cassette:
                session.get(f"{server.url}/json")
            opened = active.open_test(cassette)
            try:
                with pytest.raises(CassetteClosed):
                    session.get(f"{server.url}/json")
            finally:
                active.close(opened)

        assert len(server.seen) == 1

    def test_http2(self):
        """urllib3's HTTP/2 goes past the wire, so it is refused."""
        http2 = pytest.importorskip("urllib3.http2.connection")  # urllib3 2 has it
        http_client.install()
        connection = http2.HTTP2Connection("localhost")
        with Tape().playing():
            with pytest.raises(UnsupportedClient, match="HTTP/2 can't be recorded"):
                connection.connect()
            with pytest.raises(UnsupportedClient, match="HTTP/2 can't be recorded"):
                connection.putrequest("GET", "/")


class TestEnds:
    """When a response has ended, so that it is recorded."""

    @pytest.mark.parametrize("path", ["/json", "/empty/204"])
    def test_never_read(self, server, path):
        """A response that nobody reads is recorded when the cassette closes."""
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        tape = Tape()
        with tape.recording() as cassette:
            connection.request("GET", path)
            response = connection.getresponse()
            assert cassette.recorded_count == 0
        response.close()
        connection.close()

        assert [each.response.complete for each in tape.interactions] == [True]

    def test_forgotten(self, server):
        """A response that nobody refers to any more is recorded then."""
        with Tape().recording() as cassette:
            response = urllib.request.urlopen(f"{server.url}/old")
            assert cassette.recorded_count == 0
            del response
            gc.collect()

            assert cassette.recorded_count == 1

    def test_closed_early(self, server):
        """What was read of an endless body is kept, and asking for more says so."""
        tape = Tape()
        url = f"{server.url}/endless"
        with tape.recording(), requests.get(url, stream=True, timeout=5) as live:
            first = next(live.iter_content(None))
        with tape.playing(), offline(), requests.get(url, stream=True, timeout=5) as played:
            pieces = played.iter_content(None)
            assert next(pieces) == first
            with pytest.raises(requests.RequestException, match="the recording ends here"):
                list(pieces)
        assert tape.interactions[0].response.complete is False

    def test_request_without_an_answer(self, server):
        """A request that got no answer is no interaction."""
        tape = Tape()
        with tape.recording(), pytest.raises(http.client.RemoteDisconnected):
            urllib.request.urlopen(f"{server.url}/broken/nothing")

        assert tape.interactions == []


class TestWhatIsKept:
    """The values that a recording has."""

    def test_request(self, server):
        """A request is kept as it was sent, less the framing of its body."""
        tape = Tape()
        with tape.recording():
            requests.post(
                f"{server.url}/json?b=2&a=%20",
                data=iter([b"one", b"100\r\n"]),
                headers={"X-cAsE": "caf\xe9".encode("latin-1")},
                timeout=5,
            )

        request = tape.interactions[0].request
        assert (request.method, request.uri) == ("POST", f"{server.url}/json?b=2&a=%20")
        assert request.body == b"one100\r\n"
        assert ("X-cAsE", "caf\xe9") in request.headers.pairs
        assert request.headers["transfer-encoding"] == "chunked"

    def test_chunk_that_ends_like_a_body(self, server):
        """A chunk whose bytes end as chunked bodies do doesn't end the request."""
        tape = Tape()

        def post() -> str:
            parts = iter([b"100\r\n", b"0\r\n", b"and more"])
            return requests.post(f"{server.url}/shuffle", data=parts, timeout=5).text

        with tape.recording():
            live = post()
        with tape.playing() as cassette, offline():
            assert post() == live
            assert cassette.drifts == ()

    def test_arrivals(self, server):
        """A stream keeps when its parts came, and where they start."""
        tape = Tape()
        with tape.recording():
            requests.get(f"{server.url}/sse/3?pause=0.06", timeout=5)

        response = tape.interactions[0].response
        event = len('event: tick\ndata: {"n": 0}\n\n')
        offsets = [arrival.offset for arrival in response.arrivals]
        assert offsets[-2:] == [event, 2 * event]
        assert response.chunks == (event,) * 3
        assert response.arrivals[-1].time - response.arrivals[-2].time > 0.03

    def test_virtual_host(self, server):
        """The URI is the one that was asked for, whatever the Host header says."""
        tape = Tape()
        with tape.recording():
            requests.get(f"{server.url}/json", headers={"Host": "api.test"}, timeout=5)

        assert tape.interactions[0].request.uri == f"{server.url}/json"


class TestExpect:
    """botocore asks before it sends a body, and waits a second for an answer."""

    def test_replay_does_not_wait(self, server, place_of):
        """A replay answers at once, and the body is sent and matched."""
        place = place_of("plain")
        tape = Tape()

        def put() -> None:
            with closing(aws(place, "s3")) as s3:
                s3.put_object(Bucket="empty", Key="200", Body=b"payload")

        with tape.recording():
            put()
        assert "100-continue" in server.seen[0].header("expect")
        assert b"payload" in tape.interactions[0].request.body
        assert tape.interactions[0].response.interim == (100,)
        with tape.playing() as cassette, offline():
            put()
            assert cassette.drifts == ()

    def test_refused(self, place_of):
        """A final answer in place of the 100 is the response, and the body stays here."""
        place = place_of("plain")
        tape = Tape()

        def put() -> object:
            with closing(aws(place, "s3")) as s3:
                unwanted = {"Bucket": "echo", "Key": "refused", "Body": b"unwanted"}
                return outcome(lambda: s3.put_object(**unwanted))

        with tape.recording():
            live = put()
        assert tape.interactions[0].response.status == 417
        assert tape.interactions[0].request.body == b""
        with tape.playing(), offline():
            assert put() == live


class TestSeams:
    """Where the interceptor stands, and that it goes."""

    def test_uninstall(self):
        """What was there before is there again."""
        ours = http.client.HTTPConnection.endheaders
        http_client.uninstall()

        assert http.client.HTTPConnection.endheaders is not ours
        assert not hasattr(http.client.HTTPConnection.endheaders, "__wrapped__")

    def test_install_twice(self):
        """Installing again changes nothing."""
        ours = http.client.HTTPConnection.endheaders
        http_client.install()

        assert http.client.HTTPConnection.endheaders is ours

    def test_check_after_a_teardown(self):
        """A seam that another tool put back is taken again."""
        ours = http.client.HTTPConnection.endheaders
        http.client.HTTPConnection.endheaders = ours.__wrapped__
        http_client.check()

        assert http.client.HTTPConnection.endheaders is ours

    def test_check_leaves_a_mock(self, monkeypatch):
        """What a mock has put there stays."""
        monkeypatch.setattr(http.client.HTTPConnection, "endheaders", mock := lambda *_: None)
        http_client.check()

        assert http.client.HTTPConnection.endheaders is mock
        monkeypatch.undo()


def refused() -> str:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        return f"http://127.0.0.1:{gone.getsockname()[1]}/x"


def get_http_client(url: str) -> bytes:
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    is_tls = scheme == "https"
    connect = http.client.HTTPSConnection if is_tls else http.client.HTTPConnection
    connection = connect(host, timeout=0.15)
    try:
        connection.request("GET", f"/{path}")
        return connection.getresponse().read()
    finally:
        connection.close()


IS_OLD = urllib3.__version__.startswith("1.")
CLIENTS = {
    "http.client": get_http_client,
    "urllib.request": lambda url: urllib.request.urlopen(url, timeout=0.15).read(),
    "urllib3": lambda url: urllib3.PoolManager().request("GET", url, timeout=0.15, retries=False),
    "requests": lambda url: requests.get(url, timeout=0.15),
    "requests-post": lambda url: requests.post(url, data=b"body", timeout=0.15),
}


def by_urllib(proxy, url):
    handler = urllib.request.ProxyHandler({"http": proxy, "https": proxy})
    return urllib.request.build_opener(handler).open(url, timeout=5)


def by_urllib3(proxy, url):
    with urllib3.ProxyManager(proxy, retries=False) as pools:
        return pools.request("GET", url)


def by_requests(proxy, url):
    return requests.get(url, proxies={"http": proxy, "https": proxy}, timeout=5)


class TestErrors:
    """With ``record_errors``, a replay fails as the recording did."""

    @pytest.mark.parametrize("client", CLIENTS)
    @pytest.mark.parametrize(
        "path",
        [
            "/slow/0.4",
            "/slow/0?body=0.4",
            "/flaky/a/reset",
            "/broken/nothing",
            "/broken/status",
            "/broken/line",
        ],
    )
    def test_after_the_request(self, server, client, path):
        """An error while the response is awaited or read comes back with all its causes."""
        self.compare(CLIENTS[client], f"{server.url}{path}", server.reset)

    @pytest.mark.parametrize("client", CLIENTS)
    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_refused_connection(self, client, scheme):
        """A connection that is refused is refused again."""
        self.compare(CLIENTS[client], refused().replace("http", scheme))

    @pytest.mark.parametrize("client", CLIENTS)
    def test_unknown_host(self, client):
        """A name that isn't found isn't found again."""
        self.compare(CLIENTS[client], "http://nowhere.invalid/x")

    @pytest.mark.parametrize("client", CLIENTS)
    def test_certificate(self, servers, client):
        """A certificate that isn't trusted isn't trusted again."""
        self.compare(CLIENTS[client], f"{servers['tls'].url}/json")

    @pytest.mark.parametrize(
        "options",
        [
            {"ca_certs": True, "assert_hostname": "other.example"},
            {"cert_reqs": "CERT_NONE", "assert_fingerprint": "00" * 32},
        ],
        ids=["name", "fingerprint"],
    )
    def test_other_certificate(self, servers, certificates, options):
        """What urllib3 itself says of a certificate's name and fingerprint it says again."""
        if "ca_certs" in options:
            options = {**options, "ca_certs": certificates}

        def get(url):
            with urllib3.PoolManager(retries=False, **options) as pools:
                return pools.request("GET", url)

        self.compare(get, f"{servers['tls'].url}/json")

    @pytest.mark.parametrize("get", [by_urllib, by_urllib3, by_requests])
    @pytest.mark.parametrize(
        "url",
        ["https://refused.example.test/", "https://closed.example.test/", "http://any/", ""],
        ids=["refused", "closed", "down", "down-tls"],
    )
    # without us, too: before Python 3.12 http.client forgets the socket of a tunnel that it hasn't
    @pytest.mark.filterwarnings("ignore::ResourceWarning")
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_proxy(self, servers, get, url):
        """A proxy that refuses a tunnel, closes, or isn't there does so again."""
        proxy = servers["proxy"].url if url.startswith("https") else refused()
        self.compare(lambda asked: get(proxy, asked), url or "https://any/")

    @pytest.mark.skipif(IS_OLD, reason="urllib3 1.26 has one more link in the chain of causes")
    @pytest.mark.parametrize("client", CLIENTS)
    def test_handshake_timeout(self, server, client):
        """A TLS handshake that nobody answers times out again."""
        self.compare(CLIENTS[client], f"{server.url}/json".replace("http", "https"))

    def compare(self, get, url, reset=lambda: None):
        http_client.uninstall()
        bare = outcome(lambda: get(url))
        http_client.install()
        reset()
        tape = Tape(record_errors=True)
        with tape.recording():
            recorded = outcome(lambda: get(url))
        with tape.playing(), offline() as tried:
            played = outcome(lambda: get(url))

        assert isinstance(bare, dict)
        assert recorded == bare
        assert played == bare
        assert tried == []

    def test_off(self):
        """Without it an error is no interaction."""
        tape = Tape()
        with tape.recording(), pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(refused())

        assert tape.interactions == []


class TestTLS:
    """What a played connection says of its encryption."""

    def test_played_socket(self, certificates):
        """Code that asks a TLS socket for its version and certificate gets an answer."""
        context = ssl.create_default_context(cafile=certificates)
        tape = Tape()

        def get(url: str) -> list[object]:
            host = url.partition("//")[2]
            connection = http.client.HTTPSConnection(host, context=context)
            connection.request("GET", "/json")
            sock = connection.sock
            seen = [sock.version(), type(sock.cipher()), type(sock.getpeercert()), sock.pending()]
            connection.getresponse().read()
            connection.close()
            return seen

        with running(tls=True) as server:
            with tape.recording():
                live = get(server.url)
            with tape.playing(), offline():
                assert get(server.url) == live
