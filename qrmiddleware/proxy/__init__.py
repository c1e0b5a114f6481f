"""The drop-in proxy: the only package that listens on sockets."""
