"""What a search engine makes of rewrites: searched, judged and measured offline."""
