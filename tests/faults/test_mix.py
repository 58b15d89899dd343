"""AWS fails at random while users upload, look, edit and delete: nothing acknowledged is lost, nothing is doubled."""

from tests.faults.mix import run

SECONDS = 12.0
SEED = 5


async def test_a_while_of_faults_of_all_kinds(endpoint: str) -> None:
    """A longer one is `make faults`."""
    outcome = await run(endpoint, SECONDS, SEED)
    print("\\n".join(outcome.lines()))
    assert outcome.wrong == []
    assert outcome.injected.total() > 20
    assert outcome.acknowledged > 5
    assert outcome.repeated > 0
