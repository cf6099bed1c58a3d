"""The program that measures on a device where PoseMark cannot be installed.

The modules of this package and what they use of PoseMark become one file, run.py, for Python 3.6
and later with numpy and one inference engine. They also run as they are, inside the package.
Therefore they use nothing of torch, msgspec, psutil, rich and typer when they are called.
"""
