"""Find the releases of a project, select the best wheel, explain why, and download it."""
