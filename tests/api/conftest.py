"""A user of a whole module, for tests that only read."""

import pytest

from tests.driver import Client


@pytest.fixture(scope="module")
def owner(_module_client: Client) -> Client:
    """The user to whom a module's shared images belong."""
    return _module_client.as_user("owner")
