"""Starts a job, and asks until it is done."""

from __future__ import annotations

import time

import requests

API = "http://api.example.test"
PAUSE = 0.5
"""Seconds between two questions."""


def finished() -> dict[str, object]:
    job = requests.post(f"{API}/jobs").json()
    while job["state"] != "done":
        time.sleep(PAUSE)
        job = requests.get(f"{API}/jobs/{job['id']}").json()
    return job
