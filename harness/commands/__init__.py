"""The command line beside its entry: commands in files of their own, and what all commands have alike."""
