"""The SDKs of openai and anthropic on top of httpx2 (httpx in older releases)."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

import anthropic
import openai
from contract.awaiting import attempt, pieces_of, settle
from contract.face import Face, Place, attributes, visible
from contract.faces.httpx_clients import MASKS, seen_of, start
from server import chunk, head, reply_json, route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from server import Piece, Seen, Server

KEY = "sk-test-0123456789abcdef"
QUESTION = [{"role": "user", "content": "Who wrote the first program? é"}]
WORDS = ("Ada", " Lovelace", ", in", " 1843", ".")
EVENT_STREAM = ("Content-Type", "text/event-stream; charset=utf-8")
ELAPSED = (r"datetime\.timedelta\([^)]*\)", "ELAPSED")
CHUNKED = ("Transfer-Encoding", "chunked")


# -- the services ------------------------------------------------------------------------------


@route("llm")
def service(server: Server, seen: Seen) -> Iterator[Piece]:
    """What both services answer; the model's name says what goes wrong: ``flaky``, ``bad``."""
    body = json.loads(seen.body) if seen.body.startswith(b"{") else {}
    model = body.get("model", "")
    number = ("X-Request-Id", "req_1"), ("Request-Id", "req_1")
    if model == "flaky" and server.next_turn("llm") < 2:
        again = ("Retry-After-Ms", "1"), *number
        yield reply_json({"error": {"message": "busy"}}, *again, status=429)
    elif model == "bad":
        error = {"type": "invalid_request_error", "message": "no such model", "code": "nope"}
        yield reply_json({"type": "error", "error": error}, *number, status=400)
    elif body.get("stream"):
        yield head(200, "OK", EVENT_STREAM, CHUNKED, *number)
        for event in anthropic_events() if "messages" in seen.path else openai_events():
            yield chunk(event.encode())
            yield 0.005
        yield b"0\r\n\r\n"
    else:
        yield reply_json(ANSWERS[seen.path.rpartition("/")[2]](seen, body), *number)


def openai_events() -> Iterator[str]:
    for word in (*WORDS, None):
        choice = {
            "index": 0,
            "delta": {"content": word} if word else {},
            "finish_reason": None if word else "stop",
        }
        event = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        yield f"data: {json.dumps({**event, 'choices': [choice]})}\n\n"
    yield "data: [DONE]\n\n"


def anthropic_events() -> Iterator[str]:
    message = message_of(None, {}) | {"content": [], "stop_reason": None}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        },
        *(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": word},
            }
            for word in WORDS
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 5},
        },
        {"type": "message_stop"},
    ]
    for event in events:
        yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"


def completion_of(_: Seen | None, body: dict[str, Any]) -> dict[str, Any]:
    said = body["messages"][-1]["content"]
    message = {"role": "assistant", "content": f"You said: {said}"}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }


