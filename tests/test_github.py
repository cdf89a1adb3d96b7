"""The forms, the workflows and the hooks for contributors are what they say."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github"
if not GITHUB.exists():
    pytest.skip("reason: the sdist comes without .github", allow_module_level=True)


def loaded(path: Path) -> dict:
    return yaml.safe_load(path.read_text("utf-8"))


@pytest.mark.parametrize("path", sorted(GITHUB.rglob("*.yml")), ids=lambda path: path.stem)
def test_is_yaml(path):
    """Each form and each workflow can be read, and has a name, but for the forms' settings."""
    assert "name" in loaded(path) or path.stem == "config"


def test_a_bug_report_asks_for_info():
    """The form for faults has to have the output of `reqord info`, and points to SECURITY.md."""
    form = loaded(GITHUB / "ISSUE_TEMPLATE" / "bug.yml")
    fields = {field["id"]: field for field in form["body"] if "id" in field}

    assert "reqord info" in fields["info"]["attributes"]["label"]
    assert fields["info"]["validations"]["required"]
    assert "SECURITY.md" in form["body"][0]["attributes"]["value"]
    assert (GITHUB / "SECURITY.md").exists()


def test_only_what_was_tested_is_published():
    """The release builds in one job alone; tests take that wheel, publishing waits for them."""
    jobs = loaded(GITHUB / "workflows" / "release.yml")["jobs"]
    builds = [name for name, job in jobs.items() if "python -m build" in str(job)]

    assert builds == ["build"]
    assert jobs["test"]["needs"] == "build"
    assert jobs["publish"]["needs"] == "test"
    assert jobs["publish"]["permissions"]["id-token"] == "write"
    assert "attestations" in str(jobs["publish"]["steps"])


def test_release_notes(tmp_path):
    """The release's text is the part of the changelog under its heading."""
    steps = loaded(GITHUB / "workflows" / "release.yml")["jobs"]["announce"]["steps"]
    awk = steps[-1]["run"].partition("gh release")[0]
    changelog = "# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2026-12-01\n\n- New.\n\n## [1.1.0] - 2026-11-01\n\n- Old.\n"
    (tmp_path / "CHANGELOG.md").write_text(changelog)

    env = {"GITHUB_REF_NAME": "v1.2.0", "PATH": "/usr/bin:/bin"}
    subprocess.run(["bash", "-euc", awk], cwd=tmp_path, env=env, check=True)

    assert (tmp_path / "notes.md").read_text().split() == ["-", "New."]


def test_hooks_for_contributors():
    """Each hook is a command of the environment that CONTRIBUTING makes, or a script of ours."""
    (repository,) = loaded(ROOT / ".pre-commit-config.yaml")["repos"]
    for hook in repository["hooks"]:
        command, *words = hook["entry"].split()
        assert re.fullmatch(r"\.venv/bin/(ruff|mypy|python|reqord)", command)
        assert all((ROOT / word).exists() for word in words if word.endswith(".py"))
        assert hook["language"] == "system"
