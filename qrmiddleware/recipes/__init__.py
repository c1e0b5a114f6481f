"""What training recipes share: gathering pairs, learning from labels, finishing a student."""