def message_of(_: Seen | None, body: dict[str, Any]) -> dict[str, Any]:
    said = body["messages"][-1]["content"] if body else ""
    return {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": f"You said: {said}"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }


def file_of(seen: Seen, _: dict[str, Any]) -> dict[str, Any]:
    size = seen.body.count(b"x")
    plain = {"id": "f1", "object": "file", "filename": "notes.txt", "purpose": "batch"}
    return {**plain, "bytes": size, "created_at": 1, "status": "processed"}


def models_of(_: Seen, __: dict[str, Any]) -> dict[str, Any]:
    models = [{"id": name, "object": "model", "created": 1, "owned_by": "us"} for name in "ab"]
    return {"object": "list", "data": models}


ANSWERS = {
    "completions": completion_of,
    "messages": message_of,
    "files": file_of,
    "models": models_of,
}


# -- what is done with openai ------------------------------------------------------------------


async def openai_chat(client: Any, model: str = "m") -> object:
    completion = await settle(client.chat.completions.create(model=model, messages=QUESTION))
    return [completion.model_dump(), completion._request_id]


async def openai_stream(client: Any) -> object:
    stream = await settle(client.chat.completions.create(model="m", messages=QUESTION, stream=True))
    events = [event.model_dump() async for event in pieces_of(stream)]
    return [events, seen_of(stream.response)]


async def openai_stream_left(client: Any) -> object:
    stream = await settle(client.chat.completions.create(model="m", messages=QUESTION, stream=True))
    async for event in pieces_of(stream):
        await settle(stream.close())
        return event.model_dump()
    return None


async def openai_raw(client: Any) -> object:
    create = client.chat.completions.with_raw_response.create
    raw = await settle(create(model="m", messages=QUESTION))
    message = await settle(raw.parse())
    return [message.model_dump(), seen_of(raw.http_response), raw.retries_taken]


async def openai_raw_stream(client: Any) -> object:
    streaming = client.chat.completions.with_streaming_response.create(model="m", messages=QUESTION)
    if isinstance(client, openai.OpenAI):
        with streaming as raw:
            return [list(raw.iter_lines()), attributes(raw)]
    async with streaming as raw:
        return [[line async for line in raw.iter_lines()], attributes(raw)]


async def openai_upload(client: Any) -> object:
    file = await settle(client.files.create(file=("notes.txt", b"x" * 5000), purpose="batch"))
    return file.model_dump()


async def openai_models(client: Any) -> object:
    page = await settle(client.models.list())
    return [model.model_dump() async for model in pieces_of(page)]


# -- what is done with anthropic ---------------------------------------------------------------


async def anthropic_message(client: Any, model: str = "m") -> object:
    message = await settle(client.messages.create(model=model, max_tokens=9, messages=QUESTION))
    return [message.model_dump(), message._request_id]


async def anthropic_stream(client: Any) -> object:
    stream = await settle(
        client.messages.create(model="m", max_tokens=9, messages=QUESTION, stream=True)
    )
    events = [event.model_dump() async for event in pieces_of(stream)]
    return [events, seen_of(stream.response)]


async def anthropic_text(client: Any) -> object:
    manager = client.messages.stream(model="m", max_tokens=9, messages=QUESTION)
    if isinstance(client, anthropic.Anthropic):
        with manager as stream:
            text = list(stream.text_stream)
            return [text, stream.get_final_message().model_dump(), attributes(stream)]
    async with manager as stream:
        text = [piece async for piece in stream.text_stream]
        return [text, (await stream.get_final_message()).model_dump(), attributes(stream)]


async def anthropic_raw(client: Any) -> object:
    create = client.messages.with_raw_response.create
    raw = await settle(create(model="m", max_tokens=9, messages=QUESTION))
    message = await settle(raw.parse())
    return [message.model_dump(), seen_of(raw.http_response), raw.retries_taken]


async def refused(chat: Callable[..., Awaitable[object]], client: Any) -> object:
    """The error, with all that it holds."""
    try:
        return await chat(client, model="bad")
    except (openai.APIStatusError, anthropic.APIStatusError) as error:
        return [visible(error), attributes(error), seen_of(error.response)]


# -- the faces ---------------------------------------------------------------------------------


def scenario(
    kind: str, make: Callable[[Place], Any], action: Callable[[Any], Awaitable[object]]
) -> Callable[[Place], object]:
    async def run(place: Place) -> object:
        client = make(place)
        try:
            return visible(await attempt(functools.partial(action, client)))
        finally:
            await settle(client.close())

    return lambda place: start(kind, functools.partial(run, place))


def face(sdk: Any, kind: str) -> Face:
    name = sdk.__name__

    def make(place: Place) -> Any:
        known = {"openai": ("OpenAI", "/llm/v1"), "anthropic": ("Anthropic", "/llm")}
        client, path = known[name]
        client = client if kind == "sync" else f"Async{client}"
        return getattr(sdk, client)(api_key=KEY, base_url=place.url + path)

    if sdk is openai:
        chat = openai_chat
        actions = {
            "chat": chat,
            "stream": openai_stream,
            "stream-left": openai_stream_left,
            "raw": openai_raw,
            "raw-stream": openai_raw_stream,
            "upload": openai_upload,
            "models": openai_models,
        }
    else:
        chat = anthropic_message
        actions = {
            "message": chat,
            "stream": anthropic_stream,
            "text": anthropic_text,
            "raw": anthropic_raw,
        }
    actions["retries"] = functools.partial(chat, model="flaky")
    actions["refused"] = functools.partial(refused, chat)
    own = {key: scenario(kind, make, action) for key, action in actions.items()}
    return Face(f"{name}-{kind}", "httpx", None, own=own, masks=(*MASKS, ELAPSED))


FACES = tuple(face(sdk, kind) for sdk in (openai, anthropic) for kind in ("sync", "async"))
