"""How adapters are tested: against small real counterparts, a socket, a program, a folder."""
