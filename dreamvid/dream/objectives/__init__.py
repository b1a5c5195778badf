"""The objectives for `--objective`: a module each, which `dreamvid.runtime.registers.OBJECTIVES` finds by its name."""
