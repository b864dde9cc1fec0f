"""The guided tour: the main job done by key and mouse events on the real window.

Looks at painted pictures only: what it measures comes from the screen.
Reaches into no room behind the widgets.
"""
