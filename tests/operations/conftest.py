"""A ledger in a real file, and doors that jam when the test wants it."""

from tests.consent.conftest import disclosures, ledger, newest, path, read

__all__ = ["disclosures", "ledger", "newest", "path", "read"]  # fixtures
