"""Training a classifier from an image folder.

`train(settings, report)` runs to the end; `training_events(settings)` yields events and can be stopped. Both are
in `dreamvid.train.loop`, and `TrainSettings` in `dreamvid.train.settings`: nothing heavy is imported here.
"""
