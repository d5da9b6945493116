"""What only GitHub's runner needs: inputs, outputs, the job summary, comments and the issue."""
