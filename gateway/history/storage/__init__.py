"""What lies on disk, and what of it is authenticated.

store    the SQLite file            rows       what lies in it (pure)
chain    the chain of data keys     anchor     how far the history had come
key_files   where the gateway's own keys lie, and the folder's lock
"""
