"""A server that speaks HTTP/2: hypercorn, over TLS."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hypercorn.asyncio import serve
from hypercorn.config import Config
from server import authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["running_http2"]


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    status = 204 if scope["path"] == "/empty" else 200
    headers = [(b"x-first", b"1"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for piece in (b"one", b"two" * 10000, b"three") if scope["path"] == "/pieces" else (b"",):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(0.01)
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def running_http2(folder: Path) -> Iterator[str]:
    """Give the URL of a server that runs meanwhile.

    :param folder: where it may write its certificate.
    """
    certificate = authority().issue_cert("localhost")
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    listener = socket.create_server(("127.0.0.1", 0))
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.keyfile, config.certfile = str(folder / "key.pem"), str(folder / "cert.pem")
    config.errorlog = None
    config.include_date_header = False
    stop = threading.Event()

    async def main() -> None:
        await serve(application, config, shutdown_trigger=lambda: asyncio.to_thread(stop.wait))

    thread = threading.Thread(target=asyncio.run, args=[main()])
    thread.start()
    yield f"https://localhost:{listener.getsockname()[1]}"
    stop.set()
    thread.join()
    listener.detach()
