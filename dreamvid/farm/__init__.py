"""One film on many machines, by Ray: units of work, workers that render them, and the driver that joins what they made.

Only this room knows of Ray, which is an extra: `pip install 'dreamvid[farm]'`.
"""
