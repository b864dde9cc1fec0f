"""Figures beside their peers: how quick the workstation is on this machine, as a ratio in one run."""
