"""Color management: from what a file stores to a picture that dreams well, and back without loss."""
