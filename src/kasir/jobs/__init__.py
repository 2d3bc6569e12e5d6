"""What runs later, on the job engine (pgqueuer), in the same PostgreSQL as everything else."""
