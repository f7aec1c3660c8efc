"""What every request and every answer goes through, whatever the view.

app         the parts, joined                    serving         waitress, in threads of its own
sessions    who is signed in, in memory only     gate            which view needs what
throttle    guesses get slower                   known_browsers  lanes for those that were let in before
connections, turns                               nobody keeps the others out
headers     what every answer carries            errors          when something goes wrong
"""
