"""Shows an evaluation: in the terminal, as JSON, as Markdown, and as a page for a browser."""
