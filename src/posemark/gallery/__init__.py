"""L5: the gallery beside a report: frames as pictures, with the truth and the poses drawn."""
