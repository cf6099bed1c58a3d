"""Running jobs in a test: what became of them, and what was told on the way."""

from posemark.run.interleave import run_jobs


class Heard:
    """Everything a run told its watcher."""

    def __init__(self):
        self.opened, self.steps, self.paths = [], [], []
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


def run_all(jobs, out, resume=False, isolate=False):
    """What the watcher of jobs that take turns heard."""
    heard = Heard()
    run_jobs([jobs], out, resume, isolate, heard)
    return heard


def run_one(job, out, resume=False):
    """The path of the record of one job, and the steps that were reported on the way."""
    heard = run_all([job], out, resume)
    return heard.paths[0], [step for _, step in heard.steps]
