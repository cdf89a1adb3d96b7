"""A producer that outruns the disk."""

from __future__ import annotations

import re

import pytest

LOAD = """
    import asyncio, os, pathlib, re, requests, time, httpx, pytest
    from concurrent.futures import ThreadPoolExecutor

    API = os.environ["API"]
    COUNT, SIZE = {count}, {size}


    @pytest.fixture(autouse=True)
    def slow_disk(monkeypatch):
        from pytest_reqord.storage import write

        write_all = write._write_all

        def slowly(fd, data):
            time.sleep(0.1 * len(data) / 1_000_000)
            write_all(fd, data)

        monkeypatch.setattr(write, "_write_all", slowly)


    def peak():
        status = pathlib.Path("/proc/self/status").read_text()
        return int(re.search(r"VmHWM:\\s*(\\d+)", status)[1]) >> 10


    async def longest_gap(work):
        gaps, last, is_done = [0.0], time.perf_counter(), False

        async def tick():
            nonlocal last
            while not is_done:
                now = time.perf_counter()
                gaps.append(now - last)
                last = now
                await asyncio.sleep(0.005)

        ticking = asyncio.create_task(tick())
        await work()
        is_done = True
        await ticking
        return max(gaps)


    def test_tasks(cassette, capfd):
        async def ask(client, n):
            answer = await client.get(API + f"/binary/{{SIZE}}?n={{n}}")
            assert len(answer.content) == SIZE
            at_first.append(peak())

        async def main():
            async with httpx.AsyncClient() as client:
                await ask(client, 0)  # a client's first one takes its time, with or without us

                async def work():
                    for n in range(1, COUNT):
                        await ask(client, n)

                return await longest_gap(work)

        at_first = []
        gap = asyncio.run(main())
        cassette.flush()
        with capfd.disabled():
            print(f"\\nlongest gap {{gap:.3f}} s; MiB: {{at_first[20]}} {{peak()}}")
        assert cassette.recorded_count == COUNT


    def test_threads(cassette, capfd):
        def ask(n):
            assert len(requests.get(API + f"/binary/{{SIZE}}?n={{n}}").content) == SIZE
            return peak()

        with ThreadPoolExecutor(8) as pool:
            at_first = list(pool.map(ask, range(COUNT)))[20]
        cassette.flush()
        with capfd.disabled():
            print(f"\\nMiB: {{at_first}} {{peak()}}")
        assert cassette.recorded_count == COUNT
"""


@pytest.mark.parametrize("producer", ["tasks", "threads"])
def test_a_slow_disk(suite, api, request, producer):
    """No request fails, all is written, memory is bounded, an event loop goes on meanwhile."""
    count, size = (1000, 1_000_000) if request.config.getoption("--full") else (60, 200_000)
    suite.makeini("[pytest]\nreqord_queue_bytes = 4000000\nreqord_inline_limit = 100000000")
    suite.makepyfile(LOAD.format(count=count, size=size))

    result = suite.runpytest_subprocess("--record-mode=once", "-k", producer, timeout=3600)

    result.assert_outcomes(passed=1, deselected=1)
    assert len(api.seen) == count
    (cassette,) = suite.path.rglob("cassettes/**/*.yaml")
    with cassette.open("rb") as file:
        assert sum(line.startswith(b"- recorded_at:") for line in file) == count
    at_first, peak = map(int, re.findall(r"MiB: (\d+) (\d+)", result.stdout.str())[0])
    # what may wait, a batch of ten that is encoded, and what the allocator keeps
    assert peak - at_first < 4 + 3 * 10 * size / 1_000_000 + 20
    assert all(float(gap) < 1 for gap in re.findall(r"longest gap (\S+) s", result.stdout.str()))
