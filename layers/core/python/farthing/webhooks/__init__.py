"""Events told to the merchant: the feed, endpoints, deliveries, signatures."""
