"""What the tests on real systems share: cases with one line of result each, a cluster, halligan itself, and witnesses beside it."""
