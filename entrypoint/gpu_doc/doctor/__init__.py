"""What `gpu-doc doctor` looks at."""
