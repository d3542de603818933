"""Stripe as acquirer, by its PaymentIntents API, with tokens that its own fields made.

guarantees  what Stripe guarantees, and the bounds of our requests
form        its requests' bodies
units       its minor units, where they differ from ISO 4217's
api         one request: what came back, and what that proves
payment     a PaymentIntent or a refund, read and compared with what was asked
declines    its error and decline codes in our words
connector   the acquirer port
saved       a saved card, charged again
books       what its books say since an instant
messages    its webhooks: signature, and what they are about
"""
