"""What the owner asks after an unlock.

open_history   the queries                            usage      between registers (pure)
points         a day's curve (pure)                   tariffs    what it costs
export         to a spreadsheet or another program
"""
