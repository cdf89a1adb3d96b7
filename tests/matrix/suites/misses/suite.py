"""A request that isn't in the cassette fails its test, whatever the code makes of it."""

from declared import Suite, record, replay

SUITE = Suite(
    steps=(
        replay(passed=1, failed=3, says=("no such cassette", "--record-mode=once")),
        record(passed=4, asks=3),
        replay(
            change={"test_weather.py": ('CITY = "Rome"', 'CITY = "Oslo"')},
            passed=2,
            failed=2,
            says=(
                "GET {api}/weather?city=Oslo is not in",
                "query city: sent ['Oslo'], recorded ['Rome']",
                "--record-mode=new_episodes",
            ),
        ),
        record("new_episodes", passed=4, asks=2, holds=5),
        replay(passed=4, silent=False, says=("unplayed",)),
    ),
)
