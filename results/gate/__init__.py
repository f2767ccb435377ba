"""The gate: is one revision slower than another? Pure statistics, and what they say of judged trials."""
