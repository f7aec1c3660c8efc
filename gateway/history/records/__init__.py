"""What is kept of readings: profile rows and trace blocks, and the periods that they are of. Pure.

profile   registers at each period's end      trace    every reading, a quarter hour to a block
periods   local days, months, years           columns  how a trace becomes small
limits    how fast a register can rise        varint   numbers in few bytes
"""
