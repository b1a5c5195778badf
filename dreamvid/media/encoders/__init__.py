"""The codecs that can be written: one module each, which `dreamvid.registers.CODECS` finds by its name."""
