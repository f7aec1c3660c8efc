"""From readings to the disk.

plausibility   what of readings is believed (pure)   recorder   readings -> batches
memory         what must be found again (pure)       writer     batches -> disk, in its own thread
"""
