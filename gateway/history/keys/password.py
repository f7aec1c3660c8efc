"""Passwords: what is too short or too common is not taken.

Who steals a gateway with its key guesses what people choose most: lists of leaked passwords, words and names,
and what is made of them. zxcvbn knows these lists, and how many guesses a password withstands.
"""

from __future__ import annotations

import re

from gateway.errors import PasswordTooCommon, PasswordTooShort

SHORTEST_PASSWORD = 10
_FEWEST_GUESSES = 10**8
# The estimate takes seconds for odd long ones. What is safe after so many characters is safe.
_LONGEST_JUDGED = 30
# What comes to mind in front of this gateway, and on the lists of no language but English.
_AT_HAND = (
    "p1 gateway p1-gateway p1gateway raspberry raspberrypi smartmeter meter electricity energy"
    " slimme slim slimmemeter stroom stroommeter energie elektriciteit gas water warmte meterkast"
    " wachtwoord geheim welkom thuis hallo welcome password secret home"
    " januari februari maart april mei juni juli augustus september oktober november december"
    " lente zomer herfst winter maandag dinsdag woensdag donderdag vrijdag zaterdag zondag"
    " amsterdam rotterdam utrecht nederland feyenoord ajax psv"
)
_A_NUMBER = 6


def check_password(password: str, meter_number: str | None = None) -> None:
    """Raises PasswordTooShort and PasswordTooCommon. The meter's number, where known, makes none safer."""
    if len(password) < SHORTEST_PASSWORD:
        raise PasswordTooShort(SHORTEST_PASSWORD)
    if _guesses(_without(password, meter_number or "")) < _FEWEST_GUESSES:
        raise PasswordTooCommon


def _guesses(password: str) -> int:
    # Its lists take a while to load, which no other command shall wait for.
    from zxcvbn import zxcvbn  # noqa: PLC0415

    return int(zxcvbn(password[:_LONGEST_JUDGED], user_inputs=_AT_HAND.split())["guesses"]) if password else 0


def _without(password: str, number: str) -> str:
    """The password but for what stands on the meter's front: the number, its digits, or the last of them."""
    for part in (number, *re.findall(rf"\d{{{_A_NUMBER},}}", number)):
        for end in range(len(part), _A_NUMBER - 1, -1):
            password = re.sub(re.escape(part[-end:]), "", password, flags=re.IGNORECASE)
    return password
