"""L1: downloads files and unpacks archives; the only access to the internet in the package.

`wanted` describes a file and those who watch its download, `web` requests an address (https
only), `files` downloads a file (resumes, retries, tries the next mirror, verifies, then renames),
`archives` takes members out of a zip file, and `notes` keeps digests and accepted licences.
"""

from posemark.downloads.wanted import DOUBTS, SILENT, Wanted, Watcher, doubt

__all__ = ["DOUBTS", "SILENT", "Wanted", "Watcher", "doubt"]
