"""What we do: each file is one stage; stages get the doors they need as arguments."""
