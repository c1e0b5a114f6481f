"""How fast the small models are that serving may ask: the same weights, several runtimes."""
