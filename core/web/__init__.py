"""The web pages that :mod:`perdure.api` serves: templates, forms, rendering."""
