"""The qrmiddleware pipeline inside an elasticsearch-py client, without a proxy."""
