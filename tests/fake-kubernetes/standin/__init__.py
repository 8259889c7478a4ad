"""A stand-in for a Kubernetes API server and its controllers, on loopback, for what no real control plane at hand can be made to do."""
