"""HTTP only: parse the request, make one call to a service, present the answer. No handler catches an error."""
