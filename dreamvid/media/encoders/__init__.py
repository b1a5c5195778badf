"""The codecs that can be written: one module each, which `dreamvid.runtime.registers.CODECS` finds by its name."""
