"""What a run tells the user in the terminal."""
