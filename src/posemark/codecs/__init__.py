"""L1: codecs encode key points as network outputs and decode them, with numpy only."""

VERSION = 2
"""Version of the decoders' rules, increased with every change.

Reports do not compare results of different versions.
"""
