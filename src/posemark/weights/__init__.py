"""L2: checkpoints: reading them safely, fitting their key names, and the local cache.

Only `fetch` (download.py) uses the internet, through posemark.downloads.
"""

from posemark.core.checkpoint_names import SUFFIXES
from posemark.core.digests import sha256_of
from posemark.weights.best import at_hand, own_tags
from posemark.weights.cache import (
    BEST,
    NONE,
    RESCORE,
    Checkpoint,
    cache_dir,
    cached,
    import_file,
    names_file,
    rescorer_of,
    resolve,
    row_of,
)
from posemark.weights.download import fetch, offered_terms, sound, terms_of, wanted_of
from posemark.weights.fitting import load_fitting, load_into
from posemark.weights.recognise import Outcome, checkpoints, import_all

__all__ = [
    "BEST",
    "NONE",
    "RESCORE",
    "SUFFIXES",
    "Checkpoint",
    "Outcome",
    "at_hand",
    "cache_dir",
    "cached",
    "checkpoints",
    "fetch",
    "import_all",
    "import_file",
    "load_fitting",
    "load_into",
    "names_file",
    "offered_terms",
    "own_tags",
    "rescorer_of",
    "resolve",
    "row_of",
    "sha256_of",
    "sound",
    "terms_of",
    "wanted_of",
]
