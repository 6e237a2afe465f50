"""PostgreSQL with two roles: the owner migrates and flushes, the application role does everything else."""
