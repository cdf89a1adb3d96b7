"""The finder that tells when a module has been imported."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import threading
import timeit
import types
import zipfile
from unittest import mock

import pytest

from pytest_reqord.interceptors import imports


@pytest.fixture(autouse=True)
def put_back():
    before, path, modules = list(sys.meta_path), list(sys.path), set(sys.modules)
    yield
    imports.unwatch()
    assert sys.meta_path == before
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith("late_"):
            del sys.modules[name]


@pytest.fixture
def write(tmp_path):
    sys.path.insert(0, str(tmp_path))

    def write(name, code=""):
        (tmp_path / f"{name}.py").write_text(code)
        importlib.invalidate_caches()

    return write


def watching(name):
    calls = []
    imports.watch({name: lambda: calls.append(getattr(sys.modules[name], "value", None))})
    return calls


def test_imported_later(write):
    """A callback runs right after the module's own code."""
    write("late_a", "value = 1")
    calls = watching("late_a")
    assert calls == []

    import late_a  # noqa: F401 -- the import is what is tried

    assert calls == [1]


def test_nothing_stays(write):
    """An imported module has the loader and the spec that it would have had."""
    write("late_b")
    watching("late_b")

    module = importlib.import_module("late_b")

    assert type(module.__loader__) is importlib.machinery.SourceFileLoader
    assert module.__spec__.loader is module.__loader__
    assert vars(module.__loader__).keys() == {"name", "path"}


def test_imported_already(write):
    """A module that is imported already is called back at once."""
    write("late_c", "value = 3")
    importlib.import_module("late_c")

    assert watching("late_c") == [3]


def test_unwatched_modules_are_left_alone(write):
    """A module that nobody watches is found by the other finders, untouched."""
    write("late_d")
    watching("late_other")

    assert imports._FINDER.find_spec("late_d") is None
    importlib.import_module("late_d")


def test_import_error(write):
    """A module whose code raises isn't called back, and its next import is."""
    write("late_e", "raise ImportError('no')")
    calls = watching("late_e")

    with pytest.raises(ImportError, match=r"^no$"):
        importlib.import_module("late_e")
    assert calls == []

    write("late_e", "value = 'second'")
    importlib.import_module("late_e")
    assert calls == ["second"]


def test_missing_module():
    """A watched module that doesn't exist is missing as ever."""
    calls = watching("late_missing")

    with pytest.raises(ModuleNotFoundError, match="No module named 'late_missing'"):
        importlib.import_module("late_missing")
    assert calls == []


def test_reload(write):
    """A reload calls back again, for it makes the module's classes anew."""
    write("late_f", "value = 6")
    calls = watching("late_f")

    module = importlib.import_module("late_f")
    importlib.reload(module)

    assert calls == [6, 6]


def test_deleted_and_imported_anew(write):
    """A module that a test deletes and imports again calls back again."""
    write("late_t", "value = object()")
    calls = watching("late_t")

    first = importlib.import_module("late_t")
    del sys.modules["late_t"]
    second = importlib.import_module("late_t")

    assert calls == [first.value, second.value]


def test_imported_anew_past_us(write):
    """So it does at the next check where another tool's finder imported it past us."""
    write("late_u", "value = object()")
    calls = watching("late_u")
    first = importlib.import_module("late_u")
    del sys.modules["late_u"]
    finder = importlib.machinery.PathFinder
    sys.meta_path.insert(0, finder)
    try:
        second = importlib.import_module("late_u")
    finally:
        sys.meta_path.remove(finder)

    imports.check()
    imports.check()

    assert calls == [first.value, second.value]


def test_the_module_has_run_when_it_calls_back(write):
    """A callback is told that its module has run, and of one below it the same; not before."""
    write(
        "late_v",
        "from pytest_reqord.interceptors import imports\n"
        "import late_v_below\n"
        "ran = [imports.has_run(name) for name in ('late_v', 'late_v_below')]",
    )
    write("late_v_below")
    seen = []
    imports.watch(
        {
            name: lambda: seen.append(imports.has_run("late_v"))
            for name in ("late_v", "late_v_below")
        }
    )

    module = importlib.import_module("late_v")

    assert module.ran == [False, True]
    assert seen == [False, True]


