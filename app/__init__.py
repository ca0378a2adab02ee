"""The window: panels over one session, and work off the GUI thread."""
