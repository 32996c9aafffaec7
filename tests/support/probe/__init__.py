"""A service that tests drive: it says what it did, and fails when told to."""
