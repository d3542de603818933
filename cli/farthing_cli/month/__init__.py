"""`farthing demo month`: a merchant's month on the local stack, and its books at the end."""
