"""The commands of the AWS CLI that hints and documents name can be run: what they name is there."""

from pathlib import Path

import pytest

from tests.aws_commands import commands_in, read, texts_of

ROOT = Path(__file__).parent.parent.parent
HINTS = sorted(
    {
        command
        for folder in ("service/storage/checkup", "service/doctor")
        for text in texts_of(ROOT / folder)
        for command in commands_in(text)
    }
)
DOCUMENTED = sorted(
    {
        command.partition("  #")[0]
        for path in (ROOT / "docs").glob("*.md")
        for command in commands_in(path.read_text().replace("\\\n", ""))
        if " --" in command
    }
)


def test_all_are_found() -> None:
    """Those of constants, of texts with values in them, and of texts put together."""
    found = {tuple(command.split()[1:3]) for command in HINTS}
    assert found >= {
        *(("sts", "get-caller-identity"), ("sso", "login"), ("configure", "list-profiles")),
        *(("s3api", "put-public-access-block"), ("s3api", "put-bucket-versioning"), ("s3api", "get-bucket-location")),
        *(("dynamodb", "update-table"), ("sqs", "set-queue-attributes"), ("sns", "create-topic")),
    }
    assert DOCUMENTED


@pytest.mark.parametrize("command", HINTS + DOCUMENTED)
def test_a_command(command: str) -> None:
    """Service, operation and parameters are there by these names, and none that is needed is left out."""
    read(command)


@pytest.mark.parametrize(
    "command",
    [
        "aws sqs set-queue-attribute --queue-url U --attributes VisibilityTimeout=1",
        "aws sqs set-queue-attributes --queue U --attributes VisibilityTimeout=1",
        "aws sqs set-queue-attributes --queue-url U",
        "aws sqs set-queue-attributes --queue-url $(aws sqs get-queue-url --name Q) --attributes VisibilityTimeout=1",
        "aws s3api put-public-access-block --bucket B --public-access-block-configuration BlockAcls=true",
        "aws dynamodb update-table --table-name T --billing-mode PAY_PER_REQUEST of it",
    ],
)
def test_a_wrong_command(command: str) -> None:
    """Is told from a right one."""
    with pytest.raises((KeyError, AssertionError)):
        read(command)
