"""What can be done: each action makes a plan, and the code of its steps carries it out."""
