"""L5: people found in images, videos and cameras, drawn, and written to files of poses."""
