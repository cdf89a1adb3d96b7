"""SDKs that users test with: boto3, openai."""

from declared import Step, Suite, record, replay

SUITE = Suite(
    needs=("boto3", "openai"),
    steps=(
        record(passed=3, asks=4),
        replay(passed=3),
        Step(command="grep -r not-for-the-cassette cassettes", status=1),
    ),
)
