"""The child processes of a test use its cassette."""

from __future__ import annotations

import re

import pytest
import yaml

# what each way to start a process does with a module of the user's
WAYS = {
    "fork": """
        def start(n):
            child = os.fork()
            if not child:
                try:
                    work.fetch(n)
                    os._exit(0)
                except BaseException:
                    traceback.print_exc()
                    os._exit(1)
            return lambda: os.waitpid(child, 0)[1]
    """,
    **{
        method: f"""
        import multiprocessing
        def start(n):
            process = multiprocessing.get_context({method!r}).Process(target=work.fetch, args=(n,))
            process.start()
            return lambda: process.join() or process.exitcode
    """
        for method in ("spawn", "forkserver")
    },
    "multiprocessing fork": """
        import multiprocessing
        def start(n):
            process = multiprocessing.get_context("fork").Process(target=work.fetch, args=(n,))
            process.start()
            return lambda: process.join() or process.exitcode
    """,
    "pool": """
        import multiprocessing
        def start(n):
            pool = multiprocessing.get_context("spawn").Pool(1)
            result = pool.apply_async(work.fetch, (n,))
            def end():
                with pool:
                    return result.get(60)
            return end
    """,
    "executor": """
        import multiprocessing, concurrent.futures
        def start(n):
            context = multiprocessing.get_context("spawn")
            executor = concurrent.futures.ProcessPoolExecutor(1, mp_context=context)
            future = executor.submit(work.fetch, n)
            def end():
                with executor:
                    return future.result()
            return end
    """,
    "subprocess": """
        import subprocess, sys
        def start(n):
            return subprocess.Popen([sys.executable, "work.py", str(n)]).wait
    """,
    "asyncio": """
        import asyncio, sys
        def start(n):
            async def run():
                process = await asyncio.create_subprocess_exec(sys.executable, "work.py", str(n))
                return await process.wait()
            return lambda: asyncio.run(run())
    """,
}

WORK = """
    import os, requests, sys
    def fetch(n):
        for k in range(3):
            answer = requests.post(os.environ["API"] + "/shuffle", json={"n": n, "k": k}).json()
            assert answer == {"n": n, "k": k}, answer
    if __name__ == "__main__":
        fetch(int(sys.argv[1]))
"""


def suite_of(way: str) -> str:
    return f"""
        import os, pytest, requests, traceback, warnings, work
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads
        {WAYS[way]}
        def test_it(cassette):
            requests.get(os.environ["API"] + "/json?first")
            ends = [start(n) for n in (1, 2)]
            assert not any([end() for end in ends])
            requests.get(os.environ["API"] + "/json?last")
    """


@pytest.fixture
def family(suite, monkeypatch):
    """A suite whose tests start children."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    suite.makepyfile(work=WORK)
    return suite


@pytest.mark.parametrize("way", WAYS)
def test_children_record_and_play(family, api, cassettes, way):
    """Children record into the test's cassette, in order of time, and play from it."""
    family.makepyfile(suite_of(way))

    family.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=1)

    stored = yaml.safe_load(cassettes()["test_it.yaml"])["interactions"]
    assert len(stored) == 8
    assert {one["recorded_by"] for one in stored} == {"test_children_record_and_play.py::test_it"}
    times = [one["recorded_at"] for one in stored]
    assert times == sorted(times)
    assert [one["request"]["uri"][-5:] for one in (stored[0], stored[-1])] == ["first", "?last"]
    family.runpytest_subprocess().assert_outcomes(passed=1)
    assert len(api.seen) == 8


@pytest.mark.parametrize("way", ["fork", "pool", "subprocess"])
def test_verify_tells_what_a_child_was_answered(family, cassettes, way):
    """An answer that a child got and that isn't the recorded one fails its test."""
    family.makepyfile(suite_of(way))
    family.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=1)
    family.runpytest_subprocess("--record-mode=verify").assert_outcomes(passed=1)
    (path,) = family.path.rglob("test_it.yaml")
    before = path.read_text()
    *_, answer = re.finditer(r'"n":\s*2,\s*"k":\s*(1)\b', before)  # behind its request
    after = f"{before[: answer.start(1)]}7{before[answer.end(1) :]}"
    path.write_text(after)

    result = family.runpytest_subprocess("--record-mode=verify")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*body k: recorded 7, now 1", "*is not what the API answers now"])
    assert cassettes()["test_it.yaml"].decode() == after


