"""What makes a page one file that loads nothing: its parts, filled in, and what may run in it."""

import base64
import hashlib
import re
from collections.abc import Mapping
from importlib import resources


def part(name: str, package: str = "posemark.report.page") -> str:
    """Return the text of a template, style or script of a package."""
    return (resources.files(package) / name).read_text(encoding="utf-8")


def inline(script: str) -> str:
    """Return a script as it can be written between its tags, with the line ends that are hashed."""
    return script.replace("\r\n", "\n").replace("</script", "<\\/script")


def policy(*scripts: str) -> str:
    """Return a content security policy by which only these scripts run, and nothing is loaded."""
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    hashes = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {hashes}; "
        "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def filled(template: str, parts: Mapping[str, str]) -> str:
    """Return a template with its {{placeholders}} filled in.

    All of them are filled in one pass, so that text from records is never searched for
    placeholders.
    """
    return re.sub(r"\{\{(\w+)\}\}", lambda name: parts[name[1]], template)
