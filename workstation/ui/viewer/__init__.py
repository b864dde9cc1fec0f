"""The viewer: canvases that paint pictures and overlays, the grid they lie in, and the panel around them.

It paints what `viewing` says and turns mouse and keys into its gestures and commands.
No decoding, no pixel arithmetic.
"""