def test_what_a_child_may_not_do(family, api, cassettes):
    """A child's miss fails its test, and a request after the test's end is refused; none hangs."""
    family.makepyfile("""
        import multiprocessing, os, pytest, requests, subprocess, sys
        CODE = "import os, sys, requests; {}requests.get(os.environ['API'] + '/json?new')"
        children = []

        def get(query):
            return requests.get(os.environ["API"] + "/json?" + query).status_code

        def test_swallowed(cassette):
            subprocess.run([sys.executable, "-c", CODE.format("")], stderr=subprocess.DEVNULL)

        def test_in_a_pool(cassette):
            with multiprocessing.get_context("fork").Pool(1) as pool:
                pool.apply(get, ("new",))

        def test_left_behind(cassette):
            code = CODE.format("sys.stdin.read(); ")
            children.append(subprocess.Popen(
                [sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.PIPE))

        def test_next(cassette):
            told = children[0].communicate(b"")[1].decode()
            assert "process that test_what_a_child_may_not_do.py::test_left_behind started" in told
    """)

    result = family.runpytest_subprocess("-W", "ignore::DeprecationWarning")

    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            "CassetteMissError: GET */json?new is not in */test_swallowed.yaml",
            "E *CassetteMiss: GET */json?new is not in */test_in_a_pool.yaml",
        ]
    )
    assert not api.seen
    assert not cassettes()


def test_what_is_played_is_played_once(family, api):
    """Of two processes that ask for the same only as many get it as it was recorded."""
    family.makepyfile("""
        import os, requests, sys, multiprocessing
        ORDER = [0, 1, 2]

        def get(_):
            return requests.get(os.environ["API"] + "/connection").json()

        def test_it(cassette):
            answers = [get(0)]
            for _ in range(2):
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    answers += pool.map(get, [1])
            answers.append(get(0))
            assert len({str(one) for one in answers}) == 4
            if cassette.record_mode == "none":
                assert cassette.play_count == len(cassette.played) == 4
                assert cassette.all_played
    """)
    family.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=1)

    result = family.runpytest_subprocess()

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*unplayed*")
    assert len(api.seen) == 4


@pytest.mark.parametrize("mode", ["new_episodes", "all"])
def test_what_waits_in_the_parent_is_written_once(family, cassettes, mode):
    """A child that is forked while entries wait writes its own and no others."""
    family.makepyfile("""
        import os, requests

        def test_it(cassette):
            for n in range(5):
                requests.get(os.environ["API"] + f"/json?{n}")
            for n in (5, 6):
                child = os.fork()
                if not child:
                    requests.get(os.environ["API"] + f"/json?{n}")
                    os._exit(0)
                os.waitpid(child, 0)
    """)
    ini = ["-o", "reqord_batch_timeout=60000", "-W", "ignore::DeprecationWarning"]

    family.runpytest_subprocess(f"--record-mode={mode}", *ini).assert_outcomes(passed=1)

    stored = yaml.safe_load(cassettes()["test_it.yaml"])["interactions"]
    assert [one["request"]["uri"][-1] for one in stored] == list("0123456")


@pytest.mark.parametrize("way", ["subprocess", "multiprocessing fork", "spawn", "fork"])
def test_the_open_cassette_has_what_children_recorded(family, way):
    """What children record is seen in the test as soon as they have recorded it, and not twice."""
    family.makepyfile(f"""
        import os, pytest, requests, traceback, warnings, work
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads
        {WAYS[way]}
        def queries(interactions):
            return [each.request.uri[-5:] for each in interactions]

        def test_it(cassette):
            is_recording = cassette.record_mode != "none"
            for n in (1, 2):
                assert not start(n)()
                assert len(cassette.recorded) == is_recording * n * 3
                assert len(cassette.interactions) == (n * 3 if is_recording else 8)
            requests.get(os.environ["API"] + "/json?last")
            requests.get(os.environ["API"] + "/json?more")
            assert len(cassette.interactions) == 8
            assert queries(cassette.interactions)[-2:] == ["?last", "?more"]
            assert len(cassette.recorded) == cassette.recorded_count == is_recording * 8
    """)
    family.runpytest_subprocess("--record-mode=once", timeout=120).assert_outcomes(passed=1)

    family.runpytest_subprocess(timeout=120).assert_outcomes(passed=1)


def test_use_cassette_has_what_children_recorded_when_it_is_closed(family):
    """What `use_cassette` gives counts what children recorded once, and when it is closed, too."""
    family.makepyfile("""
        import subprocess, sys
        from pytest_reqord import use_cassette

        def test_it(tmp_path):
            with use_cassette(tmp_path / "one.yaml", record_mode="once") as cassette:
                subprocess.run([sys.executable, "work.py", "1"], check=True)
                assert cassette.recorded_count == len(cassette.recorded) == 3
            assert cassette.recorded_count == 3
    """)

    family.runpytest_subprocess(timeout=120).assert_outcomes(passed=1)


def test_a_failing_test_keeps_what_its_children_recorded(family, api, cassettes):
    """The draft of a failed test has its children's interactions, and the next run plays them."""
    suite = """
        import os, requests, subprocess, sys
        CODE = "import os, requests; requests.get(os.environ['API'] + '/json?child')"

        def test_it(cassette):
            subprocess.run([sys.executable, "-c", CODE], check=True)
            assert {}
    """
    family.makepyfile(suite.format("False"))
    family.runpytest_subprocess("--record-mode=once").assert_outcomes(failed=1)
    family.makepyfile(suite.format("True"))

    family.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=1)

    assert cassettes()["test_it.yaml"].count(b"- recorded_at:") == 1
    assert len(api.seen) == 1


