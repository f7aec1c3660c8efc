"""Data keys out of their records: the one place where a record is opened, to be used or sealed anew."""

from __future__ import annotations

from dataclasses import replace

from gateway.history.keys.keyring import HouseholdKey, HouseholdSeal
from gateway.history.keys.seal import DataKey, cipher_of
from gateway.history.storage.rows import DataKeyRecord


def opened(record: DataKeyRecord, household: HouseholdKey, number: str) -> DataKey:
    """The data key of a record, with the number of its meter.

    Raises CannotUnlock, and SealBroken for a cipher that this version does not know.
    """
    raw = household.open_data_key(record.sealed, number)
    return DataKey(raw, record.meter_tag, cipher_of(record.suite))


def rewrapped(
    record: DataKeyRecord, old: HouseholdKey, household: HouseholdSeal, number: str
) -> DataKeyRecord:
    """The record, sealed to another household key pair. Raises CannotUnlock."""
    sealed = household.seal_data_key(old.open_data_key(record.sealed, number), number)
    return replace(record, sealed=sealed, suite=f"{household.suite}/{cipher_of(record.suite)}")
