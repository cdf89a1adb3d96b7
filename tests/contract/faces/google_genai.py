"""The SDK of Google's Gemini: its sync side on httpx (httpx2), its async side on that or aiohttp."""

from __future__ import annotations

import functools
import json
import warnings
from typing import TYPE_CHECKING, Any

import httpx
from contract.awaiting import attempt, pieces_of, settle
from contract.face import Face, Place, attributes, visible
from contract.faces.httpx_clients import MASKS, start
from google import genai
from google.genai import errors, types
from server import chunk, head, reply_json, route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from server import Piece, Seen, Server

QUESTION = "Who wrote the first program? é"
WORDS = ("Ada", " Lovelace", ", in", " 1843", ".")


@route("gemini")
def service(server: Server, seen: Seen) -> Iterator[Piece]:
    """What the service answers; the model's name says what goes wrong: ``flaky``, ``bad``."""
    if "models/flaky" in seen.path and server.next_turn("gemini") < 2:
        yield reply_json({"error": {"code": 503, "message": "busy", "status": "X"}}, status=503)
    elif "models/bad" in seen.path:
        error = {"code": 400, "message": "no such model", "status": "INVALID_ARGUMENT"}
        yield reply_json({"error": error}, status=400)
    elif "streamGenerateContent" in seen.path:
        stream = ("Content-Type", "text/event-stream")
        yield head(200, "OK", stream, ("Transfer-Encoding", "chunked"))
        for word in WORDS:
            yield chunk(f"data: {json.dumps(answer(word))}\r\n\r\n".encode())
            yield 0.005
        yield b"0\r\n\r\n"
    elif "countTokens" in seen.path:
        yield reply_json({"totalTokens": 7})
    else:
        said = json.loads(seen.body)["contents"][0]["parts"][0]["text"]
        yield reply_json(answer(f"You said: {said}"))


def answer(text: str) -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": text}]}
    return {
        "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2},
        "modelVersion": "m",
        "responseId": "r1",
    }


def seen_of(response: Any) -> object:
    return [response.model_dump(mode="json"), attributes(response)]


async def ask(models: Any, model: str = "m") -> object:
    return seen_of(await settle(models.generate_content(model=model, contents=QUESTION)))


async def stream(models: Any) -> object:
    pieces = await settle(models.generate_content_stream(model="m", contents=QUESTION))
    return [seen_of(piece) async for piece in pieces_of(pieces)]


async def count(models: Any) -> object:
    return (await settle(models.count_tokens(model="m", contents=QUESTION))).model_dump()


async def refused(models: Any) -> object:
    """The error, with all that it holds."""
    try:
        return await ask(models, model="bad")
    except errors.APIError as error:
        return [visible(error), attributes(error)]


ACTIONS: dict[str, Callable[[Any], Awaitable[object]]] = {
    "ask": ask,
    "stream": stream,
    "count": count,
    "retries": functools.partial(ask, model="flaky"),
    "refused": refused,
}


def scenario(kind: str, action: Callable[[Any], Awaitable[object]]) -> Callable[[Place], object]:
    async def run(place: Place) -> object:
        retry = types.HttpRetryOptions(attempts=3, initial_delay=0.01, jitter=0.01)
        options = types.HttpOptions(base_url=f"{place.url}/gemini", retry_options=retry)
        if kind == "async":  # else it takes aiohttp where that is installed
            options.httpx_async_client = httpx.AsyncClient()
        client = genai.Client(api_key="AIza0123456789abcdef", http_options=options)
        models = client.models if kind == "sync" else client.aio.models
        try:
            with warnings.catch_warnings():
                # its session is a subclass of aiohttp's, which aiohttp discourages
                warnings.filterwarnings("ignore", "Inheritance class", DeprecationWarning)
                return visible(await attempt(functools.partial(action, models)))
        finally:
            client.close()
            if kind != "sync":
                await client.aio.aclose()
            if options.httpx_async_client:
                await options.httpx_async_client.aclose()

    return lambda place: start("sync" if kind == "sync" else "async", lambda: run(place))


def face(kind: str, interceptor: str) -> Face:
    own = {name: scenario(kind, action) for name, action in ACTIONS.items()}
    return Face(f"google-genai-{kind}", interceptor, None, own=own, masks=MASKS)


FACES = (
    face("sync", "httpx"),
    face("async", "httpx"),
    face("aiohttp", "aiohttp"),
)