def test_a_cassette_of_a_child_s_own(family, cassettes):
    """`use_cassette` in a child follows the settings of its parent's run."""
    family.makepyfile(
        work="""
        import os, requests
        from pytest_reqord import use_cassette
        requests.get(os.environ["API"] + "/json?outer")
        with use_cassette("own.yaml") as cassette:
            assert cassette.record_mode == os.environ["MODE"]
            try:
                requests.get(os.environ["API"] + "/json?inner")
            except BaseException as error:
                print(type(error).__name__)
    """,
        test_it="""
        import os, requests, subprocess, sys

        def test_it(cassette):
            os.environ["MODE"] = cassette.record_mode
            done = subprocess.run([sys.executable, "work.py"], capture_output=True, text=True)
            assert (done.returncode, done.stderr) == (0, "")
            expected = "CassetteMissError\\n" if cassette.record_mode == "none" else ""
            assert done.stdout == expected
    """,
    )

    family.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=1)

    own = family.path / "own.yaml"
    assert own.read_text().count("?inner") == 1
    assert cassettes()["test_it.yaml"].count(b"?outer") == 1
    own.unlink()
    family.runpytest_subprocess().assert_outcomes(passed=1)
    assert not own.exists()


def test_functions_that_can_not_be_sent(family, api):
    """A spawned child whose cassette is redacted by a hook of the parent's makes no request."""
    family.makeconftest("""
        def pytest_reqord_redact(interaction):
            return interaction
    """)
    family.makepyfile("""
        import os, subprocess, sys
        CODE = "import os, requests; requests.get(os.environ['API'] + '/json?child')"

        def test_it(cassette):
            done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
            assert "a child process: the cassette's settings have a function" in done.stderr
    """)

    family.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=1)

    assert not api.seen


def test_another_sitecustomize(family):
    """A `sitecustomize` of the user's own runs in the child, and nothing of ours is in the way."""
    other = family.mkdir("other")
    other.joinpath("sitecustomize.py").write_text("print('mine')")
    family.makepyfile("""
        import os, subprocess, sys
        CODE = "import sys, os; print([p for p in sys.path if 'reqord' in p and 'site' in p])"

        def run(**more):
            options = {"capture_output": True, "text": True, "check": True}
            done = subprocess.run([sys.executable, "-c", CODE], **options, **more)
            return done.stdout + done.stderr

        def test_it(cassette):
            plain = {key: os.environ[key] for key in os.environ if key != "PYTHONPATH"}
            assert run(env=plain) == "[]\\n"
            assert run(env={**plain, "PYTHONPATH": "other"}) == "mine\\n[]\\n"
            os.environ["PYTHONPATH"] = "other"
            assert run() == "mine\\n[]\\n"
    """)

    family.runpytest_subprocess().assert_outcomes(passed=1)


@pytest.mark.parametrize("way", ["fork", "spawn", "subprocess"])
def test_what_a_child_found_to_be_secret_is_for_all(suite, cassettes, way):
    """What its parent and the other children had recorded before is gone over for it."""
    suite.makepyfile(
        work="""
        import os, requests, sys
        SECRET = "correct horse" + " battery staple"
        def fetch(n):
            headers = {"X-Api-Key": SECRET} if n == 2 else {}
            requests.post(os.environ["API"] + "/echo", data="not" if n == 2 else SECRET, headers=headers)
        if __name__ == "__main__":
            fetch(int(sys.argv[1]))
        """,
        test_it=f"""
        import os, traceback, warnings, work
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads
        {WAYS[way]}
        def test_it(cassette):
            work.fetch(0)
            for n in (1, 2):
                assert not start(n)()
        """,
    )

    suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=1)

    (cassette,) = cassettes().values()
    assert cassette.count(b"uri:") == 3
    assert b"battery" not in cassette
    suite.runpytest_subprocess().assert_outcomes(passed=1)


REFUSED = """
    import os, socket, sys
    def fetch(n):
        host, port = os.environ["API"].removeprefix("http://").split(":")
        refused = []
        for ask in (
            lambda: socket.create_connection((host, int(port))),
            lambda: socket.getaddrinfo("api.example.com", 80),
        ):
            try:
                ask()
            except RuntimeError as error:
                refused.append(str(error))
        assert len(refused) == 2, refused
        assert all("test_it.py::test_it wanted" in text for text in refused), refused
    if __name__ == "__main__":
        fetch(int(sys.argv[1]))
"""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cassette", ["", "cassette"])
def test_children_hold_to_the_network_guard(suite, api, way, cassette):
    """However they are started, with a cassette or without one, and for their children, too."""
    suite.makepyfile(
        work=REFUSED,
        test_it=f"""
        import os, subprocess, sys, traceback, warnings, work
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads
        {WAYS[way]}
        def test_it({cassette}):
            assert not start(1)()
            code = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, 'work.py', '1']))"
            assert not subprocess.call([sys.executable, "-c", code])
        """,
    )

    suite.runpytest_subprocess("--block-network").assert_outcomes(passed=1)

    assert not api.seen
