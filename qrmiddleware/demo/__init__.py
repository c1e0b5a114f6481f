"""A shop of our own making, to see the middleware at work without any data of one's own."""
