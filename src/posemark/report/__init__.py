"""L5: from raw records to figures, charts, tables and the page. Knows no torch."""
