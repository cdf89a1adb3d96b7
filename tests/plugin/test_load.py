"""A producer that outruns the disk."""

from __future__ import annotations

LOAD = """
    import asyncio, os, time, httpx, pytest
    API = os.environ["API"]
    COUNT, SIZE = 60, 200_000


    @pytest.fixture(autouse=True)
    def slow_disk(monkeypatch):
        from pytest_reqord.storage import files

        write = files._write_all

        def slowly(fd, data):
            time.sleep(0.02 * len(data) / SIZE)
            write(fd, data)

        monkeypatch.setattr(files, "_write_all", slowly)


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


    def test_it(cassette):
        async def work():
            async with httpx.AsyncClient() as client:
                for n in range(COUNT):
                    answer = await client.get(API + f"/binary/{SIZE}?n={n}")
                    assert len(answer.content) == SIZE

        gap = asyncio.run(longest_gap(work))
        cassette.flush()
        assert cassette.recorded_count == COUNT
        assert gap < 1, gap
"""


def test_an_event_loop_keeps_ticking(suite, api, cassettes):
    """With a full queue and a slow disk no request fails, nothing is lost, the loop goes on."""
    suite.makeini("[pytest]\nreqord_queue_bytes = 1000000\nreqord_inline_limit = 10000000")
    suite.makepyfile(LOAD)

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)

    assert len(api.seen) == 60
    assert cassettes()["test_it.yaml"].count(b"\n- recorded_at:") == 60
