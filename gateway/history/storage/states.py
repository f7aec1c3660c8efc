"""The names under which the daemon's own memory lies in the database, hidden under the gateway secret."""

RECORDER = "recorder"
"""What the recorder goes on from."""
HEAD = "head"
"""What each meter's chain has come to."""
FORGOTTEN = "forgotten"
"""The last data keys of meters that the retention has removed to the last."""
