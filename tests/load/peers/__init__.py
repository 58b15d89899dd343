"""Other upload servers, to compare with."""
