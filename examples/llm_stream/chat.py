"""A small client for a chat that answers in server-sent events, as LLM APIs do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator


class Chat:
    """One conversation."""

    def __init__(self, base_url: str, api_key: str, model: str = "echo-1") -> None:
        self._http = httpx.Client(
            base_url=base_url, headers={"Authorization": f"Bearer {api_key}"}, timeout=30
        )
        self._model = model
        self._messages: list[dict[str, str]] = []

    def ask(self, question: str) -> Iterator[str]:
        """Ask, and give the words of the answer as they come."""
        self._messages.append({"role": "user", "content": question})
        body = {"model": self._model, "stream": True, "messages": self._messages}
        words = []
        with self._http.stream("POST", "/v1/chat/completions", json=body) as response:
            response.raise_for_status()
            for line in response.iter_lines():
                data = line.removeprefix("data: ")
                if not line or data == "[DONE]":
                    continue
                words.append(json.loads(data)["choices"][0]["delta"]["content"])
                yield words[-1]
        self._messages.append({"role": "assistant", "content": "".join(words)})
