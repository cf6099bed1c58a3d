"""L1: files from the web, and what is in archives: the only access to the network in the package.

`wanted` is which file is meant and who watches, `web` how an address is asked (https and nothing
else), `files` how a file arrives whole: resumed, from the next mirror, verified, then named;
`archives` takes members out of a zip file, `notes` keeps digests and accepted licences.
"""

from posemark.downloads.wanted import DOUBTS, SILENT, Wanted, Watcher, doubt

__all__ = ["DOUBTS", "SILENT", "Wanted", "Watcher", "doubt"]
