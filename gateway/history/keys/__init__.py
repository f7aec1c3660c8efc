"""Keys: the one place where they are made, wrapped and used.

root_keys    the gateway's own keys           suites      what keys are made with, by name
keyring      the household's keys             seal        rows and blocks under a data key
hidden_file  what only the gateway reads
"""
