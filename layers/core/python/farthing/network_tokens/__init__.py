"""Network tokens: what stands for a saved card at its scheme, and outlives its number.

Reading order: `port` (what a token service does), `on_file` (what a payment method's row says of
its token), `at_service` (what `charge` does about it), `tend` (what is written of that), `hint`
(what the service tells by itself), `sandbox` (a connector).
"""
