"""L1: key points <-> network output. numpy only; knows neither images nor networks."""

VERSION = 2
"""Raised whenever the rules of any decoder change: results of different ones are not compared."""
