"""A shop of the feed's accounts, simulated, with its true probability of a first purchase."""
