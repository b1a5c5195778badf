"""What of dreamvid works on this machine, what does not, and what is slow: `dreamvid doctor`."""
