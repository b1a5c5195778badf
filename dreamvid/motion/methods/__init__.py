"""The ways to measure optical flow: one module each, which `dreamvid.registers.FLOWS` finds by its name."""
