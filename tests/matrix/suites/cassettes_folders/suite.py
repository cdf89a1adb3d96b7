"""A tree with folders of cassettes, and a conftest that collects YAML files of its own."""

from declared import Suite, replay

SUITE = Suite(
    steps=(
        replay(passed=4),
        replay(options="api tests", passed=3),
        replay(options="api/cassettes", status=5),
    ),
)
