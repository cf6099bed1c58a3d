"""Runs jobs in a test, and keeps what was reported meanwhile."""

from posemark.run.interleave import run_jobs


class Heard:
    """A watcher that keeps everything a run reports."""

    def __init__(self):
        self.opened, self.steps, self.paths, self.deaths = [], [], [], {}
        self.standings, self.unable = {}, []

    def opening(self, place):
        self.opened.append(place)

    def ready(self, standings, unable):
        self.standings |= standings
        self.unable += unable

    def step(self, place, step):
        self.steps.append((place, step))

    def over(self, place, path):
        self.paths.append(path)

    def died(self, place, error):
        self.deaths[place] = str(error)


def run_all(jobs, out, resume=False, isolate=False):
    """Run jobs in turns, and return what their watcher heard."""
    heard = Heard()
    run_jobs([jobs], out, resume, isolate, heard)
    return heard


def run_one(job, out, resume=False):
    """Run one job; return the path of its record and the reported steps."""
    heard = run_all([job], out, resume)
    return heard.paths[0], [step for _, step in heard.steps]
