"""Pages of one HTML file each, from jinja2 templates: whatever a template inserts is escaped.

All pages share the frame `page.html.jinja`: it asks for nothing outside itself, is readable in light and dark, narrow
and wide, and its Content-Security-Policy lets the browser run the page's own script and nothing else.
"""

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

FRAME = "data_gen.view"  # the package with the templates that all pages share


def templates(package: str = FRAME, **filters: Callable) -> Environment:
    """Returns the templates in a package's folder `templates` and the shared ones, with further filters."""
    loader = ChoiceLoader([PackageLoader(name) for name in dict.fromkeys((package, FRAME))])
    found = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    found.filters |= {"data_uri": data_uri, "csp_hash": csp_hash, **filters}
    # Not an include: braces in a style sheet or script are not a template's.
    found.globals["verbatim"] = lambda name: loader.get_source(found, name)[0]
    return found


def data_uri(image: bytes) -> str:
    """Returns a PNG or SVG as a `data:` URI."""
    kind = "svg+xml" if image.startswith(b"<") else "png"
    return f"data:image/{kind};base64,{b64encode(image).decode()}"


def csp_hash(script: str) -> str:
    """Returns the source expression by which a Content-Security-Policy allows one inline script."""
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"
