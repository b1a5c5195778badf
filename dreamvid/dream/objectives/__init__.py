"""The objectives for `--objective`: one module each, which `dreamvid.registers.OBJECTIVES` finds by its name."""
