"""Everything is recorded anew; a test that fails keeps what it had."""

from declared import Suite, record, replay

SUITE = Suite(
    steps=(
        record(passed=2, asks=3),
        replay(passed=2),
        record("all", passed=2, asks=3),
        record(
            "all",
            change={"test_reports.py": ('["path"] == "/report"', '["path"] == "wrong"')},
            passed=1,
            failed=1,
            asks=2,
            holds=3,
        ),
        replay(
            change={"test_reports.py": ('["path"] == "wrong"', '["path"] == "/report"')}, passed=2
        ),
        record("rewrite", passed=2, asks=3),
        replay(passed=2),
    ),
)
