"""What the home keeps and for how long: the nightly removal of what is due, and how much all of it weighs."""
