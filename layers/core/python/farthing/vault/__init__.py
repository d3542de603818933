"""Where card numbers are, and the only code that can read one.

`tokens` seals a card and can open none; `charge` opens one, after it has put an audit row. Nobody
else has this package's keys.
"""
