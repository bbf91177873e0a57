"""What `chitram doctor` looks at: one file a part of the service, each turning facts into findings."""
