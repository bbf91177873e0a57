"""People and programs that use a Chitram, for Locust: how they behave, what they check, what counts as a failure."""
