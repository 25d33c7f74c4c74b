"""The site: Markdown in this folder, and reference pages made from the code while it is built."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "Perdure"
author = "The authors of Perdure"
project_copyright = "the authors of Perdure"
version = release = version_of("perdure")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "reference"]
exclude_patterns = ["_ext", "_static"]

myst_heading_anchors = 3
smartquotes = False  # what is quoted may be typed
myst_enable_extensions = ["colon_fence"]

# A name in a docstring that leads nowhere is an error; those of other libraries lead nowhere here.
nitpicky = True
# Nor do those that are not public, which some signatures show.
nitpick_ignore_regex = [
    ("py:.*", r"(?!perdure\.).*"),
    ("py:.*", r"perdure\.(?:models|[a-z]+(?:\.[a-z_]+)+)\.\w+"),
]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_class_signature = "separated"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
napoleon_use_ivar = True
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = "Perdure"
html_static_path = ["_static"]
html_css_files = ["perdure.css"]
html_show_sourcelink = False
html_copy_source = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
