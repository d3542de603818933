"""The trained model: the file that it comes in, and how it scores a payment.

Standard library only, so that a function loads it in milliseconds and no model file can bring code.
"""
