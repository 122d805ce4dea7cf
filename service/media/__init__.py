"""What comes from outside: uploads and inputs, looked at before anything else."""
