"""The report as one HTML file: its parts, and the script and style that are written into it."""
