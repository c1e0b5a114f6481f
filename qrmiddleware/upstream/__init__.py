"""What answers searches: a cluster over HTTP, or the embedded engine. One shape for both."""
