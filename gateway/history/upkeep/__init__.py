"""What is done with the history over the years.

renewal     other keys, every year          recovery   a new password by recovery code
retention   what goes, and when             erase      all of it, the keys first
backup      to another disk, and back       salvage    what is readable of a damaged file
verify      what was altered, removed, put back
"""
