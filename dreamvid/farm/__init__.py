"""One film on many machines, with Ray: units of work, workers that render them, and the driver that joins the results.

Only this room knows of Ray, which is an extra: `pip install 'dreamvid[farm]'`.
"""
