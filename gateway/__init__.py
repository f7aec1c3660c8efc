"""The P1 gateway: a smart meter's readings for its owner, and for nobody else without consent.

The way of a telegram, room by room:

    meter/      bytes arrive from a serial port, a TCP line or a capture file
    p1/         bytes -> frame (decrypted, where it was encrypted) -> telegram -> reading: what the
                meter said, typed, in UTC
    history/    plausibility: what cannot be is held until the telegrams after it confirm it
    live.py     the reading that the page shows as "now"
    history/    the reading becomes profile rows and trace blocks, sealed with a key that
                the daemon itself cannot open again
    consent/    what of a reading or row a recipient may have: `disclose` is the only way out
    broker/     what was disclosed goes to MQTT, to that recipient alone
    page/       the owner claims, reads, grants and withdraws
    daemon.py   joins them; the loop to read first
"""

__version__ = "0.1.0"
