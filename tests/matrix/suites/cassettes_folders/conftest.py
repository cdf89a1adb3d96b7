import pytest


class Item(pytest.Item):
    def runtest(self):
        assert self.path.read_text().startswith("call: ")


class File(pytest.File):
    def collect(self):
        yield Item.from_parent(self, name="call")


def pytest_collect_file(parent, file_path):
    if file_path.suffix == ".yaml" and file_path.parent.name == "calls":
        return File.from_parent(parent, path=file_path)
    return None
