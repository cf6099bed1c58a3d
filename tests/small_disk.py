"""A small disk in memory, which tests fill on purpose."""

import subprocess


class SmallDisk:
    """A small disk in memory, mounted in a folder."""

    def __init__(self, folder, size):
        self.folder = folder
        self._mount("-t", "tmpfs", "-o", f"size={size}", "none")

    def _mount(self, *words):
        subprocess.run(["mount", *words, self.folder], check=True, capture_output=True)

    def change(self, options):
        self._mount("-o", f"remount,{options}", "none")

    def fill(self):
        """Write a file into the folder until no byte is left, as another program may."""
        with self._filler.open("wb", buffering=0) as file:
            while True:
                try:
                    file.write(bytes(1 << 20))
                except OSError:
                    return

    def make_room(self):
        """Remove the file that filled the disk."""
        self._filler.unlink()

    @property
    def _filler(self):
        return self.folder / "of-another-program"

    def end(self):
        subprocess.run(["umount", self.folder], check=True)
