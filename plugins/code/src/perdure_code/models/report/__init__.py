"""What was made with a model, in Markdown: what is proven, and apart from it what was said."""