def test_watch_by_the_import_itself(write):
    """A module that is watched while this very thread imports it is asked for at the next check."""
    calls = []
    recorder = type(sys)("late_w_recorder")
    recorder.watch = lambda: imports.watch({"late_w": lambda: calls.append(1)})
    sys.modules["late_w_recorder"] = recorder
    write("late_w", "import late_w_recorder\nlate_w_recorder.watch()")

    importlib.import_module("late_w")
    assert calls == []
    imports.check()
    imports.check()

    assert calls == [1]


@pytest.mark.parametrize(
    "double",
    [None, types.SimpleNamespace(), types.ModuleType("late_x"), mock.MagicMock(spec=types)],
    ids=["none", "namespace", "made", "mock"],
)
def test_double_of_a_module(write, monkeypatch, double):
    """What a test has put in a module's place calls nothing back; the module does when it is back."""
    write("late_x", "value = 24")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "late_x", double)
        calls = watching("late_x")
        imports.check()
        assert not imports.has_run("late_x")
        assert calls == []

    importlib.import_module("late_x")

    assert calls == [24]


def test_callback_that_raises_at_a_check(write):
    """A callback that failed is asked again by the next check."""
    write("late_y")
    results = iter([ValueError("not yet"), None])
    calls = []

    def callback():
        calls.append(1)
        if error := next(results):
            raise error

    importlib.import_module("late_y")
    with pytest.raises(ValueError, match="not yet"):
        imports.watch({"late_y": callback})
    imports.check()
    imports.check()

    assert calls == [1, 1]


def test_callback_that_raises(write):
    """An exception from a callback fails the import: the client is not to go on unseen."""
    write("late_g")

    def refuse():
        message = "can't take it"
        raise RuntimeError(message)

    imports.watch({"late_g": refuse})

    with pytest.raises(RuntimeError, match="can't take it"):
        importlib.import_module("late_g")
    assert "late_g" not in sys.modules


def test_two_watchers(write):
    """Two callbacks for one module both run, in their order; one can be taken back."""
    write("late_h")
    calls = []
    first, second = {"late_h": lambda: calls.append(1)}, {"late_h": lambda: calls.append(2)}
    imports.watch(first)
    imports.watch(second)

    module = importlib.import_module("late_h")
    imports.unwatch(first)
    importlib.reload(module)

    assert calls == [1, 2, 2]


def test_unwatch(write):
    """What is unwatched isn't called back, also where its import is under way."""
    write("late_i", "from pytest_reqord.interceptors import imports\nimports.unwatch()")
    calls = watching("late_i")

    importlib.import_module("late_i")

    assert calls == []
    assert imports._FINDER not in sys.meta_path


def test_threads(write):
    """Of several threads that import a module, each gets it after the callback has run."""
    write("late_j", "import time\ntime.sleep(0.05)")
    calls, seen = [], []
    imports.watch({"late_j": lambda: calls.append(1)})
    start = threading.Barrier(4)

    def work():
        start.wait()
        importlib.import_module("late_j")
        seen.append(len(calls))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [1, 1, 1, 1]


def test_watch_while_another_thread_imports(write):
    """A module that is being imported elsewhere is called back when it is whole."""
    write("late_k", "import late_k_gate\nlate_k_gate.pause()\nvalue = 11")
    gate = type(sys)("late_k_gate")
    inside, leave = threading.Event(), threading.Event()
    gate.pause = lambda: (inside.set(), leave.wait(5))
    sys.modules["late_k_gate"] = gate
    thread = threading.Thread(target=importlib.import_module, args=("late_k",))
    thread.start()
    inside.wait(5)
    threading.Timer(0.05, leave.set).start()

    calls = watching("late_k")
    thread.join()

    assert calls[-1] == 11
    assert None not in calls


def test_finder_that_asks_everyone(write):
    """A finder of another tool that asks all finders, us too, doesn't go round in circles."""
    write("late_l", "value = 12")
    asked = set()

    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name in asked:
                return None
            asked.add(name)
            return importlib.util.find_spec(name)

    calls = watching("late_l")
    finder = Finder()
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module("late_l")
    finally:
        sys.meta_path.remove(finder)

    assert calls == [12]


def test_finder_that_comes_first(write):
    """A module that another tool's finder imported past us is made up for by the next check."""
    write("late_m", "value = 13")
    calls = watching("late_m")
    finder = importlib.machinery.PathFinder
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module("late_m")
    finally:
        sys.meta_path.remove(finder)
    assert calls == []

    imports.check()
    imports.check()

    assert calls == [13]


