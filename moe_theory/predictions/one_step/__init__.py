"""The dense network after one full-batch step, exactly and in the limit of large sizes."""
