"""A client for the blog's API, as a project has one."""

from __future__ import annotations

import requests


class NotAllowed(Exception):
    """The blog refused the password."""


class BlogClient:
    """Logs in once, asks with the token it got, and reads lists page by page."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._session = requests.Session()

    def log_in(self, user: str, password: str) -> None:
        answer = self._session.post(
            f"{self._base_url}/login", json={"user": user, "password": password}
        )
        if answer.status_code == 403:
            raise NotAllowed(answer.json()["error"])
        token = answer.json()["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def me(self) -> dict[str, object]:
        answer = self._session.get(f"{self._base_url}/me")
        answer.raise_for_status()
        return answer.json()

    def posts(self, page_size: int = 4) -> list[dict[str, object]]:
        found, page = [], 1
        while True:
            query = {"page": page, "size": page_size}
            answer = self._session.get(f"{self._base_url}/posts", params=query).json()
            found += answer
            if len(answer) < page_size:
                return found
            page += 1