def test_finder_taken_out():
    """A finder that another tool's teardown took out is put back by the next check."""
    watching("late_n")
    sys.meta_path.remove(imports._FINDER)

    imports.check()

    assert sys.meta_path[0] is imports._FINDER


class Slotted(importlib.abc.Loader):
    __slots__ = ("executed",)

    def __init__(self):
        self.executed = []

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        self.executed.append(module.__name__)
        module.value = module.__name__


def test_shared_loader_with_slots():
    """One loader for many modules, which can't be written to, serves the watched and the rest."""
    loader = Slotted()

    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name.startswith("late_s"):
                return importlib.machinery.ModuleSpec(name, loader)
            return None

    finder = Finder()
    sys.meta_path.append(finder)
    try:
        calls = watching("late_s1")
        modules = [importlib.import_module(name) for name in ("late_s1", "late_s2")]
    finally:
        sys.meta_path.remove(finder)

    assert calls == ["late_s1"]
    assert loader.executed == ["late_s1", "late_s2"]
    assert [module.__loader__ for module in modules] == [loader, loader]


class Old:
    """A loader as before Python 3.4."""

    def load_module(self, name):
        module = sys.modules[name] = types.ModuleType(name)
        module.value = name
        return module


@pytest.mark.filterwarnings("ignore::ImportWarning", "ignore::DeprecationWarning")
@pytest.mark.skipif(sys.version_info >= (3, 15), reason="Python 3.15 knows no such loaders")
def test_old_loader():
    """A loader that only has ``load_module`` serves, and nothing of ours stays."""
    loader = Old()

    class Finder:
        def find_spec(self, name, path=None, target=None):
            return importlib.machinery.ModuleSpec(name, loader) if name == "late_old" else None

    finder = Finder()
    sys.meta_path.append(finder)
    try:
        calls = watching("late_old")
        module = importlib.import_module("late_old")
    finally:
        sys.meta_path.remove(finder)

    assert calls == ["late_old"]
    assert (module.__loader__, module.__spec__.loader) == (loader, loader)


def test_zip_import(tmp_path):
    """A module in a zip file is called back as well."""
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("late_z.py", "value = 26")
    sys.path.insert(0, str(tmp_path / "all.zip"))
    calls = watching("late_z")

    importlib.import_module("late_z")

    assert calls == [26]


def test_builtin_module(monkeypatch):
    """A module whose loader is a class is called back, and the class isn't touched."""
    before = dict(vars(importlib.machinery.BuiltinImporter))
    monkeypatch.delitem(sys.modules, "_symtable", raising=False)
    calls = watching("_symtable")

    importlib.import_module("_symtable")

    assert calls == [None]
    assert dict(vars(importlib.machinery.BuiltinImporter)) == before


def lazily(name):
    spec = importlib.util.find_spec(name)
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_lazy_import_of_a_watched_module(write):
    """A lazily imported module is called back when it is first used."""
    write("late_o", "value = 15")
    calls = watching("late_o")
    module = lazily("late_o")
    assert calls == []

    assert module.value == 15
    assert calls == [15]


def test_watch_of_a_lazily_imported_module(write):
    """A module that is imported but not used yet is called back when it is."""
    write("late_p", "value = 16")
    module = lazily("late_p")
    calls = watching("late_p")
    imports.check()
    assert calls == []

    assert module.value == 16
    assert calls == [16]


def test_rewritten_by_pytest(pytester):
    """A module whose assertions pytest rewrites is called back, and is still rewritten."""
    pytester.makepyfile(late_q="def check():\n    assert 1 == 2\n")
    pytester.makepyfile(
        """
        import sys
        import pytest
        from pytest_reqord.interceptors import imports

        pytest.register_assert_rewrite("late_q")

        def test_it():
            calls = []
            imports.watch({"late_q": lambda: calls.append(sys.modules["late_q"].check)})
            import late_q
            imports.unwatch()
            assert calls == [late_q.check]
            with pytest.raises(AssertionError, match="assert 1 == 2"):
                late_q.check()
        """
    )

    pytester.runpytest_inprocess("-pno:asyncio", "-pno:recording").assert_outcomes(passed=1)


def test_cost():
    """An import of an unrelated module costs less than a microsecond."""
    watching("late_r")
    find = imports._FINDER.find_spec

    assert min(timeit.repeat(lambda: find("unrelated"), number=100, repeat=200)) / 100 < 1e-6
