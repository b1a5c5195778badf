"""Ways to estimate depth that need no download; a module each, named as people type it."""
