"""The ways to measure optical flow: one module each, which `dreamvid.runtime.registers.FLOWS` finds by its name."""
