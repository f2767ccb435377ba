"""What a history holds, read and checked; nothing is concluded here."""
