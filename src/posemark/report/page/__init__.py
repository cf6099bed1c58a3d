"""The report as one HTML file: its parts, and the scripts and the style that it contains."""
