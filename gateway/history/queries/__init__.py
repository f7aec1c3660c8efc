"""What the owner asks after an unlock.

open_history   the queries                            usage      between registers (pure)
points         a day's curve (pure)                   export     to a spreadsheet or another program
"""
