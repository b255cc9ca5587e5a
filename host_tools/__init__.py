"""Everything that touches a process or a port: compilers, simulator, emulators, traces."""
