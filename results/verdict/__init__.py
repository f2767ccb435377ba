"""What is due against what is there: which rows are right, and what is wrong with the others."""
